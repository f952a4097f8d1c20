"""How many series a project has, as the real Prometheus stores them."""

import asyncio
import re

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from harness import configuration, exporting, simulated
from programs import prometheus_queries, wait_until

from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.collectors.notebooks.statuses import NOTEBOOK_STATUSES
from exporter.collectors.services.statuses import SERVICE_STATUSES
from exporter.config import ALL_COLLECTORS, TrainingApi
from exporter.simulator import FLAVORS, Jobs, serve
from exporter.simulator.notebooks import Lease, Notebook
from exporter.simulator.services import Service


pytestmark = pytest.mark.needs("prometheus")

EXPORTER = "the exporter itself"
COLLECTORS = {
    "all": (ALL_COLLECTORS,),
    "notebooks": ("notebooks",),
    "services": ("services",),
}
"""The collectors of projects that do not have the default ones."""

DOCUMENT = Path(__file__).parents[2] / "docs/metrics.md"


def cloud_with_jobs():
    """Return a cloud whose projects have no jobs, or one busy kind."""
    cloud = simulated("empty", "old", "current", *COLLECTORS)
    _, old, current, _, notebooks, services = cloud.projects
    current.training_api = "v2"
    now = cloud.clock.now()
    for project in cloud.projects:
        project.visualization.jobs.clear()
        project.training.jobs.clear()
    for project in (old, current):
        fill(project.training, now)
    notebooks.notebooks.notebooks += some_notebooks(now)
    services.services.v1 += [
        Service(status=status.name, type=of_type)
        for status, of_type in product(SERVICE_STATUSES, ("real-time", "batch"))
    ]
    return cloud


def fill(jobs: Jobs, now):
    """Add jobs of all statuses, with durations, on all flavors."""
    for number, status in enumerate((*V1_STATUSES, 99)):
        job = jobs.create_job(status, created=now - 9000 - number, duration=60.0)
        job.flavor = FLAVORS[number % len(FLAVORS)]
    for flavor in FLAVORS:
        jobs.create_job(8, created=now - 50).flavor = flavor


def some_notebooks(now):
    """Return notebooks of all statuses, with running ones of three flavors."""
    lease = Lease(now - 9000)
    found = [
        Notebook(status=status.name.upper(), lease=lease)
        for status in NOTEBOOK_STATUSES
    ]
    stops = (lease, replace(lease, type="idle"), replace(lease, enabled=False))
    return found + [
        Notebook(flavor=flavor, lease=stop) for flavor, stop in product("abc", stops)
    ]


async def test_a_project_has_few_series(tmp_path):
    """Prometheus stores no more series than the documented budget."""
    cloud = cloud_with_jobs()
    async with serve(cloud) as url:
        configured = configuration(cloud, url)
        projects = [
            replace(
                project,
                training_api=TrainingApi.AUTO,
                collectors=COLLECTORS.get(project.name),
            )
            for project in configured.projects
        ]
        # Other collectors add series of the exporter itself.
        usual = replace(configured, projects=tuple(projects[:3]))
        other = replace(configured, projects=tuple(projects[3:]))
        async with exporting(usual) as one, exporting(other) as two:
            targets = [each.url.removeprefix("http://") for each in (one, two)]
            found = await asyncio.to_thread(stored, tmp_path, *targets)

    rows = re.findall(r"^\| (.*) \| ([0-9]+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    documented = {words: int(number) for words, number in rows}
    for name, words, most in (
        ("empty", "a project without jobs", 80),
        ("old", "one with v1 training jobs of every status", 250),
        ("current", "one with v2 training jobs of every status, on three flavors", 250),
        ("all", "a project with nothing at all, and `collectors: all`", 180),
        (
            "notebooks",
            "notebooks of every status, on three flavors, and nothing else",
            70,
        ),
        (
            "services",
            "services of every status and two types, all of v1, and nothing else",
            80,
        ),
        # The numbers for Python and the process differ a little.
        (EXPORTER, "the exporter itself, with one cloud", 150),
    ):
        assert found[name] <= documented[words] <= most, (name, found)


def stored(folder, usual, other):
    """Return the numbers of series of each project and of the exporter."""
    with prometheus_queries(
        folder,
        f"""\
global: {{scrape_interval: 2s, scrape_timeout: 2s}}
scrape_configs:
  - job_name: {EXPORTER}
    static_configs: [{{targets: ["{usual}"]}}]
  - job_name: other collectors
    static_configs: [{{targets: ["{other}"]}}]
""",
    ) as query:
        wait_until(lambda: query("count(count_over_time(up[1m]) >= 3) == 2"))
        names = '__name__=~"modelarts_.*|process_.*|python_.*"'
        return {
            result["metric"].get("project", result["metric"]["job"]): int(
                result["value"][1]
            )
            for result in query(f"count by (project, job) ({{{names}}})")
        }
