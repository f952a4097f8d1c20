"""
Every command in the documents works.

A block of commands runs in a folder with the documents' files, against a simulated
cloud. Where that is impossible, a comment above it says why: `<!-- needs: kubernetes
-->`. Programs that serve have `<!-- runs: until stopped -->`. `make` only prints what
it would do, since CI runs its targets directly, except in a block that runs until it is
stopped.
"""

import os
import re
import shutil
import signal
import subprocess
import sys

from pathlib import Path

import httpx
import pytest
import trustme

from documents import ROOT, blocks
from programs import running_alertmanager, running_exporter, wait_until


pytestmark = pytest.mark.slow

BIN = Path(sys.prefix) / "bin"
COMMANDS = blocks("sh")
# What a test cannot provide.
NOT_HERE = {"docker", "kubernetes", "network", "root", "terminal"}
PROGRAMS = {
    "alertmanager": ("amtool", "prometheus-alertmanager"),
    "helm": ("helm",),
    "promtool": ("promtool",),
}


def with_marker(marker):
    """Return the blocks with a marker as test parameters, without duplicates."""
    found = {block.text: block for block in COMMANDS if block.marker == marker}
    return pytest.mark.parametrize("block", found.values(), ids=str)


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_what_a_block_needs_is_known(block):
    """A misspelled marker would leave its block untested."""
    known = {f"needs: {name}" for name in NOT_HERE | PROGRAMS.keys()}

    assert block.marker in known | {None, "runs: until stopped"}


@pytest.fixture(scope="module")
def cloud():
    """Run the simulated cloud as a program; return its URL."""
    command = [BIN / "modelarts-exporter", "simulator"]
    with subprocess.Popen(
        [*command, "--web.listen-address=127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process.stdout.readline().split()[-1].rstrip("/")
        process.terminate()


@pytest.fixture(scope="module")
def folder(cloud, tmp_path_factory):
    """Return a folder like a clone's, with the files that the documents describe."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("dashboards", "deploy", "requirements"):
        (folder / name).symlink_to(ROOT / name)
    for block in blocks("yaml"):
        if block.title:
            (folder / block.title).write_text(block.text)
    certificate = trustme.CA().issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.crt")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    # As documented, but for the cloud that is running.
    simulated = (ROOT / "deploy/compose/simulated.yml").read_text()
    file = folder / "modelarts.yml"
    file.write_text(simulated.replace("http://simulator:10199", cloud))
    return folder


@pytest.fixture(scope="module")
def exporter(folder):
    """Run an exporter with the folder's configuration; return its address."""
    with running_exporter(folder / "modelarts.yml") as address:
        yield address


def run(text, folder, make):
    """Start commands in a shell that stops at the first error."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    wrapper = programs / "make"
    stamps = " ".join(f"-o {sys.prefix}/{name}.stamp" for name in ("runtime", "test"))
    makefile = f"-C {ROOT} VENV={sys.prefix} {stamps}"
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("make")} {makefile} {make} "$@"')
    wrapper.chmod(0o755)
    return subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env={
            **os.environ,
            "HOME": str(folder),
            "PATH": f"{programs}:{BIN}:{os.environ['PATH']}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ends_well(process):
    """Assert that commands end with status 0, or show their output."""
    with process:
        try:
            output, _ = process.communicate(timeout=100)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, output


@with_marker(None)
def test_commands(block, folder, exporter):
    """Commands that need nothing but the exporter succeed."""
    text = block.text.replace("localhost:10198", exporter)

    ends_well(run(text, folder, "--dry-run"))


@with_marker("runs: until stopped")
def test_commands_that_serve(block, folder):
    """Each of them serves until Ctrl-C."""
    anywhere = "--web.listen-address=127.0.0.1:0"
    for line in block.text.splitlines():
        command = re.sub(
            r"( --web\.listen-address=\S+)?$", f" {anywhere}", line, count=1
        )
        command = line if line.startswith("make") else command
        with run(command, folder, f"ARGS={anywhere}") as process:
            try:
                found = re.search(r"http://[^/\s]+", until_address(process))
                healthy = f"{found[0]}/-/healthy"
                assert wait_until(lambda url=healthy: httpx.get(url).is_success)
            finally:
                os.killpg(process.pid, signal.SIGINT)


def until_address(process):
    """Return the first output line of a program that has its address."""
    lines = iter(process.stdout.readline, "")
    return next(line for line in lines if "http://" in line)


@pytest.mark.needs("promtool")
@with_marker("needs: promtool")
def test_commands_of_prometheus(block, folder):
    """promtool accepts the documents' files."""
    ends_well(run(block.text, folder, "--dry-run"))


@pytest.mark.needs("helm")
@with_marker("needs: helm")
def test_commands_of_helm(block, folder):
    """Helm accepts the documents' values."""
    ends_well(run(block.text, folder, "--dry-run"))


@pytest.mark.needs("amtool", "prometheus-alertmanager")
@with_marker("needs: alertmanager")
def test_commands_of_alertmanager(block, folder, tmp_path):
    """The alert reaches Alertmanager."""
    configuration = (folder / "alertmanager.yml").read_text()
    with running_alertmanager(tmp_path, configuration) as address:
        wait_until(lambda: httpx.get(f"http://{address}/-/ready").is_success)
        text = block.text.replace("localhost:9093", address)
        ends_well(run(text, folder, "--dry-run"))
        alerts = httpx.get(f"http://{address}/api/v2/alerts").json()

    assert [alert["labels"]["alertname"] for alert in alerts] == ["ModelArtsTest"]
