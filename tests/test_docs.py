"""What the documentation says is so."""

import ast
import re

from pathlib import Path

import pytest

from harness import exporting_from, simulated

from exporter.config import load
from exporter.jobs import UNRECOGNIZED, V1_STATUSES, V2_STATUSES, Phase


ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "exporter"

# From left to right: a module imports only from modules before it.
ORDER = [
    "__init__",
    "jobs",
    "apis",
    "errors",
    "config",
    "tally",
    "payloads",
    "census",
    "endings",
    "report",
    "telemetry",
    "budget",
    "refusals",
    "credentials",
    "wire",
    "client",
    "modelarts",
    "listing",
    "counting",
    "survey",
    "failurelog",
    "collection",
    "collector",
    "labels",
    "families",
    "exposition",
    "scraping",
    "discovery",
    "page",
    "webconfig",
    "guard",
    "connections",
    "web",
    "server",
    "program",
    "checking",
    "simulator",
    "demo",
    "logs",
    "cli",
    "__main__",
]


def test_the_readmes_configuration(tmp_path):
    """The README's configuration is one, apart from secrets that are yours."""
    text = (ROOT / "README.md").read_text()
    yaml = re.search(r"<!-- The tests.*?```yaml\n(.*?)```", text, re.DOTALL)[1]
    for name in ("otc-password", "huawei-secret-key"):
        (tmp_path / name).write_text("secret")
    file = tmp_path / "modelarts.yml"
    file.write_text(yaml.replace("/run/secrets/", f"{tmp_path}/"))

    configuration = load(str(file), {"HUAWEI_ACCESS_KEY": "key"})

    assert [project.name for project in configuration.projects] == ["vision", "speech"]


def test_the_example_configuration(tmp_path):
    """The example in `deploy/` is a configuration, and has every documented key."""
    text = (ROOT / "deploy/modelarts.example.yml").read_text()
    (tmp_path / "secrets").mkdir()
    for name in ("otc-password", "huawei-secret-key"):
        (tmp_path / "secrets" / name).write_text("secret")
    file = tmp_path / "modelarts.yml"
    file.write_text(text)

    assert load(str(file), {"HUAWEI_ACCESS_KEY": "key"}).projects
    documented = re.findall(
        r"^\| `([a-z_.`, ]+)` \|",
        (ROOT / "docs/configuration.md").read_text(),
        re.MULTILINE,
    )
    keys = {key.rpartition(".")[2] for keys in documented for key in keys.split("`, `")}
    assert len(keys) > 20
    assert not [key for key in keys if f"{key}:" not in text]


async def test_every_metric_is_documented():
    """The table of metrics has the names, types and labels that are exported."""
    async with exporting_from(simulated("a")) as exporter:
        await exporter.scrape()
        scrape = await exporter.scrape()
    documented = dict(
        re.findall(
            r"^\| `(modelarts_\w+)` \| ([a-z ]+) \|",
            (ROOT / "docs/metrics.md").read_text(),
            re.MULTILINE,
        )
    )
    types = dict(re.findall(r"# TYPE (modelarts_\w+) (\w+)", scrape.response.text))
    exported = {
        name: {"histogram": "gauge histogram"}.get(kind, kind)
        if name == "modelarts_job_duration_seconds"
        else kind
        for name, kind in types.items()
        if not name.endswith(("_gcount", "_gsum"))
    }

    assert documented == exported


@pytest.mark.parametrize(
    ("heading", "statuses"),
    [("Of v1", V1_STATUSES.values()), ("Of v2", V2_STATUSES.values())],
    ids=["v1", "v2"],
)
def test_every_status_is_documented(heading, statuses):
    """The tables of statuses and phases are the code's."""
    text = (ROOT / "docs/metrics.md").read_text().partition(heading)[2]
    rows = re.findall(r"^\| `(\w+)` \| (`.*) \|$", text, re.MULTILINE)
    table = dict(rows[: len(Phase)])
    for status in (*statuses, UNRECOGNIZED):
        assert f"`{status.name}`" in table[status.phase]


def test_every_flag_is_documented():
    """The table of flags has those of the command line."""
    flags = set(re.findall(r'"(--[a-z.-]+)"', (PACKAGE / "cli.py").read_text()))
    text = (ROOT / "docs/configuration.md").read_text()

    assert not [flag for flag in flags if f"`{flag}`" not in text]


@pytest.mark.parametrize(
    "document",
    ["README.md", *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))],
)
def test_links_lead_somewhere(document):
    """Every link to a file of the project leads to one."""
    path = ROOT / document
    for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize(
    "path",
    sorted(PACKAGE.rglob("*.py")),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_imports_go_one_way(path):
    """A module imports only from modules before it; the simulator only knows `jobs`."""
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or node.level != depth:
            continue
        names = (
            [node.module.split(".")[0]] if node.module else [a.name for a in node.names]
        )
        for name in (name for name in names if name in ORDER):
            assert ORDER.index(name) < ORDER.index(room), f"{room} imports {name}"
            assert room != "simulator" or name == "jobs"
    assert room in ORDER


@pytest.mark.parametrize(
    "path",
    sorted(PACKAGE.rglob("*.py")),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_modules_are_short(path):
    """A module is read in a minute or two, and its first line says why it is there."""
    source = path.read_text()
    docstring = ast.get_docstring(ast.parse(source))

    assert source.count("\n") <= 320
    assert docstring
