"""Experiments: a fault, a monitored exporter process, and the outcome."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import ssl
import threading
import time

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.completeness import Target, scraped_state
from tests.soak.process import Exporter, Figures, command, running_exporter


MAX_MEMORY = 2500.0
"""In MB; above this, the exporter is killed to protect the machine."""

HEALTH_SECONDS = 10.0
HEALTH_INTERVAL_SECONDS = 0.1
SAMPLE_SECONDS = 0.05
TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a fault: what still works, whether that is good, and figures."""

    works: str
    ok: bool
    figures: str


@dataclass(frozen=True)
class Fault:
    """A fault: its name on the command line, its description, and its function."""

    name: str
    words: str
    run: Callable[[Path], Awaitable[Outcome]]


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, words: str
) -> Callable[[Callable[[Path], Awaitable[Outcome]]], Callable[[Path], object]]:
    """Register a function as a fault: it gets a folder, and returns the outcome."""

    def register(run: Callable[[Path], Awaitable[Outcome]]):
        FAULTS[name] = Fault(name, words, run)
        return run

    return register


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; without one, the status is 0 and `why` has the reason."""

    status: int
    headers: dict[str, str]
    body: str
    seconds: float
    why: str = ""


@dataclass
class Monitor:
    """Samples a process and checks its health, in threads, until it ends."""

    exporter: Exporter
    peak: float = 0.0
    cpu: float = 0.0
    killed: bool = False
    health: list[float] = field(default_factory=list)
    unhealthy: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Monitor the process within a `with` block."""
        threads = [
            threading.Thread(target=target)
            for target in (self._sample_until_end, self._check_health)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    @property
    def slowest_health(self) -> float:
        """The slowest health answer, in milliseconds."""
        return 1000 * max(self.health, default=0.0)

    def stop(self) -> None:
        """Stop the health checks, since the process is about to end."""
        self._ended.set()

    def sample(self) -> float:
        """Return the memory in MB; record the peak and the CPU time."""
        try:
            figures = Figures.of(self.exporter.process.pid)
        except OSError:
            return 0.0
        self.peak, self.cpu = max(self.peak, figures.peak), figures.cpu
        return figures.memory

    def _sample_until_end(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            if self.sample() > MAX_MEMORY:
                self.killed = True
                self.exporter.process.kill()
                return

    def _check_health(self) -> None:
        address = self.exporter.host, self.exporter.port
        while not self._ended.wait(HEALTH_INTERVAL_SECONDS):
            connection = (
                http.client.HTTPSConnection(
                    *address, timeout=HEALTH_SECONDS, context=unverified()
                )
                if self.exporter.scheme == "https"
                else http.client.HTTPConnection(*address, timeout=HEALTH_SECONDS)
            )
            started = time.monotonic()
            try:
                connection.request("GET", "/-/healthy")
                self.unhealthy += connection.getresponse().status != 200
            except (OSError, http.client.HTTPException):
                if self._ended.is_set() or self.exporter.process.poll() is not None:
                    return
                self.unhealthy += 1
            finally:
                connection.close()
            self.health.append(time.monotonic() - started)


@dataclass
class Experiment:
    """A monitored exporter, and what clients see of it."""

    exporter: Exporter
    monitor: Monitor
    started: float = field(default_factory=time.monotonic)

    async def scrape(
        self, seconds: float = 10.0, path: str = "/metrics", headers: Sequence[str] = ()
    ) -> Answer:
        """Scrape with a timeout, as Prometheus does."""
        timeout = f"{TIMEOUT_HEADER}: {seconds}"
        return await request(
            self.exporter, path, headers=(timeout, *headers), seconds=seconds + 10
        )

    async def scrapes_until_complete(
        self, number: int, max_scrapes: int = 2, seconds: float = 10.0
    ) -> int | None:
        """Return the number of scrapes until all collections are up, or None."""
        for scrape in range(1, max_scrapes + 1):
            up = up_by_target(await self.scrape(seconds))
            if len(up) == number and all(up.values()):
                return scrape
        return None

    def outcome(
        self,
        ok: bool,
        works: str,
        figures: str,
        *,
        max_memory: float = 300.0,
        slowest_health: float = 5000.0,
        tracebacks: int = 0,
    ) -> Outcome:
        """Return the outcome, which also depends on memory, health and the log."""
        monitor = self.monitor
        monitor.sample()
        health = f"{monitor.slowest_health:.0f} ms"
        if monitor.unhealthy:
            health += f", {monitor.unhealthy} of {len(monitor.health)} not 200"
        parts = [
            figures,
            f"peak {monitor.peak:.0f} MB"
            + (", ended at that" if monitor.killed else ""),
            f"slowest health {health}",
            f"{time.monotonic() - self.started:.0f} s ({monitor.cpu:.1f} s of CPU)",
        ]
        internal = self.exporter.tracebacks
        if internal:
            parts.append(f"{internal} tracebacks logged")
        return Outcome(
            works,
            ok
            and not monitor.killed
            and not monitor.unhealthy
            and internal <= tracebacks
            and monitor.peak <= max_memory
            and monitor.slowest_health <= slowest_health,
            ", ".join(part for part in parts if part),
        )


@contextlib.asynccontextmanager
async def abused(file: Path, *flags: str, **options) -> AsyncIterator[Experiment]:
    """Run a monitored exporter on a configuration file within an `async with` block."""
    with running_exporter(file, *flags, **options) as exporter:
        monitor = Monitor(exporter)
        with monitor.running():
            yield Experiment(exporter, monitor)


async def request(
    exporter: Exporter,
    path: str = "/metrics",
    *,
    method: str = "GET",
    headers: Sequence[str] = (),
    host: Sequence[str] = ("Host: abuse",),
    seconds: float = 30.0,
) -> Answer:
    """Send a request over a new connection, with exactly these headers."""
    started = time.monotonic()
    lines = [f"{method} {path} HTTP/1.1", *host, *headers, "Connection: close", "", ""]
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await connect(exporter)
            try:
                writer.write("\r\n".join(lines).encode("latin-1"))
                raw = await reader.read(-1)
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError) as error:
        took = time.monotonic() - started
        return Answer(0, {}, "", took, str(error) or type(error).__name__)
    head, _, body = raw.decode("utf-8", "replace").partition("\r\n\r\n")
    status, *fields = head.split("\r\n")
    found = (field.partition(":") for field in fields)
    return Answer(
        int(status.split(" ")[1]) if " " in status else 0,
        {name.lower(): value.strip() for name, _, value in found},
        body,
        time.monotonic() - started,
        "" if raw else "the connection was closed",
    )


async def connect(
    exporter: Exporter,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to the exporter."""
    context = unverified() if exporter.scheme == "https" else None
    return await asyncio.open_connection(exporter.host, exporter.port, ssl=context)


def unverified() -> ssl.SSLContext:
    """Return a TLS context that trusts everyone, for servers of our own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def basic(user: str, password: str) -> str:
    """Return the header with a user's credentials."""
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Authorization: Basic {text}"


def up_by_target(answer: Answer) -> dict[Target, bool]:
    """Return which collections are up: none, if the answer is not a scrape's."""
    return scraped_state(answer.body)[0] if answer.status == 200 else {}


@dataclass(frozen=True)
class CommandResult:
    """How a command ended; the status is None if it had to be killed."""

    status: int | None
    output: str
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Whether it ended by itself, and without a traceback."""
        return self.status is not None and "Traceback" not in self.output

    @property
    def lines(self) -> int:
        """The number of lines that it printed."""
        return len(self.output.splitlines())

    def __str__(self) -> str:
        """Return a description."""
        if self.status is None:
            return f"hangs (killed after {self.seconds:.0f} s)"
        words = " with a traceback" if "Traceback" in self.output else ""
        return f"status {self.status}{words}"


async def run(
    *arguments: str, seconds: float = 30.0, environment=None
) -> CommandResult:
    """Run a command of the exporter to its end."""
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command(*arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate()
        status = process.returncode
    except TimeoutError:
        process.kill()
        await process.wait()
        output, status = b"", None
    return CommandResult(
        status, output.decode(errors="replace"), time.monotonic() - started
    )
