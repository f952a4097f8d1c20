"""The demo: its suggestions work, also with a real Prometheus next to it."""

import re
import signal
import subprocess
import sys

from pathlib import Path

import httpx
import pytest

from programs import free_port, query_prometheus, wait_until


ROOT = Path(__file__).parents[2]


def test_what_the_demo_suggests():
    """Each line can be pasted: the project fails, only it is down, and it recovers."""
    address = f"127.0.0.1:{free_port()}"
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", "demo", f"--web.listen-address={address}"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            commands = []
            for line in process.stdout:
                if line.startswith("  curl"):
                    commands.append(line.strip())
                if "Ctrl-C" in line:
                    break
            printed = [
                subprocess.run(
                    ["bash", "-c", command], check=True, capture_output=True, text=True
                ).stdout
                for command in commands
            ]
            metrics = httpx.get(f"http://{address}/metrics", timeout=60).text
        finally:
            process.terminate()
            process.stdout.close()
    count, account, _, down, _ = printed

    assert count.startswith("modelarts_jobs{")
    assert "GET /v1/" in account
    assert set(re.findall(r"} (\S+)$", down, re.MULTILINE)) == {"0.0"}
    assert set(re.findall(r"^modelarts_up{.*} (\S+)$", metrics, re.MULTILINE)) == {
        "1.0"
    }


@pytest.mark.needs("prometheus", "prometheus-alertmanager")
def test_the_demo_with_prometheus_and_alertmanager():
    """Prometheus scrapes the demo, and has the shipped rules and Alertmanager."""
    ports = {name: free_port() for name in ("exporter", "prometheus", "alertmanager")}
    flags = [f"--{name}=127.0.0.1:{port}" for name, port in ports.items()]
    prometheus = f"http://127.0.0.1:{ports['prometheus']}"
    with subprocess.Popen(
        [sys.executable, "deploy/demo_stack.py", *flags], cwd=ROOT
    ) as stack:
        try:
            wait_until(
                lambda: query_prometheus(prometheus, "count(modelarts_up == 1) > 10")
            )
            rules = httpx.get(f"{prometheus}/api/v1/rules").json()["data"]["groups"]
            known = httpx.get(f"{prometheus}/api/v1/alertmanagers").json()["data"]
        finally:
            stack.send_signal(signal.SIGTERM)
    assert stack.returncode == 0
    assert {Path(group["file"]).name for group in rules} == {
        file.name for file in (ROOT / "deploy/prometheus/rules").glob("*.yml")
    }
    assert len(known["activeAlertmanagers"]) == 1


def test_the_demo_without_prometheus(tmp_path):
    """Without Prometheus, the demo says what to install."""
    done = subprocess.run(
        [sys.executable, "deploy/demo_stack.py"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "apt-get install prometheus" in done.stderr
