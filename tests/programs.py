"""Real programs within a `with` block: the exporter, Prometheus, Alertmanager."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time

from pathlib import Path

import httpx
import pytest


# Another version can be tested: `PROMTOOL=/opt/prometheus-3/promtool make test`.
PROMTOOL = os.environ.get("PROMTOOL", "promtool")


def promtool(*arguments):
    """
    Run promtool; return its output, or fail with it.

    It reads JSON as well, which is faster to write than YAML.
    """
    done = subprocess.run(
        [PROMTOOL, *arguments],
        # Less garbage collection and one thread: it runs briefly, next to other tests.
        env={"GOGC": "400", "GOMAXPROCS": "1", **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def first_match(lines, pattern):
    """Return what `pattern` matches in the first line with a match."""
    for line in lines:
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"the process ended without a line like {pattern}")


@contextlib.contextmanager
def running_exporter(file):
    """Run an exporter as a process; yields its address."""
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "exporter",
            f"--config.file={file}",
            "--web.listen-address=127.0.0.1:0",
        ],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield first_match(process.stderr, r"url=http://(\S+)/metrics")
        finally:
            process.terminate()
            process.stderr.close()


@contextlib.contextmanager
def running_simulator():
    """Run the simulated cloud as a process; yields its URL."""
    command = [sys.executable, "-m", "exporter", "simulator"]
    with subprocess.Popen(
        [*command, "--web.listen-address=127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield first_match(process.stdout, r"(http://\S+)/$")
        finally:
            process.kill()


@contextlib.contextmanager
def prometheus_queries(folder, configuration):
    """Run Prometheus; yields a function that sends it a query."""
    with running_prometheus(folder, configuration) as url:
        yield lambda expression: query_prometheus(url, expression)


def free_port():
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def query_prometheus(url, expression):
    """Return the result of a Prometheus query."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expression}).json()
    if answer["status"] != "success":
        raise AssertionError(answer)
    return answer["data"]["result"]


@contextlib.contextmanager
def running_alertmanager(folder, configuration):
    """Run Alertmanager; yields its address."""
    port = free_port()
    (folder / "alertmanager.yml").write_text(configuration)
    with subprocess.Popen(
        [
            "prometheus-alertmanager",
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/alertmanager",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=error",
        ]
    ) as process:
        try:
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


@contextlib.contextmanager
def running_prometheus(folder, configuration):
    """Run Prometheus; yields its URL."""
    port = free_port()
    (folder / "prometheus.yml").write_text(configuration)
    with subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
    ) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_until(condition, seconds=60):
    """Return the first true result of `condition`, or fail after that many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError, ValueError):
            if found := condition():
                return found
        time.sleep(0.2)
    pytest.fail("the condition did not hold in time")


@contextlib.contextmanager
def exporter_process(file, log, *flags, descriptors=4096):
    """
    Run an exporter; yields the process and its address. Its output goes to `log`.

    It may have up to `descriptors` open files.
    """
    command = [sys.executable, "-m", "exporter", f"--config.file={file}", *flags]
    limited = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *command]
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*limited, "--web.listen-address=127.0.0.1:0"], stderr=output
        ) as process,
    ):
        try:
            found = wait_until(
                lambda: re.search(r"url=https?://([^/]+)/", log.read_text())
            )
            yield process, found[1]
        finally:
            process.kill()


def memory_of(process, kind="VmRSS"):
    """Return a process's memory in bytes: now, or with `VmHWM` at most."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"{kind}:\s+(\d+) kB", status)[1]) * 1024
