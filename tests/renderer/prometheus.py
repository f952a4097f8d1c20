"""A Prometheus that has scraped the demo's history, as one of several targets."""

from __future__ import annotations

import re
import socket
import subprocess
import time

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from .history import STEP, Scrape


_READY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """A scraped exporter: its interval, and how many seconds it has been down."""

    interval: float = STEP
    dead: float = 0.0


@contextmanager
def running(folder: Path, history: Sequence[Scrape], target: Target) -> Iterator[str]:
    """
    Run a Prometheus with a history as its past; yields its URL.

    A series that is missing from a scrape has no stale marker: it ends when the next
    scrape is due.
    """
    _write_blocks(folder, _openmetrics(history, target))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "prometheus.yml").write_text("global: {}\n")
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}",
        f"--query.lookback-delta={target.interval * 1000 - 1:.0f}ms",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    with subprocess.Popen(command) as process:
        try:
            _wait_until_ready(f"http://{address}")
            yield f"http://{address}"
        finally:
            process.terminate()


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/-/ready").is_success:
                return
        time.sleep(0.1)
    message = f"no Prometheus is ready at {url}"
    raise TimeoutError(message)


def _openmetrics(history: Sequence[Scrape], target: Target) -> Iterator[str]:
    """Yield OpenMetrics text for promtool: the history, another program, and alerts."""
    end = history[-1].moment
    since = end - max(target.dead, 900.0)
    labels = 'cluster="demo",job="modelarts",instance="exporter:10198"'
    node = 'cluster="demo",job="node",instance="node:9100"'
    for scrape in history[:: round(target.interval / STEP)]:
        moment = f"{scrape.moment:.3f}"
        is_alive = scrape.moment <= end - target.dead
        yield f"up{{{labels}}} {int(is_alive)} {moment}"
        # No panel may show these.
        yield f"up{{{node}}} 1 {moment}"
        yield f"process_resident_memory_bytes{{{node}}} 9e9 {moment}"
        samples = scrape.samples()
        for alert in _alerts(samples) if is_alive else (_DEAD,):
            yield f'ALERTS{{{labels},alertstate="firing",{alert}}} 1 {moment}'
            yield f"ALERTS_FOR_STATE{{{labels},{alert}}} {since} {moment}"
        if not is_alive:
            continue
        yield f"scrape_duration_seconds{{{labels}}} {scrape.seconds:.3f} {moment}"
        for line in samples:
            series, _, value = line.rpartition(" ")
            name, _, own = series.partition("{")
            yield f"{name}{{{labels}{',' if own else '}'}{own} {value} {moment}"


_DEAD: Final = 'alertname="ModelArtsExporterDown",severity="critical"'


def _alerts(samples: Sequence[str]) -> Iterator[str]:
    """Yield labels of alerts, since rules are not evaluated in the past."""
    for line in samples:
        if line.startswith("modelarts_up{") and line.endswith(" 0.0"):
            own = re.findall(r'(?:project|kind)="[^"]*"', line)
            name = 'alertname="ModelArtsProjectNotCollected",severity="warning"'
            yield ",".join([name, *own])


def _write_blocks(folder: Path, lines: Iterator[str]) -> None:
    folder.mkdir(parents=True)
    file = folder / "history.om"
    with file.open("w") as text:
        text.writelines(f"{line}\n" for line in lines)
        text.write("# EOF\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run([*command, file, folder], check=True, stdout=subprocess.DEVNULL)
    file.unlink()
