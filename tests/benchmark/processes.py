"""The processes of a benchmark, cloud and exporter, and their resource use."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time

from collections.abc import Callable, Iterator
from pathlib import Path


HERE = Path(__file__).parent
CONFIGURATION = """\
clouds:
  simulated:
    region: eu-de
    iam_url: {url}
    modelarts_url: {url}
    auth:
      password: {{username: benchmark, password: benchmark, domain: OTC}}
collection: {{timeout: {timeout}, max_concurrent_requests: {concurrency}}}
projects:
"""


@contextlib.contextmanager
def process(*arguments: str, output: str) -> Iterator[subprocess.Popen[str]]:
    """Run a Python program within a `with` block."""
    other = "stderr" if output == "stdout" else "stdout"
    with subprocess.Popen(
        [sys.executable, *arguments],
        text=True,
        stdin=subprocess.PIPE,
        **{output: subprocess.PIPE, other: subprocess.DEVNULL},
    ) as running:
        try:
            yield running
        finally:
            running.terminate()


@contextlib.contextmanager
def cloud(
    projects: int, training: int, visualization: int, *flags: str
) -> Iterator[tuple[str, int]]:
    """Run a workload's cloud; yields its URL and process ID."""
    numbers = (str(number) for number in (projects, training, visualization))
    with process(str(HERE / "cloud.py"), *numbers, *flags, output="stdout") as running:
        yield running.stdout.readline().strip(), running.pid


@contextlib.contextmanager
def prepared_cloud(
    projects: int, training: int, visualization: int, *flags: str
) -> Iterator[tuple[str, int]]:
    """Run a workload's cloud with prepared pages; yields its URL and process ID."""
    numbers = (str(number) for number in (projects, training, visualization))
    program = str(HERE / "prepared_cloud.py")
    with process(program, *numbers, *flags, output="stdout") as running:
        yield running.stdout.readline().strip(), running.pid


@contextlib.contextmanager
def bare_client(
    url: str, projects: int, pages: tuple[int, int], at_once: int
) -> Iterator[tuple[Callable[[], float], int]]:
    """Run the bare client; yields a function that scrapes, and its process ID."""
    numbers = [str(number) for number in (projects, *pages)]
    program = str(HERE / "bare_client.py")
    flags = ["--at-once", str(at_once)]
    with process(program, url, *numbers, *flags, output="stdout") as running:

        def scrape() -> float:
            running.stdin.write("\n")
            running.stdin.flush()
            return float(running.stdout.readline())

        yield scrape, running.pid


@contextlib.contextmanager
def exporter(
    folder: Path,
    url: str,
    projects: int,
    concurrency: int = 32,
    training_api: str = "v1",
    timeout: str = "60s",
) -> Iterator[tuple[str, int]]:
    """Run the exporter by its command line; yields its metrics' URL and process ID."""
    file = folder / "modelarts.yml"
    file.write_text(
        CONFIGURATION.format(url=url, concurrency=concurrency, timeout=timeout)
        + "".join(
            f"  - {{name: p{number:03}, cloud: simulated, "
            f"project_id: {number:032x}, training_api: {training_api}}}\n"
            for number in range(1, projects + 1)
        )
    )
    arguments = (
        "-m",
        "exporter",
        f"--config.file={file}",
        "--web.listen-address=127.0.0.1:0",
    )
    with process(*arguments, output="stderr") as running:
        for line in running.stderr:
            if found := re.search(r"msg=listening url=(\S+)", line):
                # An unread pipe would block the exporter once it is full.
                threading.Thread(target=running.stderr.read, daemon=True).start()
                yield found[1], running.pid
                return


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    # As clock_getcpuclockid(3) computes it; /proc counts in steps of 10 ms.
    return time.clock_gettime((~pid << 3) | 2)


def peak_memory(pid: int) -> float:
    """Return the peak memory of a process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def machine() -> str:
    """Return a description of this machine."""
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.+)", text)
    name = model[1] if model else "unknown processor"
    return f"{name}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
