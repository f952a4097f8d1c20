"""The documentation agrees with the code, and imports follow the architecture."""

import ast
import functools
import json
import re
import subprocess

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from documents import DOCUMENTS, blocks, slugs

from docs.build import DOCUMENTS as BUILT
from docs.build import built
from docs.man_page import MAN_PAGE, man_page
from docs.reference import configuration_keys
from exporter.collectors.registry import REGISTRY
from exporter.config import load


ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "exporter"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
# "." has the modules at the top.
PACKAGES = sorted({path.parts[0] if path.parent.name else "." for path in MODULES})

# A package imports only from the packages after its name.
VOCABULARY = {"", "clock", "deadline", "errors", "exchange", "terminal"}
BELOW = {
    "metrics": set(),
    "config": set(),
    "cloud": {"config", "metrics"},
    "collectors": {"cloud", "config", "metrics"},
    "collection": {"collectors", "cloud", "config", "metrics"},
    "web": {"collection", "collectors", "cloud", "config", "metrics"},
    "check": {"collection", "collectors", "cloud", "config", "metrics"},
    "simulator": set(),
}
# These put the parts together, and may import all of them.
TOP = {
    "__main__",
    "app",
    "cli",
    "completion",
    "demo",
    "exit_status",
    "flag_checks",
    "flags",
    "health_check",
    "logs",
}
# Pure tables, which describe the API and so also the simulated one.
ALSO_SIMULATED = {
    "collectors.jobs.kinds",
    "collectors.jobs.statuses",
    "collectors.phases",
}
# The only lines outside of their folders that know the products.
REGISTRY_MODULE = "collectors.registry"


@pytest.mark.parametrize(
    "block",
    [block for block in blocks("yaml") if block.text.startswith("clouds:")],
    ids=str,
)
def test_documented_configurations(block, tmp_path):
    """Documented configurations are complete, except for the reader's own secrets."""
    (tmp_path / "otc-password").write_text("secret")
    file = tmp_path / "modelarts.yml"
    file.write_text(block.text)

    configuration = load(str(file), {}, REGISTRY.names)

    assert not configuration.warnings
    assert configuration.clouds[0].discovery is not None


def test_the_example_configuration(tmp_path):
    """The example in `deploy/` is a configuration, and has every key."""
    text = (ROOT / "deploy/modelarts.example.yml").read_text()
    (tmp_path / "secrets").mkdir()
    for name in ("otc-password", "huawei-secret-key"):
        (tmp_path / "secrets" / name).write_text("secret")
    file = tmp_path / "modelarts.yml"
    file.write_text(text)

    assert load(str(file), {"HUAWEI_ACCESS_KEY": "key"}, REGISTRY.names).projects
    keys = {path.rpartition(".")[2].strip("*[]") for path in configuration_keys()}
    assert len(keys) > 20
    assert not [key for key in keys if not re.search(f"{key}(_file)?:", text)]


@pytest.mark.parametrize("document", BUILT, ids=lambda path: path.name)
@pytest.mark.slow
def test_references_are_what_the_code_says(document):
    """Keys, flags, metrics, statuses and thresholds, with types, labels and defaults."""
    text = document.read_text()

    assert text.count("made by make docs") >= 1
    assert built(text) == text


def test_the_manual_page_is_what_help_says():
    """The same program writes it, and man(1) finds it by its name and purpose."""
    assert MAN_PAGE.read_text() == man_page()
    assert re.search(
        r"^\.SH NAME\nmodelarts\\-exporter \\-\nPrometheus exporter",
        man_page(),
        re.MULTILINE,
    )


@pytest.mark.slow
@pytest.mark.needs("mandoc")
def test_the_manual_page_is_correct():
    """mandoc finds no error in it; it has no date."""
    checked = subprocess.run(
        ["mandoc", "-T", "lint", MAN_PAGE], capture_output=True, text=True, check=False
    )
    said = (checked.stdout + checked.stderr).splitlines()

    assert not [line for line in said if "missing date" not in line]


def test_a_reference_is_corrected():
    """A default, a type and a row that differ from the code are replaced."""
    text = (ROOT / "docs/configuration.md").read_text()
    wrong = text.replace("| 1 to 1,000 | `1000` |", "| text | `999` |")
    wrong = re.sub(r"\| `min_interval` .*\n", "", wrong)
    rows = built(wrong)

    assert wrong != text
    assert "| 1 to 1,000 | `1000` |" in rows
    assert "| `min_interval` | duration | `0s` |" in rows


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_lead_somewhere(document):
    """Every link to a file of the project, and to a heading in it, is valid."""
    text = document.read_text()
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", text):
        path = document.parent / target if target else document
        assert path.exists(), target
        assert not anchor or anchor in slugs(path), f"{target}#{anchor}"


@functools.cache
def parsed(path):
    """Return the syntax tree of a module, which is parsed once."""
    return ast.parse(path.read_text())


@functools.cache
def imports(path):
    """Return the modules of the exporter that a module imports, without `exporter.`."""
    return list(_imports(path))


def _imports(path):
    package = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = package[: len(package) - node.level + 1]
        for alias in node.names:
            parts = [*base, *(node.module or "").split("."), alias.name]
            parts = [part for part in parts if part]
            is_module = PACKAGE.joinpath(*parts).with_suffix(".py").exists()
            is_package = PACKAGE.joinpath(*parts, "__init__.py").exists()
            yield ".".join(parts if is_module or is_package else parts[:-1])


def modules_of(package):
    """Return the modules of a package."""
    is_top_level = package == "."
    return [
        path
        for path in MODULES
        if (not path.parent.name if is_top_level else path.parts[0] == package)
    ]


def imports_of(package):
    """Return each module of a package with its imports."""
    return [
        (path, found)
        for path in modules_of(package)
        for found in imports(PACKAGE / path)
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_down(package):
    """A module imports only from its own package, lower ones, and the vocabulary."""
    for path, found in imports_of(package):
        top_level = path.parts[0].removesuffix(".py").removesuffix("__init__")
        if top_level in TOP:
            continue
        allowed = {top_level} | BELOW.get(top_level, set()) | VOCABULARY
        is_table = top_level == "simulator" and found in ALSO_SIMULATED
        is_below = found.partition(".")[0] in allowed
        assert is_below or is_table, f"{path} imports {found}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_product_is_known_by_its_registry_line_alone(package):
    """Outside of a product's folder, only the registry imports it."""
    products = {folder.name for folder in (PACKAGE / "collectors").glob("*/")}
    for path, found in imports_of(package):
        parts = path.with_suffix("").parts
        top_level, _, rest = found.partition(".")
        product = rest.partition(".")[0]
        if top_level != "collectors" or product not in products:
            continue
        is_inside = parts[:2] == ("collectors", product)
        is_table = parts[0] == "simulator" and found in ALSO_SIMULATED
        is_known = is_inside or is_table or ".".join(parts) == REGISTRY_MODULE
        assert is_known, f"{path} imports {found}"


def test_each_module_is_in_a_known_place():
    """Each module is in a known package, or at the top by name."""
    for path in MODULES:
        top_level = path.parts[0].removesuffix(".py").removesuffix("__init__")
        assert top_level in TOP | BELOW.keys() | VOCABULARY, path


@pytest.mark.parametrize("top_level", ["collection", "web", "cloud", "check"])
def test_products_are_not_named_elsewhere(top_level):
    """Code outside of the products has no names of their kinds or collectors."""
    names = {*REGISTRY.kinds, *REGISTRY.names.known}
    for path in PACKAGE.joinpath(top_level).rglob("*.py"):
        for node in ast.walk(parsed(path)):
            match node:
                case ast.Constant(str(text)) | ast.Attribute(attr=text):
                    # An enum's member is the upper case of its value.
                    text = text.lower() if text.isupper() else text
                    assert text not in names, f"{path.name}:{node.lineno}"


def test_imports_have_no_cycles():
    """Imports between modules have no cycles."""
    graph = {}
    for path in MODULES:
        name = ".".join(path.with_suffix("").parts).removesuffix("__init__").strip(".")
        graph[name] = set(imports(PACKAGE / path)) - {name}

    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_are_short(package):
    """A module has at most 320 lines, and its first line says why it exists."""
    for path in modules_of(package):
        assert (PACKAGE / path).read_text().count("\n") <= 320, path
        assert ast.get_docstring(parsed(PACKAGE / path)), path


def test_the_policies_have_the_actions_that_the_exporter_names():
    """The policies have every permission that advice names."""
    named = {
        action
        for path in PACKAGE.rglob("*.py")
        for action in re.findall(r'"(modelarts:\w+:\w+)', path.read_text())
    }
    page = (ROOT / "docs/permissions.md").read_text()
    policies = [
        json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    ]
    actions = {
        policy["Version"]: set(policy["Statement"][0]["Action"]) for policy in policies
    }

    assert actions["1.1"] == named | {"modelarts:trainJob:get"}
    assert actions["5.0"] < actions["1.1"]
    for line in re.findall(r"^\| .*`modelarts:.*", page, re.MULTILINE):
        assert set(re.findall(r"modelarts:\w+:\w+", line)) <= actions["1.1"]


def test_the_quick_starts_policy():
    """The policy has the actions of the default collectors, and no others."""
    (policy,) = (
        json.loads(block.text)
        for block in blocks("json")
        if block.document.name == "quick-start.md"
    )
    actions = {action.split(":")[1] for action in policy["Statement"][0]["Action"]}

    assert actions == {"trainJob", "tensorboard"}
