"""The image's health check, which finds the exporter's port, and asks it."""

import subprocess
import sys

from pathlib import Path

import pytest

from programs import free_port
from web_files import TLS, Files


pytestmark = pytest.mark.slow

CONFIGURATION = Path(__file__).parents[2] / "deploy/compose/simulated.yml"


@pytest.fixture(params=["127.0.0.1:{}", ":{}", "0.0.0.0:{}"])
def address(request):
    """Return an address to listen on, in each form that has a port."""
    return request.param.format(free_port())


def check(process):
    """Check the health of a process as the image does; return status and message."""
    done = subprocess.run(
        [sys.executable, "-m", "exporter.health_check", str(process.pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def demo(*flags):
    """Start the demo as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "exporter", "demo", *flags],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_health_check_follows_the_port(address):
    """The check finds any port, and fails once the exporter no longer listens."""
    with demo("--web.listen-address", address) as process:
        try:
            next(line for line in process.stdout if "Press" in line)
            assert check(process) == (0, "")
        finally:
            process.kill()
            process.stdout.close()


@pytest.mark.parametrize(
    "flags",
    [
        ["--web.external-url=https://example.org/modelarts/"],
        ["--web.external-url", "https://example.org/a", "--web.route-prefix=/b"],
    ],
)
def test_a_health_check_follows_the_prefix(flags):
    """The check finds the prefix in whichever flag has it."""
    address = f"--web.listen-address=127.0.0.1:{free_port()}"
    with demo(address, *flags) as process:
        try:
            next(line for line in process.stdout if "Press" in line)
            assert check(process) == (0, "")
        finally:
            process.kill()
            process.stdout.close()


def test_a_health_check_with_tls(tmp_path):
    """The certificate is not verified, since only the exporter is asked."""
    web = Files(tmp_path).write(TLS)
    flags = [f"--config.file={CONFIGURATION}", f"--web.config.file={web}"]
    address = f"--web.listen-address=127.0.0.1:{free_port()}"
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", *flags, address],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            next(line for line in process.stderr if "url=https://" in line)
            assert check(process) == (0, "")
        finally:
            process.kill()
            process.stderr.close()


def test_a_health_check_of_another_port():
    """If nothing listens on the port, the message is the connection's error."""
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "input()",
            f"--web.listen-address=127.0.0.1:{free_port()}",
        ],
        stdin=subprocess.PIPE,
    ) as process:
        status, message = check(process)
        process.stdin.close()

    assert status == 1
    assert message.startswith("not healthy: ")
    assert "refused" in message


def test_a_health_check_of_no_process():
    """Without a process, it says so."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        status, message = check(process)

    assert status == 1
    assert "No such file" in message
