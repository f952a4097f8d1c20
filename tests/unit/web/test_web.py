"""The exporter's HTTP interface, as Prometheus and people use it."""

import gzip
import math

import httpx
import pytest

from harness import Scrape, exporting, exporting_from, simulated
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)

from exporter.config import Configuration


PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,"
    "application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.fixture
async def empty():
    """Return an exporter without projects, which sends no requests."""
    async with exporting(Configuration(clouds=(), projects=())) as exporter:
        yield exporter


@pytest.mark.slow
async def test_openmetrics():
    """The strict OpenMetrics parser accepts what Prometheus requests."""
    cloud = simulated("a", 'we "quote" \\ and\nbreak', "<script>")
    async with exporting_from(cloud) as exporter:
        response = await exporter.client.get(
            f"{exporter.url}/metrics", headers={"Accept": PROMETHEUS_2}
        )
    families = {family.name: family for family in openmetrics_families(response.text)}

    assert response.headers["Content-Type"] == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    )
    assert families["modelarts_job_duration_seconds"].type == "gaugehistogram"
    assert families["modelarts_collection_errors"].type == "counter"
    assert {
        sample.labels["project"] for sample in families["modelarts_up"].samples
    } == {project.name for project in cloud.projects}
    samples = [sample for family in families.values() for sample in family.samples]
    assert [sample for sample in samples if sample.name.endswith("_created")] == []


async def test_the_text_format_has_no_duplicates_and_float_bounds():
    """Series and families are unique; `le` values are floats."""
    async with exporting_from(simulated("a", "b")) as exporter:
        scrape = await exporter.scrape()
    lines = scrape.response.text.splitlines()
    series = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    heads = [line for line in lines if line.startswith("# TYPE")]
    bounds = {
        dict(labels)["le"] for labels in scrape.series("job_duration_seconds_bucket")
    }

    assert len(set(series)) == len(series)
    assert len(set(heads)) == len(heads)
    assert all(float(bound) == math.inf or "." in bound for bound in bounds)
    assert scrape.response.headers["Content-Type"].startswith(
        "text/plain; version=0.0.4"
    )


async def test_errors_are_there_from_the_start():
    """Every reason has its counter before anything has failed."""
    async with exporting_from(simulated("a")) as exporter:
        scrape = await exporter.scrape()

    assert {
        dict(labels)["reason"]: value
        for labels, value in scrape.series(
            "collection_errors_total", project="a", kind="training"
        ).items()
    } == dict.fromkeys(
        [
            "timeout",
            "authentication",
            "permission",
            "throttled",
            "api",
            "network",
            "response",
            "canceled",
        ],
        0.0,
    )


@pytest.mark.slow
async def test_project_info():
    """What else is known of a project is in one series."""
    async with exporting_from(simulated("a")) as exporter:
        scrape = await exporter.scrape()

    assert (
        scrape.value(
            "project_info",
            project="a",
            project_id=f"{1:032x}",
            cloud="otc",
            cloud_region="eu-de",
            workspace_id="0",
            discovered="false",
        )
        == 1
    )


@pytest.mark.slow
async def test_the_scrapers_timeout():
    """The last scraper's timeout counts, except for the exporter's own metrics."""
    name = "exporter_scrape_timeout_seconds"
    header = {"X-Prometheus-Scrape-Timeout-Seconds": "70"}
    async with exporting_from(simulated("a")) as exporter:

        async def exported_timeout():
            own = f"{exporter.url}/exporter-metrics"
            return Scrape(await exporter.client.get(own, headers=header)).value(name)

        assert await exported_timeout() == 0
        await exporter.scrape(60)
        assert await exported_timeout() == 60
        await exporter.scrape()
        assert await exported_timeout() == 60
        await exporter.client.get(f"{exporter.url}/probe?project=a", headers=header)
        assert await exported_timeout() == 70


async def test_the_exporters_own_metrics():
    """Requests by code, latency, skew, expiry, configuration, build and process."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        scrape = await exporter.scrape()

    for api, number in (("auth_tokens", 1), ("training_jobs", 2)):
        code = "201" if api == "auth_tokens" else "200"
        assert number == scrape.value(
            "exporter_api_requests_total", cloud="otc", api=api, code=code
        )
        assert number == scrape.value(
            "exporter_api_request_duration_seconds_count", cloud="otc", api=api
        )
    assert abs(scrape.value("exporter_clock_skew_seconds", cloud="otc")) <= 1
    assert scrape.value("exporter_config_last_reload_successful") == 1
    assert len(scrape.series("exporter_build_info")) == 1
    assert ("process_open_fds", frozenset()) in scrape.samples


@pytest.mark.parametrize(
    "header",
    ["", "*/*", "nonsense", "application/openmetrics-text;version=999", "\xff;q=;,;"],
)
async def test_any_accept_header_gets_an_answer(empty, header):
    """Any header gets an answer with a known Content-Type."""
    response = await empty.client.get(
        f"{empty.url}/metrics", headers={b"Accept": header.encode("latin-1")}
    )

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")


async def test_compression(empty):
    """gzip is used if it is accepted, and only then."""
    async with empty.client.stream(
        "GET", f"{empty.url}/metrics", headers={"Accept-Encoding": "gzip"}
    ) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    assert b"modelarts_exporter_build_info" in gzip.decompress(raw)

    response = await empty.client.get(
        f"{empty.url}/metrics", headers={"Accept-Encoding": "gzip;q=0"}
    )
    assert "Content-Encoding" not in response.headers
    assert response.headers["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/-/healthy", 200),
        ("GET", "/-/ready", 200),
        ("HEAD", "/", 200),
        ("HEAD", "/metrics", 200),
        ("HEAD", "/-/healthy", 200),
        ("POST", "/metrics", 405),
        ("DELETE", "/", 405),
        ("PUT", "/-/ready", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/-/whatever", 404),
        ("GET", "//metrics", 404),
    ],
)
async def test_paths_and_methods(method, path, status):
    """Other paths are 404, other methods 405; none of these asks the cloud."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        response = await exporter.client.request(method, f"{exporter.url}{path}")

    assert response.status_code == status
    assert not cloud.asked()
    if status == 405:
        assert "GET" in response.headers["Allow"]
    if method == "HEAD":
        assert response.content == b""


async def test_the_landing_page(empty):
    """The page says what this is and links to the metrics."""
    response = await empty.client.get(f"{empty.url}/")

    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "ModelArts exporter" in response.text
    assert 'href="./metrics"' in response.text


@pytest.mark.slow
async def test_other_requests_are_answered_while_a_collection_hangs():
    """Health is answered at once even if every cloud hangs."""
    cloud = simulated("a")
    cloud.latency = 30.0
    async with exporting_from(cloud, timeout=1.0) as exporter:
        async with exporter.client.stream(
            "GET", f"{exporter.url}/-/healthy"
        ) as response:
            assert response.status_code == 200
        scrape = await exporter.scrape(0.6)
        assert set(scrape.up().values()) == {0.0}


async def test_a_request_that_is_no_http(empty):
    """Noise on the port is rejected, and the next request is answered."""
    with pytest.raises(httpx.HTTPError):
        await empty.client.get(f"{empty.url.replace('http', 'https')}/metrics")

    assert (await empty.client.get(f"{empty.url}/-/healthy")).status_code == 200
