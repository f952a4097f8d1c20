"""The demo and the real Prometheus: what is scraped is what is stored."""

import re
import subprocess
import sys

from pathlib import Path

import httpx
import pytest

from programs import prometheus_queries, wait_until

from exporter.collectors.jobs.statuses import V1_STATUSES


pytestmark = pytest.mark.needs("prometheus", "promtool")


# One demo for all tests here, since nothing changes it.
@pytest.fixture(scope="module")
def demo():
    """Run the demo; return the addresses of the exporter and of the cloud."""
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "exporter",
            "demo",
            "--web.listen-address=127.0.0.1:0",
            # So slow that the cloud does not change during the tests.
            "--simulator.speed=0.000001",
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        found = {}
        while len(found) < 2:
            line = process.stdout.readline()
            assert line, "the demo ended"
            if match := re.search(r"(Metrics|Cloud) +http://([^/]+)/", line):
                found[match[1]] = match[2]
        yield found["Metrics"], found["Cloud"]
        process.terminate()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, demo):
    """Run a Prometheus that scrapes the demo; return a function that queries it."""
    with prometheus_queries(
        tmp_path_factory.mktemp("prometheus"),
        f"""\
global: {{scrape_interval: 3s, scrape_timeout: 3s}}
scrape_configs:
  - job_name: modelarts
    static_configs: [{{targets: ["{demo[0]}"]}}]
""",
    ) as query:
        # Two scrapes, so that counters have a first and a second value; the first one
        # may be too slow on a busy machine.
        wait_until(lambda: query("count_over_time(up[1m]) >= 2"))
        wait_until(lambda: query("min(modelarts_up) == 1"))
        yield query


def test_prometheus_stores_the_clouds_counts(demo, prometheus):
    """`up` is 1, and the counts in Prometheus are the simulated cloud's."""
    truth = httpx.get(f"http://{demo[1]}/simulator/jobs").json()
    # This one is discovered, and has its name in the cloud.
    truth["eu-de_sandbox"] = truth.pop("sandbox")
    up = prometheus("up")
    jobs = {
        tuple(
            result["metric"][label]
            for label in ("project", "kind", "api_version", "status")
        ): float(result["value"][1])
        for result in prometheus("modelarts_jobs > 0")
    }

    assert [result["value"][1] for result in up] == ["1"]
    assert jobs == {
        (
            project,
            kind,
            found["api"],
            V1_STATUSES[int(status)].name if found["api"] == "v1" else status.lower(),
        ): count
        for project, kinds in truth.items()
        for kind, found in kinds.items()
        for status, count in found["jobs"].items()
    }
    assert len(truth) == 6
    assert {kinds["training"]["api"] for kinds in truth.values()} == {"v1", "v2"}
    for name, field in (
        ("running_job_quota", "quota"),
        ("job_count_limit_remaining", "remaining"),
    ):
        expected = {
            (project, kind, found["api"]): found[field]
            for project, kinds in truth.items()
            for kind, found in kinds.items()
        }
        stored = {
            tuple(
                result["metric"][label] for label in ("project", "kind", "api_version")
            ): float(result["value"][1])
            for result in prometheus(f"modelarts_{name}")
        }
        # The other training API has no jobs here, and nothing to compare.
        assert {one: stored.get(one) for one in expected} == expected
    assert {result["value"][1] for result in prometheus("modelarts_up")} == {"1"}
    assert not prometheus('{__name__=~"modelarts_.*", exported_job!=""}')
    assert not prometheus(
        '{__name__=~".*_created", __name__!="modelarts_created_jobs"}'
    )


def test_quantiles_of_durations(prometheus):
    """`histogram_quantile` works on the gauge histogram directly, without a rate."""
    results = prometheus(
        "histogram_quantile(0.5, sum by (project, le) "
        '(modelarts_job_duration_seconds_bucket{phase="succeeded", kind="training"}))'
    )

    values = {
        result["metric"]["project"]: float(result["value"][1]) for result in results
    }
    assert 60 < values["vision"] < 86_400


@pytest.mark.parametrize("name", ["docs/metrics.md"])
def test_the_documents_queries_find_something(prometheus, name):
    """Every documented query finds something in the demo."""
    text = (Path(__file__).parents[2] / name).read_text()
    queries = re.findall(r"```promql\n(.*?)```", text, re.DOTALL)

    assert len(queries) > 5
    for query in queries:
        found = prometheus(query.replace("modelarts_up == 0", "modelarts_up == 1"))
        assert found, query


def test_promtool_finds_no_problem(demo):
    """`promtool check metrics` has no output."""
    text = httpx.get(f"http://{demo[0]}/metrics", headers={"Accept": "text/plain"}).text
    result = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
