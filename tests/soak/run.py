"""
Scrapes for a given time while faults come and go, and looks for what keeps growing.

Two clients scrape every second, and the configuration is reloaded now and then, with
and without changes and mistakes. At the end memory, file descriptors, connections and
threads must be where they were after the first minute, and SIGTERM must end the
process after the scrape in flight.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import requests


CONFIGURATION = """\
clouds:
  token:
    region: eu-de
    iam_url: {url}
    modelarts_url: {url}
    auth: {{password: {{username: exporter, password: demo-password, domain: OTC00000000001000000001}}}}
  key:
    region: eu-de
    iam_url: {url}
    modelarts_url: {url}
    auth: {{access_key: {{access_key: DEMOACCESSKEY, secret_key: demo-secret-key}}}}
projects:
  - {{name: vision, cloud: token, project_id: {one:032x}}}
  - {{name: speech, cloud: token, project_id: {two:032x}}}
  - {{name: ranking, cloud: key, project_id: {three:032x}}}
  - {{name: forecast, cloud: key, project_id: {four:032x}}}
"""
EFFECTS = [
    "status",
    "html",
    "truncated",
    "not_successful",
    "hang",
    "delay",
    "reset",
    "break",
    "endless",
    "repeating",
    "redirect",
    "oversized",
    "bomb",
    "gzip",
    "cookie",
]
STATUSES = [400, 401, 403, 404, 429, 500, 503]
WARM_UP_SECONDS = 60.0


@dataclass(frozen=True)
class Figures:
    """What a process holds."""

    memory: float
    descriptors: int
    connections: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Figures:
        """Look at a process now."""
        status = Path(f"/proc/{pid}/status").read_text()
        links = [_link(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
        return cls(
            int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024,
            len(links),
            sum(link.startswith("socket:") for link in links),
            int(re.search(r"Threads:\s+(\d+)", status)[1]),
        )

    def __str__(self) -> str:
        """Return them as words."""
        return (
            f"{self.memory:.1f} MB, {self.descriptors} descriptors "
            f"({self.connections} sockets), {self.threads} threads"
        )


@dataclass
class Scrapes:
    """What the clients saw."""

    answers: Counter = field(default_factory=Counter)
    late: int = 0

    def run(self, url: str, seed: int, ended: threading.Event) -> None:
        """Scrape every second until the end."""
        chance = random.Random(seed)
        with requests.Session() as session:
            while not ended.wait(chance.uniform(0.8, 1.2)):
                timeout = chance.choice([1.0, 2.0, 3.0])
                started = time.monotonic()
                answer = session.get(
                    url, headers={"X-Prometheus-Scrape-Timeout-Seconds": str(timeout)}
                )
                self.answers[answer.status_code] += 1
                self.late += time.monotonic() - started > timeout


def start(*arguments: str, pattern: str) -> tuple[subprocess.Popen[str], str]:
    """Start the exporter's command; return the process and what its output says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "exporter", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        if found := re.search(pattern, line):
            # Read on, or the process would wait for us when the pipe is full.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process, found[1]
    raise SystemExit("the process ended")


def break_things(cloud: str, seed: int, ended: threading.Event) -> None:
    """Switch faults on and off at random until the end."""
    chance = random.Random(seed)
    while not ended.wait(chance.uniform(0.2, 2.0)):
        if chance.random() < 0.4:
            requests.delete(f"{cloud}/simulator/faults")
            continue
        fault = {
            "effect": chance.choice(EFFECTS),
            "api": chance.choice(
                ["auth_tokens", "training_jobs", "visualization_jobs"]
            ),
            "project_id": chance.choice([None, f"{chance.randint(1, 4):032x}"]),
            "status": chance.choice(STATUSES),
            "times": chance.choice([None, 1, 5]),
        }
        requests.post(f"{cloud}/simulator/faults", json=fault).raise_for_status()


def reload(url: str, file: Path, ended: threading.Event) -> Counter[int]:
    """Reload the configuration until the end: the same, changed, and with a mistake."""
    chance = random.Random(4)
    base = url.removesuffix("/metrics")
    good = file.read_text()
    answers: Counter[int] = Counter()
    while not ended.wait(chance.uniform(1.0, 5.0)):
        without_last = good.rpartition("  - {")[0]
        file.write_text(chance.choice([good, without_last, f"{good}mistake: 1\n"]))
        answers[requests.post(f"{base}/-/reload").status_code] += 1
    file.write_text(good)
    requests.post(f"{base}/-/reload").raise_for_status()
    print(f"reloads:          {dict(answers)}")
    return answers


def soak(
    url: str, cloud: str, file: Path, pid: int, seconds: float
) -> tuple[Figures, Figures, Scrapes]:
    """Scrape and break things; return the figures before and after, and the scrapes."""
    scrapes, ended = Scrapes(), threading.Event()
    threads = [
        threading.Thread(target=scrapes.run, args=(url, 1, ended)),
        threading.Thread(target=scrapes.run, args=(url, 2, ended)),
        threading.Thread(target=break_things, args=(cloud, 3, ended)),
        threading.Thread(target=reload, args=(url, file, ended)),
    ]
    for thread in threads:
        thread.start()
    time.sleep(min(WARM_UP_SECONDS, seconds / 3))
    before = Figures.of(pid)
    print(f"after warming up: {before}", flush=True)
    time.sleep(seconds - min(WARM_UP_SECONDS, seconds / 3))
    ended.set()
    for thread in threads:
        thread.join()
    requests.delete(f"{cloud}/simulator/faults")
    requests.get(url, headers={"X-Prometheus-Scrape-Timeout-Seconds": "5"})
    time.sleep(2)
    after = Figures.of(pid)
    print(f"at the end:       {after}")
    print(f"answers: {dict(scrapes.answers)}, {scrapes.late} of them late")
    return before, after, scrapes


def end(process: subprocess.Popen[str], url: str, cloud: str) -> tuple[int, float, int]:
    """End the exporter during a scrape; return its status, seconds, and the answer's."""
    fault = {"effect": "hang", "api": "training_jobs"}
    requests.post(f"{cloud}/simulator/faults", json=fault)
    answers = []
    scrape = threading.Thread(
        target=lambda: answers.append(requests.get(url).status_code)
    )
    scrape.start()
    time.sleep(0.5)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    status = process.wait(30)
    took = time.monotonic() - started
    scrape.join()
    print(f"SIGTERM: scrape answered {answers[0]}, exit status {status}, {took:.1f} s")
    return status, took, answers[0]


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except FileNotFoundError:
        return ""


def main() -> None:
    """Soak; the exit status is 1 if anything grew, was late or failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    seconds = parser.parse_args().seconds
    simulator, cloud = start(
        "simulator", "--web.listen-address=127.0.0.1:0", pattern=r"(http://\S+)/$"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "modelarts.yml"
        file.write_text(CONFIGURATION.format(url=cloud, one=1, two=2, three=3, four=4))
        exporter, url = start(
            f"--config.file={file}",
            "--web.listen-address=127.0.0.1:0",
            pattern=r"msg=listening url=(\S+)",
        )
        try:
            before, after, scrapes = soak(url, cloud, file, exporter.pid, seconds)
            status, took, answer = end(exporter, url, cloud)
        finally:
            exporter.kill()
            simulator.kill()
    good = (
        set(scrapes.answers) == {200}
        and not scrapes.late
        and after.memory <= before.memory * 1.15
        and after.descriptors <= before.descriptors + 5
        and after.threads <= before.threads + 2
        and (status, answer, took < 5) == (0, 200, True)
    )
    print("good" if good else "NOT good")
    sys.exit(not good)


if __name__ == "__main__":
    main()
