"""Metric families of many targets, with samples made in batches of targets."""

import asyncio
import re

from dataclasses import replace

import pytest

from harness import configuration, simulated
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.app import open_exporter
from exporter.collection.metric_families import families
from exporter.collectors.registry import REGISTRY
from exporter.metrics.exposition import Format, encode
from exporter.metrics.name_filter import NameFilter
from exporter.simulator import serve


NAMES = [f"project-{number}" for number in range(20)]


@pytest.fixture(scope="module")
def collected():
    """Return reports of more projects than one batch of samples."""
    return asyncio.run(_collected())


async def _collected():
    cloud = simulated(*NAMES)
    async with serve(cloud) as url:
        configured = configuration(cloud, url)
        projects = tuple(
            replace(project, collectors=REGISTRY.names.known)
            for project in configured.projects
        )
        configured = replace(configured, projects=projects)
        async with open_exporter(lambda: configured) as exporter:
            return await exporter.collector.collect(30), projects


async def test_each_family_is_there_once_with_all_projects(collected):
    """Each family appears once, as OpenMetrics requires, with its projects in order."""
    reports, projects = collected
    text = encode(families(REGISTRY, reports, projects), None, Format.OPENMETRICS)
    found = {
        family.name: family for family in text_string_to_metric_families(text.decode())
    }

    for name in ("jobs", "job_duration_seconds", "jobs_finished", "up", "project_info"):
        samples = found[f"modelarts_{name}"].samples
        assert [*dict.fromkeys(sample.labels["project"] for sample in samples)] == NAMES


async def test_a_family_that_is_left_out_leaves_the_others_as_they_are(collected):
    """A family that is left out does not give its samples to the next."""
    reports, projects = collected
    names = NameFilter(deny=(re.compile("modelarts_jobs|modelarts_job_duration_.*"),))
    some = names.of(families(REGISTRY, reports, projects))
    everything = encode(families(REGISTRY, reports, projects), None, Format.TEXT)
    kept = [
        line
        for line in everything.decode().splitlines()
        if not re.match(r"(# \w+ )?modelarts_(jobs|job_duration_\w+)[{ ]", line)
    ]

    assert encode(some, None, Format.TEXT).decode().splitlines() == kept
    assert len(kept) < len(everything.splitlines())


async def test_a_product_has_the_same_families_whatever_was_found(collected):
    """Each batch has the same families, so that they can be joined."""
    reports, _ = collected
    for product in REGISTRY.products:
        expected = [family.name for family in product.families(())]
        for report in reports:
            readings = [report.reading] if report.reading else []
            nothing = [replace(reading, snapshot=None) for reading in readings]
            for some in (readings, nothing):
                assert [family.name for family in product.families(some)] == expected
