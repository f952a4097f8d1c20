"""The exporter and the simulated cloud as processes, and their resource use."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import sys
import time

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 30.0


@dataclass(frozen=True)
class Figures:
    """What a process uses: memory in MB, now and at most, and CPU seconds."""

    memory: float
    peak: float
    descriptors: int
    sockets: int
    threads: int
    cpu: float

    @classmethod
    def of(cls, pid: int) -> Figures:
        """Return a process's figures. Raises `ProcessLookupError` if it has ended."""
        status = Path(f"/proc/{pid}/status").read_text()
        if "VmRSS" not in status:
            raise ProcessLookupError(f"process {pid} has ended")
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        links = [_link(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
        return cls(
            int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024,
            int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024,
            len(links),
            sum(link.startswith("socket:") for link in links),
            int(re.search(r"Threads:\s+(\d+)", status)[1]),
            sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK"),
        )

    def __str__(self) -> str:
        """Return a description."""
        return (
            f"{self.memory:.0f} MB ({self.peak:.0f} MB at most), "
            f"{self.descriptors} descriptors ({self.sockets} sockets), "
            f"{self.threads} threads"
        )


@dataclass(frozen=True)
class Exporter:
    """A running exporter: its process, address and log."""

    process: subprocess.Popen[bytes]
    scheme: str
    host: str
    port: int
    log_file: Path

    @property
    def url(self) -> str:
        """Its URL, without a path."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self.log_file.read_text(errors="replace")

    @property
    def tracebacks(self) -> int:
        """The number of internal errors in its log."""
        return len(re.findall(r"Traceback|was never retrieved|InvalidState", self.log))

    def problems(self, number: int) -> list[str]:
        """Return the last lines of its log that report a problem."""
        lines = [line[:500] for line in self.log.splitlines()]
        return [line for line in lines if "problem=" in line][-number:]

    def end(self, seconds: float = 30.0) -> tuple[int | None, float]:
        """Send SIGTERM; return the exit status, None if it keeps running, and the seconds."""
        started = time.monotonic()
        self.process.terminate()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        return status, time.monotonic() - started


def command(*arguments: str) -> list[str]:
    """Return the exporter's command line, with this Python."""
    return [sys.executable, "-m", "exporter", *arguments]


@contextlib.contextmanager
def running_exporter(
    file: Path,
    *flags: str,
    descriptors: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Exporter]:
    """
    Run the exporter within a `with` block; its log is next to `file`.

    It may have up to `descriptors` open files. Raises `RuntimeError` if it ends before
    it listens.
    """

    def limit() -> None:
        if descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    log_file = file.with_suffix(".log")
    arguments = (f"--config.file={file}", "--web.listen-address=127.0.0.1:0", *flags)
    with (
        log_file.open("wb") as log,
        subprocess.Popen(
            command(*arguments),
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env=environment,
            preexec_fn=limit,  # noqa: PLW1509 - no thread of ours holds a lock here
        ) as process,
    ):
        try:
            found = _wait_for(process, log_file, r"url=(https?)://([\d.]+):(\d+)")
            yield Exporter(process, found[1], found[2], int(found[3]), log_file)
        finally:
            process.kill()


@contextlib.contextmanager
def running_cloud(projects: int, log_file: Path) -> Iterator[tuple[str, int]]:
    """Run a simulated cloud of so many projects; yields its URL and process ID."""
    with (
        log_file.open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.soak.cloud", str(projects)],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            found = _wait_for(process, log_file, r"(http://\S+)\n")
            yield found[1], process.pid
        finally:
            process.kill()


def _wait_for(
    process: subprocess.Popen[bytes], log_file: Path, pattern: str
) -> re.Match[str]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(pattern, log_file.read_text(errors="replace")):
            return found
        time.sleep(0.05)
    last = log_file.read_text(errors="replace").strip().rpartition("\n")[2]
    raise RuntimeError(f"did not start: {last}")


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except FileNotFoundError:
        return ""
