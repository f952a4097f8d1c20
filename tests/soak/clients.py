"""The clients of the exporter during a soak, and their observations."""

from __future__ import annotations

import contextlib
import http.client
import random
import re
import socket
import threading
import time

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import requests


TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
_SLACK_SECONDS = 60.0


@dataclass
class Observations:
    """What the clients observed: answers, late ones, and the times of health."""

    answers: Counter[tuple[str, object]] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)
    """By how many seconds scrapes were answered after their timeout."""

    disconnected: int = 0
    health: list[float] = field(default_factory=list)
    reloads: Counter[int] = field(default_factory=Counter)

    @property
    def unexpected(self) -> dict[tuple[str, object], int]:
        """The answers that are not 200; errors in a configuration are separate."""
        return {
            (path, status): number
            for (path, status), number in self.answers.items()
            if status != 200
        }

    def record(self, path: str, status: object) -> None:
        """Record an answer, or the error instead of one."""
        self.answers[path, status] += 1


class Clients:
    """Threads that send requests until the end: scrapes, pages, health, reloads."""

    def __init__(self, url: str, file: Path, projects: list[str]) -> None:
        self.observations = Observations()
        self.disconnecting = threading.Event()
        """Set while some clients disconnect before their answer."""

        self._url = url
        self._file = file
        self._good = file.read_text()
        self._variant = 0
        self._changing = threading.Lock()
        self._projects = projects
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=target, args=(random.Random(seed),))
            for seed, target in enumerate(
                (
                    self._scrape,
                    self._scrape_slowly,
                    self._probe,
                    self._read_page,
                    self._check_health,
                    self._reload,
                    self._disconnect_early,
                    self._disconnect_early,
                )
            )
        ]

    def __enter__(self) -> Self:
        """Start the threads."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the threads."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def scrape(self, seconds: float) -> str:
        """Scrape once, with the timeout of a Prometheus; return the metrics."""
        try:
            answer = requests.get(
                f"{self._url}/metrics",
                headers={TIMEOUT_HEADER: str(seconds)},
                timeout=seconds + _SLACK_SECONDS,
            )
        except requests.RequestException as error:
            self.observations.record("/metrics", type(error).__name__)
            return ""
        self.observations.record("/metrics", answer.status_code)
        return answer.text if answer.ok else ""

    def log_in_again(self) -> None:
        """Reload with changed settings of the clouds, which makes all log in again."""
        with self._changing:
            self._variant += 1
            rate = f"requests_per_second: {100_000 + self._variant}"
            self._good = re.sub(r"requests_per_second: \d+", rate, self._good)
            self._file.write_text(self._good)
            self._post_reload()

    def _scrape(self, chance: random.Random, interval: float = 1.0) -> None:
        with requests.Session() as session:
            while not self._ended.wait(interval * chance.uniform(0.8, 1.5)):
                timeout = chance.choice([1.0, 2.0, 3.0])
                headers = {TIMEOUT_HEADER: str(timeout)}
                took = self._get(session, "/metrics", headers)
                if took > timeout:
                    self.observations.late.append(took - timeout)

    def _scrape_slowly(self, chance: random.Random) -> None:
        self._scrape(chance, 3.0)

    def _probe(self, chance: random.Random) -> None:
        with requests.Session() as session:
            while not self._ended.wait(chance.uniform(0.2, 0.6)):
                path = f"/probe?project={chance.choice(self._projects)}"
                self._get(session, path, {TIMEOUT_HEADER: "3"})

    def _read_page(self, chance: random.Random) -> None:
        with requests.Session() as session:
            while not self._ended.wait(chance.uniform(1.0, 3.0)):
                self._get(session, chance.choice(["/", "/exporter-metrics", "/sd"]))

    def _get(
        self,
        session: requests.Session,
        path: str,
        headers: dict[str, str] | None = None,
    ) -> float:
        started = time.monotonic()
        short = path.partition("?")[0]
        try:
            answer = session.get(
                f"{self._url}{path}", headers=headers, timeout=_SLACK_SECONDS
            )
            self.observations.record(short, answer.status_code)
        except requests.RequestException as error:
            self.observations.record(short, type(error).__name__)
        return time.monotonic() - started

    def _check_health(self, chance: random.Random) -> None:
        host = self._url.removeprefix("http://")
        while not self._ended.wait(0.1):
            # Each over a new connection, which has to be quick, too.
            connection = http.client.HTTPConnection(host, timeout=_SLACK_SECONDS)
            started = time.monotonic()
            try:
                connection.request("GET", "/-/healthy")
                self.observations.record("/-/healthy", connection.getresponse().status)
            except (OSError, http.client.HTTPException) as error:
                self.observations.record("/-/healthy", type(error).__name__)
            finally:
                connection.close()
            self.observations.health.append(time.monotonic() - started)

    def _reload(self, chance: random.Random) -> None:
        changes: list[Callable[[str], str]] = [
            lambda good: good,
            lambda good: good.rpartition("  - {")[0],
            lambda good: re.sub(r"(requests): \d+", r"\1: 16", good),
            lambda good: re.sub(r"page_size: \d+", "page_size: 25", good),
            lambda good: f"{good}unknown: 1\n",
        ]
        while not self._ended.wait(chance.uniform(2.0, 6.0)):
            with self._changing:
                change = chance.choice(changes)
                self._file.write_text(change(self._good))
                self._post_reload()

    def _post_reload(self) -> None:
        try:
            answer = requests.post(f"{self._url}/-/reload", timeout=_SLACK_SECONDS)
            self.observations.reloads[answer.status_code] += 1
        except requests.RequestException as error:
            self.observations.record("/-/reload", type(error).__name__)

    def _disconnect_early(self, chance: random.Random) -> None:
        host, _, port = self._url.removeprefix("http://").rpartition(":")
        paths = ["/metrics", f"/probe?project={self._projects[0]}"]
        while not self._ended.wait(0.05):
            if not self.disconnecting.wait(0.2):
                continue
            head = f"GET {chance.choice(paths)} HTTP/1.1\r\nHost: soak\r\n\r\n"
            with contextlib.suppress(OSError):
                with socket.create_connection((host, int(port)), 5) as connection:
                    connection.sendall(head.encode())
                    self._ended.wait(chance.uniform(0.05, 0.3))
                self.observations.disconnected += 1
