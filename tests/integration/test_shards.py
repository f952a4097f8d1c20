"""Three processes share the projects of an account, scraped by the real Prometheus."""

import asyncio
import contextlib
import signal
import subprocess
import sys

from collections import Counter
from dataclasses import dataclass, field

import pytest

from discovering import CONFIGURATION, account_of
from programs import free_port, prometheus_queries, wait_until

from exporter.simulator import SimulatedProject, serve


NAMES = [f"eu-de_p{number:02}" for number in range(40)]
# Each project has this series once.
COLLECTED = 'modelarts_up{kind="visualization"} == 1'
TWICE = 'count by (project) (modelarts_up{kind="visualization"}) > 1'
# As in docs/scaling.md.
MISSING = """\
max by (job, cloud) (modelarts_discovery_projects{state="collected"})
> on (job, cloud)
count by (job, cloud) (modelarts_project_info{discovered="true"})
"""


@dataclass
class Shards:
    """Processes with one configuration, each at an address of its own."""

    file: str
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    def start(self, address, index, total):
        """Start a shard as a StatefulSet's pod does, and wait until it listens."""
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "exporter",
                f"--config.file={self.file}",
                f"--shard-from-pod=exporter-{index}",
                f"--total-shards={total}",
                f"--web.listen-address={address}",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes[address] = process
        assert any("listening" in line for line in process.stderr)

    def stop(self, address):
        """Stop a shard as Kubernetes does, and wait until it has ended."""
        process = self.processes.pop(address)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        process.wait(30)
        process.stderr.close()

    def close(self):
        """Stop all shards."""
        for address in list(self.processes):
            self.stop(address)


@pytest.mark.timeout(300)
@pytest.mark.needs("prometheus")
async def test_prometheus_has_every_project_once(tmp_path):
    """Also during a restart of a shard; a fourth shard gets a quarter of them."""
    projects = [
        SimulatedProject(name, f"{number:032x}") for number, name in enumerate(NAMES)
    ]
    async with serve(account_of(projects)) as url:
        file = tmp_path / "modelarts.yml"
        # One project by its ID, one by its name; the others are discovered.
        file.write_text(
            CONFIGURATION.format(url=url)
            + f"""\
projects:
  - {{cloud: otc, name: {NAMES[0]}, project_id: {0:032x}, collectors: [visualization_jobs]}}
  - {{cloud: otc, project_name: {NAMES[1]}, collectors: [visualization_jobs]}}
"""
        )
        await asyncio.to_thread(_follow, tmp_path, file)


def _follow(folder, file):
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(4)]
    scraped = "".join(
        f"      - {{targets: ['{address}'], labels: {{instance: exporter-{index}}}}}\n"
        for index, address in enumerate(addresses)
    )
    text = f"""\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: modelarts-exporter
    static_configs:
{scraped}"""
    with (
        contextlib.closing(Shards(file)) as shards,
        prometheus_queries(folder, text) as query,
    ):

        def owners():
            found = [one["metric"] for one in query(COLLECTED)]
            return {one["project"]: one["instance"] for one in found}

        def is_complete():
            found = owners()
            return found if found.keys() == set(NAMES) else None

        def is_down(instance):
            return query(f'up{{instance="{instance}"}} == 0')

        for index, address in enumerate(addresses[:3]):
            shards.start(address, index, 3)
        three = wait_until(is_complete)

        shards.stop(addresses[1])
        wait_until(lambda: is_down("exporter-1"))
        left = {name: shard for name, shard in three.items() if shard != "exporter-1"}
        assert wait_until(lambda: owners() == left)
        assert query(MISSING)
        shards.start(addresses[1], 1, 3)
        assert wait_until(is_complete) == three
        wait_until(lambda: not query(MISSING))

        for address in addresses[:3]:
            shards.stop(address)
        wait_until(lambda: not owners())
        for index, address in enumerate(addresses):
            shards.start(address, index, 4)
        four = wait_until(is_complete)
        # Not at any time since the start.
        assert query(f"max_over_time(({TWICE})[10m:1s])") == []
        assert query(f"max_over_time(({TWICE.replace('> 1', '> 0')})[10m:1s])")

    moved = [four[name] for name in NAMES if three[name] != four[name]]
    assert Counter(moved).keys() == {"exporter-3"}
    assert 5 <= len(moved) <= 15
    assert set(three.values()) == {f"exporter-{index}" for index in range(3)}
