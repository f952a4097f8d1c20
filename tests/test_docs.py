"""What the documentation says is so."""

import ast
import re

from pathlib import Path

import pytest

from docs.build import DOCUMENTS, built
from docs.reference import configuration_keys
from exporter.config import load


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
    "containment",
    "telemetry",
    "budget",
    "connection_pool",
    "response_memory",
    "response_body",
    "decoding",
    "refusals",
    "credentials",
    "wire",
    "client",
    "modelarts",
    "contradictions",
    "reverse",
    "listing",
    "counting",
    "survey",
    "failurelog",
    "shared_run",
    "collection",
    "collector",
    "labels",
    "families",
    "exposition",
    "watchdog",
    "scraping",
    "discovery",
    "page",
    "webconfig",
    "passwords",
    "guard",
    "log_limit",
    "connection_limiter",
    "invalid_requests",
    "connections",
    "accepting",
    "scrape_limit",
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
    """The example in `deploy/` is a configuration, and has every key that is read."""
    text = (ROOT / "deploy/modelarts.example.yml").read_text()
    (tmp_path / "secrets").mkdir()
    for name in ("otc-password", "huawei-secret-key"):
        (tmp_path / "secrets" / name).write_text("secret")
    file = tmp_path / "modelarts.yml"
    file.write_text(text)

    assert load(str(file), {"HUAWEI_ACCESS_KEY": "key"}).projects
    keys = {path.rpartition(".")[2].strip("*[]") for path in configuration_keys()}
    assert len(keys) > 20
    assert not [key for key in keys if not re.search(f"{key}(_file)?:", text)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_references_are_what_the_code_says(document):
    """Keys, flags, metrics and statuses, with their types, labels and defaults."""
    text = document.read_text()

    assert text.count("made by make docs") >= 4
    assert built(text) == text


def test_a_reference_is_corrected():
    """A default, a type and a row that are not the code's do not stay."""
    text = (ROOT / "docs/configuration.md").read_text()
    wrong = text.replace("| 1 to 1,000 | `1000` |", "| text | `999` |")
    wrong = re.sub(r"\| `min_interval` .*\n", "", wrong)
    rows = built(wrong)

    assert wrong != text
    assert "| 1 to 1,000 | `1000` |" in rows
    assert "| `min_interval` | duration | `0s` |" in rows


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
