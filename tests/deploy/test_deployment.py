"""What is shipped for deployment: units, Compose files, image, wheel and workflows."""

import re
import subprocess
import sys
import venv

from importlib import metadata
from pathlib import Path

import pytest
import yaml

from exporter.collectors.registry import REGISTRY
from exporter.config import load
from exporter.demo import demo_configuration
from exporter.simulator import DEMO_USER, demo_cloud


ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = [DEPLOY / "docker-compose.yml", DEPLOY / "docker-compose.real.yml"]
# The user's own files.
YOURS = {DEPLOY / "modelarts.yml", DEPLOY / "secrets"}


def run(*arguments, **more):
    """Run a program, and return its output."""
    return subprocess.run(
        list(map(str, arguments)), check=True, capture_output=True, text=True, **more
    ).stdout


@pytest.mark.needs("promtool")
@pytest.mark.parametrize(
    "name", ["prometheus/prometheus.yml", "compose/prometheus.yml"]
)
def test_prometheus_configurations(name, tmp_path):
    """promtool accepts the configurations, with the rules that they include."""
    text = (DEPLOY / name).read_text()
    text = re.sub(
        r"- .*rules/modelarts", f"- {DEPLOY}/prometheus/rules/modelarts", text
    )
    file = tmp_path / "prometheus.yml"
    file.write_text(text)

    number = len([*(DEPLOY / "prometheus/rules").glob("*.yml")])
    assert f"{number} rule files found" in run("promtool", "check", "config", file)


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.name)
def test_a_compose_file(file):
    """The file follows the Compose specification, and every mounted file exists."""
    checker = Path(sys.executable).parent / "check-jsonschema"
    run(checker, "--builtin-schema", "vendor.compose-spec", file)
    mounted = [
        (file.parent / volume.split(":")[0]).resolve()
        for service in yaml.safe_load(file.read_text())["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith(".")
    ]

    assert mounted
    assert [path for path in mounted if not path.exists() and path not in YOURS] == []


def test_the_stacks_services():
    """A simulated cloud, the exporter, Prometheus, Alertmanager and Grafana."""
    services = yaml.safe_load(COMPOSE[0].read_text())["services"]

    assert set(services) == {
        "simulator",
        "exporter",
        "prometheus",
        "alertmanager",
        "grafana",
    }
    for name in ("simulator", "exporter"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_stacks_configuration():
    """The exporter is configured for the projects and the user of the simulator."""
    found = load(str(DEPLOY / "compose/simulated.yml"), {}, REGISTRY.names)
    demo = demo_configuration(demo_cloud(), "http://simulator:10199")

    assert [(one.name, one.project_id, one.training_api) for one in found.projects] == [
        (one.name, one.project_id, one.training_api) for one in demo.projects
    ]
    assert found.clouds[0].modelarts_url == "http://simulator:10199"
    assert found.clouds[0].auth.username == DEMO_USER.name
    assert found.clouds[0].auth.password.reveal() == DEMO_USER.password


@pytest.mark.needs("systemd-analyze")
def test_the_unit_is_hardened():
    """systemd rates the unit below 2, where 10 means no protection."""
    unit = DEPLOY / "systemd/modelarts-exporter.service"
    rating = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)

    assert float(re.search(r"Overall exposure level for \S+: ([\d.]+)", rating)[1]) < 2


def test_hadolint_finds_no_problem():
    """hadolint accepts the Dockerfile."""
    assert run(Path(sys.executable).parent / "hadolint", ROOT / "Dockerfile") == ""


def test_the_images_build_is_locked():
    """Everything that the Dockerfile installs has a hash."""
    text = (ROOT / "Dockerfile").read_text()
    installs = re.findall(r"pip install ([^&\\]*)", text)

    assert len(installs) == 3
    for one in installs:
        assert "--require-hashes" in one or "--no-index" in one
    assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE)


def link_locked_packages(folder):
    """Link the installed locked packages into a folder; `make` checked the hashes."""
    lock = (ROOT / "requirements/runtime.txt").read_text()
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE):
        # Packages for other systems are not installed.
        for one in metadata.distributions(name=name):
            assert one.version == version
            for file in one.files:
                # Scripts are outside of the folder.
                if ".." not in file.parts:
                    link = folder / file
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to(file.locate())


def test_the_wheel_works_in_a_clean_environment(tmp_path):
    """The wheel is built, installed with the locked dependencies only, and run."""
    run(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        tmp_path,
        ROOT,
    )
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    (packages,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    link_locked_packages(packages)
    # Fails if a dependency is missing. Modules are compiled when they are run.
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "-q", "--no-index", "--no-compile", wheel)
    program = tmp_path / "venv/bin/modelarts-exporter"

    assert "modelarts-exporter, version" in run(program, "--version", cwd=tmp_path)
    file = tmp_path / "modelarts.yml"
    file.write_text((DEPLOY / "compose/simulated.yml").read_text())
    run(program, "--config.check", f"--config.file={file}", cwd=tmp_path)
    assert (tmp_path / "venv/share/man/man1/modelarts-exporter.1").exists()
    # Data files next to the code are installed, too.
    code = "import asyncio; from exporter.web.status_page import render, headers; headers()"
    run(python, "-c", code, cwd=tmp_path)


def test_the_workflow_runs_ci():
    """The workflow runs `.ci/run`, and nothing else."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = workflow["jobs"]["ci"]["steps"]

    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.needs("actionlint")
def test_actionlint_finds_no_problem():
    """actionlint accepts the workflows, which do not run here."""
    assert run("actionlint", *WORKFLOWS) == ""


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_by_digest(file):
    """Each action has its version in a comment, for Renovate, except our workflow."""
    uses = re.findall(r"uses: (.*)", file.read_text())

    assert uses
    for one in uses:
        assert re.fullmatch(
            r"\./\.github/workflows/ci\.yml|[\w/-]+@[0-9a-f]{40} # v[\d.]+", one
        )


def test_images_are_pinned_by_digest():
    """The base of our image, those of the stack, and the workflow's container."""
    images = re.findall(
        r"^ARG BASE=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    for file in [*COMPOSE, *WORKFLOWS]:
        images += re.findall(r"^ +image: (.+)$", file.read_text(), re.MULTILINE)
    foreign = [image for image in images if image != "modelarts-exporter:compose"]

    assert len(foreign) == 5
    for image in foreign:
        assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", image)


def test_the_configuration_of_renovate():
    """Renovate's configuration follows its schema."""
    checker = Path(sys.executable).parent / "check-jsonschema"
    run(checker, "--builtin-schema", "vendor.renovate", ROOT / "renovate.json")
