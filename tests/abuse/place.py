"""Where a fault is tried: an exporter as a process, watched, and what it answers."""

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

from tests.soak.process import Exporter, Figures, an_exporter, command
from tests.soak.whole import Target, collected


MOST_MEMORY = 2500.0
"""MB, above which the exporter is ended: the machine has others."""

HEALTH_SECONDS = 10.0
HEALTH_INTERVAL_SECONDS = 0.1
SAMPLE_SECONDS = 0.05
TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"


@dataclass(frozen=True)
class Outcome:
    """What came of a fault: what still works, whether that is good, and figures."""

    works: str
    ok: bool
    figures: str


@dataclass(frozen=True)
class Fault:
    """A fault that is tried: its name on the command line, what it is, how."""

    name: str
    words: str
    run: Callable[[Path], Awaitable[Outcome]]


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, words: str
) -> Callable[[Callable[[Path], Awaitable[Outcome]]], Callable[[Path], object]]:
    """Make a function a fault: it is given a folder, and returns the outcome."""

    def register(run: Callable[[Path], Awaitable[Outcome]]):
        FAULTS[name] = Fault(name, words, run)
        return run

    return register


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; the status is 0 if there was none, `why` says why."""

    status: int
    headers: dict[str, str]
    body: str
    seconds: float
    why: str = ""


@dataclass
class Watch:
    """Looks at a process and asks for its health, in threads, until it is ended."""

    exporter: Exporter
    peak: float = 0.0
    cpu: float = 0.0
    killed: bool = False
    health: list[float] = field(default_factory=list)
    unhealthy: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Watch for the length of a `with` block."""
        threads = [
            threading.Thread(target=target) for target in (self._look, self._ask)
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
        """Ask for no more health: the process is about to end."""
        self._ended.set()

    def look(self) -> float:
        """Return the memory in MB, and remember the peak and the CPU time."""
        try:
            figures = Figures.of(self.exporter.process.pid)
        except OSError:
            return 0.0
        self.peak, self.cpu = max(self.peak, figures.peak), figures.cpu
        return figures.memory

    def _look(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            if self.look() > MOST_MEMORY:
                self.killed = True
                self.exporter.process.kill()
                return

    def _ask(self) -> None:
        where = self.exporter.host, self.exporter.port
        while not self._ended.wait(HEALTH_INTERVAL_SECONDS):
            connection = (
                http.client.HTTPSConnection(
                    *where, timeout=HEALTH_SECONDS, context=unverified()
                )
                if self.exporter.scheme == "https"
                else http.client.HTTPConnection(*where, timeout=HEALTH_SECONDS)
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
class Place:
    """An exporter that is abused, and what is seen of it."""

    exporter: Exporter
    watch: Watch
    started: float = field(default_factory=time.monotonic)

    async def scrape(
        self, seconds: float = 10.0, path: str = "/metrics", headers: Sequence[str] = ()
    ) -> Answer:
        """Scrape with that timeout, as Prometheus does."""
        timeout = f"{TIMEOUT_HEADER}: {seconds}"
        return await request(
            self.exporter, path, headers=(timeout, *headers), seconds=seconds + 10
        )

    async def scrapes_until_whole(
        self, number: int, most: int = 2, seconds: float = 10.0
    ) -> int | None:
        """Scrape until so many collections are up; None if `most` did not do."""
        for scrape in range(1, most + 1):
            up = ups(await self.scrape(seconds))
            if len(up) == number and all(up.values()):
                return scrape
        return None

    def outcome(
        self,
        ok: bool,
        works: str,
        figures: str,
        *,
        most_memory: float = 300.0,
        slowest_health: float = 5000.0,
        tracebacks: int = 0,
    ) -> Outcome:
        """Return the outcome: memory, health and log have to be good as well."""
        watch = self.watch
        watch.look()
        health = f"{watch.slowest_health:.0f} ms"
        if watch.unhealthy:
            health += f", {watch.unhealthy} of {len(watch.health)} not 200"
        parts = [
            figures,
            f"peak {watch.peak:.0f} MB" + (", ended at that" if watch.killed else ""),
            f"slowest health {health}",
            f"{time.monotonic() - self.started:.0f} s ({watch.cpu:.1f} s of CPU)",
        ]
        internal = self.exporter.tracebacks
        if internal:
            parts.append(f"{internal} tracebacks logged")
        return Outcome(
            works,
            ok
            and not watch.killed
            and not watch.unhealthy
            and internal <= tracebacks
            and watch.peak <= most_memory
            and watch.slowest_health <= slowest_health,
            ", ".join(part for part in parts if part),
        )


@contextlib.asynccontextmanager
async def abused(file: Path, *flags: str, **options) -> AsyncIterator[Place]:
    """Run an exporter on the configuration `file`, watched, for a block's length."""
    with an_exporter(file, *flags, **options) as exporter:
        watch = Watch(exporter)
        with watch.on():
            yield Place(exporter, watch)


async def request(
    exporter: Exporter,
    path: str = "/metrics",
    *,
    method: str = "GET",
    headers: Sequence[str] = (),
    host: Sequence[str] = ("Host: abuse",),
    seconds: float = 30.0,
) -> Answer:
    """Send a request over a connection of its own, with exactly those headers."""
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
    """Return a TLS context that trusts everybody: what it reaches is our own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def basic(user: str, password: str) -> str:
    """Return the header of a user and password."""
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Authorization: Basic {text}"


def ups(answer: Answer) -> dict[Target, bool]:
    """Return which collections are up; none, if the answer is no scrape's."""
    return collected(answer.body)[0] if answer.status == 200 else {}


@dataclass(frozen=True)
class Ended:
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
        """How many lines it printed."""
        return len(self.output.splitlines())

    def __str__(self) -> str:
        """Return it as words."""
        if self.status is None:
            return f"hangs (killed after {self.seconds:.0f} s)"
        words = " with a traceback" if "Traceback" in self.output else ""
        return f"status {self.status}{words}"


async def run(*arguments: str, seconds: float = 30.0, environment=None) -> Ended:
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
    return Ended(status, output.decode(errors="replace"), time.monotonic() - started)
