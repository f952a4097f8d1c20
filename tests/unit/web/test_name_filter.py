"""Which metrics are exported: all, the allowed ones, or all but the denied ones."""

import re

import pytest

from harness import configuration, simulated
from httpx import ASGITransport, AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from exporter.app import open_exporter
from exporter.metrics.name_filter import NameFilter
from exporter.simulator import serve
from exporter.web.paths import WebPaths
from exporter.web.routes import create_app


async def names_of(names, path, accept="text/plain"):
    """Return the names of the metrics that an exporter with this filter exports."""
    cloud = simulated("a")
    async with (
        serve(cloud) as url,
        open_exporter(lambda: configuration(cloud, url), names=names) as exporter,
        AsyncClient(
            transport=ASGITransport(create_app(exporter, WebPaths())),
            base_url="http://exporter",
        ) as client,
    ):
        answer = await client.get(path, headers={"Accept": accept})
    return {
        sample.name
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def patterns(*texts):
    """Return regular expressions."""
    return tuple(map(re.compile, texts))


@pytest.mark.parametrize("path", ["/metrics", "/probe?project=a", "/exporter-metrics"])
@pytest.mark.slow
async def test_denied_metrics_are_left_out(path):
    """Patterns match whole names, also of the exporter's own metrics."""
    everything = await names_of(NameFilter(), path)
    deny = patterns("modelarts_job_duration_seconds", ".*_total", "modelarts_job")
    found = await names_of(NameFilter(deny=deny), path)

    gone = everything - found
    assert found < everything
    assert all(
        name.endswith("_total") or name.startswith("modelarts_job_duration_seconds")
        for name in gone
    )
    assert not [name for name in found if name.endswith("_total")]
    assert "process_cpu_seconds_total" not in found


async def test_only_allowed_metrics_are_exported():
    """Only allowed metrics are exported, in either format."""
    allow = patterns("modelarts_jobs", "modelarts_exporter_build_info")
    for accept in ("text/plain", "application/openmetrics-text; version=1.0.0"):
        assert await names_of(NameFilter(allow=allow), "/metrics", accept) == {
            "modelarts_jobs",
            "modelarts_exporter_build_info",
        }
