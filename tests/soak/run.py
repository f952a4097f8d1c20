"""
Scrapes 60 projects while faults come and go, and requires complete recovery.

The clouds are slow, hang, throttle, break connections and answer nonsense, and clients
disconnect, all at once and in turns, with far more requests than slots. After each
trouble, the second scrape has to be complete: every collection up, with the cloud's
numbers. Throughout, health has to answer, while the configuration is reloaded with and
without changes and errors. At the end, memory, file descriptors and threads have to be
what they were, and SIGTERM has to end the process.

Each trouble is caused at least once, however short the time is.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.soak.clients import Clients
from tests.soak.cloud import training_api
from tests.soak.completeness import counts_in, what_is_missing
from tests.soak.process import Exporter, Figures, running_cloud, running_exporter
from tests.soak.troubles import TROUBLES, Trouble


PROJECTS = 60
SLOTS = 12
"""A scrape needs some two hundred requests."""

SCRAPE_SECONDS = 10.0
"""The timeout of the scrapes that have to be complete: Prometheus's default."""

FIRST_SCRAPE_SECONDS = 60.0
SLOW_MACHINE_FACTOR = 4.0
"""On a machine whose first scrape is slow, all may take as many times longer."""

SCRAPE_INTERVAL_SECONDS = 1.0
MAX_SCRAPES = 2
"""After a trouble, the second scrape has to be complete."""

MIN_TROUBLE_SECONDS = 3.3
"""Longer than the longest scrape timeout of the other scrapers."""

MAX_TROUBLE_SECONDS = 10.0
SETTLE_SECONDS = 2.0

CONFIGURATION = """\
clouds:
  token:
    region: eu-de
    iam_url: {url}
    modelarts_url: {url}
    auth: {{password: {{username: exporter, password: demo-password, domain: OTC00000000001000000001}}}}
    rate_limit: {{requests_per_second: 100000}}
  key:
    region: eu-de
    iam_url: {url}
    modelarts_url: {url}
    auth: {{access_key: {{access_key: DEMOACCESSKEY, secret_key: demo-secret-key}}}}
    rate_limit: {{requests_per_second: 100000}}
collection: {{max_concurrent_requests: {slots}, page_size: 20}}
projects:
"""
PROJECT = "  - {{name: p{number:03}, cloud: {cloud}, project_id: {number:032x}, training_api: {api}}}\n"


@dataclass
class Recoveries:
    """The recoveries: the slowest in scrapes and in seconds, and failed ones."""

    troubles: Counter[str] = field(default_factory=Counter)
    scrapes: tuple[int, str] = (0, "none")
    seconds: tuple[float, str] = (0.0, "none")
    failures: list[str] = field(default_factory=list)

    def record(
        self, trouble: Trouble, scrapes: int, seconds: float, incomplete: str
    ) -> None:
        """Record a recovery, and what is still missing after its last scrape."""
        self.troubles[trouble.name] += 1
        self.scrapes = max(self.scrapes, (scrapes, trouble.name))
        self.seconds = max(self.seconds, (seconds, trouble.name))
        if incomplete:
            self.failures.append(
                f'after "{trouble.name}", {scrapes} scrapes and {seconds:.1f} s: {incomplete}'
            )


class Soak:
    """A soak: the exporter, the cloud that it scrapes, and its clients."""

    def __init__(
        self, exporter: Exporter, cloud: tuple[str, int], clients: Clients, seed: int
    ) -> None:
        self._exporter = exporter
        self._cloud, self._cloud_pid = cloud
        self._clients = clients
        self._chance = random.Random(seed)
        self._scrape_seconds = FIRST_SCRAPE_SECONDS
        self._ids = [f"{number:032x}" for number in range(1, PROJECTS + 1)]
        self.recoveries = Recoveries()

    def run(self, seconds: float) -> Figures:
        """Cause all troubles until the end; return the figures after the warm-up."""
        started = time.monotonic()
        each = seconds / len(TROUBLES) - 3.0
        length = min(max(each, MIN_TROUBLE_SECONDS), MAX_TROUBLE_SECONDS)
        first = self._recover(Trouble("start", lambda *_: []))
        self._scrape_seconds = max(SCRAPE_SECONDS, SLOW_MACHINE_FACTOR * first)
        before = None
        for trouble in self._troubles(started + seconds):
            self._cause(trouble, length)
            self._recover(trouble)
            if self.recoveries.failures:
                break
            passed = time.monotonic() - started
            if before is None and passed > seconds / 3:
                before = Figures.of(self._exporter.process.pid)
                print(f"warmed up, {passed:.0f} s: {before}", flush=True)
        return before or Figures.of(self._exporter.process.pid)

    def _troubles(self, end: float) -> Iterator[Trouble]:
        """Yield each trouble once, and then random ones until the time is over."""
        yield from TROUBLES
        while time.monotonic() < end:
            yield self._chance.choice(TROUBLES)

    def _cause(self, trouble: Trouble, seconds: float) -> None:
        end = time.monotonic() + seconds
        if trouble.clients_disconnect:
            self._clients.disconnecting.set()
        self._switch_on(trouble)
        if trouble.logs_in_again:
            self._clients.log_in_again()
        while (remaining := end - time.monotonic()) > 0:
            time.sleep(min(remaining, 0.3) if trouble.changes else remaining)
            if trouble.changes:
                self._switch_on(trouble)
        self._clients.disconnecting.clear()
        # Time passes in the cloud, so that later metrics cannot be those from before.
        os.kill(self._cloud_pid, signal.SIGUSR1)
        requests.delete(f"{self._cloud}/simulator/faults", timeout=30)

    def _switch_on(self, trouble: Trouble) -> None:
        url = f"{self._cloud}/simulator/faults"
        requests.delete(url, timeout=30)
        with requests.Session() as session:
            for fault in trouble.faults(self._chance, self._ids):
                session.post(url, json=fault, timeout=30).raise_for_status()

    def _recover(self, trouble: Trouble) -> float:
        truth = {
            target: counts
            for target, counts in counts_in(self._cloud).items()
            if target[0] != f"p{PROJECTS + 1:03}"
        }
        started = time.monotonic()
        for number in range(1, MAX_SCRAPES + 1):
            attempt_started = time.monotonic()
            incomplete = what_is_missing(
                self._clients.scrape(self._scrape_seconds), truth
            )
            if not incomplete:
                break
            if number < MAX_SCRAPES:
                rest = attempt_started + SCRAPE_INTERVAL_SECONDS - time.monotonic()
                time.sleep(max(0.0, rest))
        took = time.monotonic() - started
        self.recoveries.record(trouble, number, took, incomplete)
        print(
            f"{trouble.name}: complete after {number} scrapes, {took:.1f} s"
            if not incomplete
            else f"{trouble.name}: NOT complete: {incomplete}",
            flush=True,
        )
        return took

    def end(self) -> tuple[int | None, float]:
        """Stop the exporter during a hanging scrape; return its status and seconds."""
        fault = {"effect": "hang"}
        requests.post(f"{self._cloud}/simulator/faults", json=fault, timeout=30)
        scrape = threading.Thread(target=self._clients.scrape, args=(SCRAPE_SECONDS,))
        scrape.start()
        time.sleep(0.5)
        status, took = self._exporter.end()
        scrape.join()
        return status, took


def configuration(url: str) -> str:
    """Return a configuration of all projects, and one more that reloads may remove."""
    text = CONFIGURATION.format(url=url, slots=SLOTS)
    for number in range(1, PROJECTS + 2):
        cloud = "key" if number % 3 == 0 else "token"
        text += PROJECT.format(number=number, cloud=cloud, api=training_api(number))
    return text


def soak(seconds: float, folder: Path, seed: int) -> list[str]:
    """Soak for about `seconds`; print the observations, and return the failures."""
    file = folder / "modelarts.yml"
    names = [f"p{number:03}" for number in range(1, PROJECTS + 1)]
    with running_cloud(PROJECTS + 1, folder / "cloud.log") as cloud:
        file.write_text(configuration(cloud[0]))
        with running_exporter(file) as exporter:
            clients = Clients(exporter.url, file, names)
            one = Soak(exporter, cloud, clients, seed)
            with clients:
                before = one.run(seconds)
            if one.recoveries.failures:
                print(*exporter.problems(10), sep="\n")
            time.sleep(SETTLE_SECONDS)
            after = Figures.of(exporter.process.pid)
            status, took = one.end()
        tracebacks = exporter.tracebacks
        if tracebacks:
            lines = exporter.log.splitlines()
            first = next((line for line in lines if "Traceback" in line), "")
            print(f"{first[:300]} ... {first[-1500:]}")
    observations, recoveries = clients.observations, one.recoveries
    _print(before, after, clients, recoveries)
    print(f"SIGTERM during a scrape: exit status {status} after {took:.1f} s")
    print(f"internal errors in the log: {tracebacks}")
    health = sorted(observations.health)
    wrong = {
        "some requests failed, or were not 200": observations.unexpected,
        "scrapes were answered long after their timeout": max(
            observations.late, default=0
        )
        > 3,
        "health took more than 2 s, once in a hundred": health[-len(health) // 100] > 2,
        "health took more than 5 s": health[-1] > 5,
        "memory grew": after.memory > before.memory * 1.2 + 10,
        "descriptors grew": after.descriptors > before.descriptors + 5,
        "threads grew": after.threads > before.threads + 2,
        "SIGTERM did not end it cleanly": status != 0 or took > 5,
        "there were internal errors": tracebacks,
    }
    return recoveries.failures + [words for words, is_so in wrong.items() if is_so]


def _print(
    before: Figures, after: Figures, clients: Clients, recoveries: Recoveries
) -> None:
    observations = clients.observations
    answers: Counter[str] = Counter()
    for (path, status), number in observations.answers.items():
        answers[f"{path} {status}"] += number
    print(f"\nanswers: {dict(answers.most_common())}")
    print(
        f"late: {len(observations.late)}, by {max(observations.late, default=0):.1f} s at most; "
        f"reloads: {dict(observations.reloads)}; clients that disconnected: {observations.disconnected}"
    )
    print(f"troubles: {dict(recoveries.troubles)}")
    print(
        f"slowest recovery: {recoveries.scrapes[0]} scrapes ({recoveries.scrapes[1]}), "
        f"{recoveries.seconds[0]:.1f} s ({recoveries.seconds[1]})"
    )
    milliseconds = [1000 * one for one in observations.health]
    print(
        f"health: {len(milliseconds)} answers, median "
        f"{statistics.median(milliseconds):.0f} ms, longest {max(milliseconds):.0f} ms"
    )
    print(f"warmed up:  {before}")
    print(f"at the end: {after}")


def main() -> None:
    """Soak; the exit status is 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            wrong = soak(flags.seconds, Path(folder), flags.seed)
        except ProcessLookupError as error:
            wrong = [f"the exporter: {error}"]
    for words in wrong or ["nothing"]:
        print(f"failed: {words}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
