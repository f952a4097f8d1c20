"""Whatever a cloud answers for one project fails only that project, with a reason."""

import asyncio
import json
import subprocess

from dataclasses import replace

import msgspec
import pytest

from examples import examples
from harness import configuration, exporting, exporting_from, key_auth, simulated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)

from exporter.app import collect_once
from exporter.check import Step, as_json, check_all, table
from exporter.collectors.base import Registry
from exporter.collectors.jobs.poller import JobPoller
from exporter.collectors.registry import REGISTRY
from exporter.config import JobSeries
from exporter.simulator import GPU_FLAVOR, Effect, Fault, serve


ONLY_B = {("b", "training"): 1, ("b", "visualization"): 1}
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SERIES = JobSeries(enabled=True)

NINES = "9" * 400
HOSTILE = {
    "400 digits": NINES,
    "400 digits, negative": f"-{NINES}",
    "400 digits in a text": f'"{NINES}"',
    "5,000 digits": "9" * 5000,
    "5,000 digits in a text": f'"{"9" * 5000}"',
    "1e400": "1e400",
    "1e400 in a text": '"1e400"',
    "-1e400": "-1e400",
    "2**53 + 1": str(2**53 + 1),
    "a float": "1e300",
    "NaN": "NaN",
    "NaN in a text": '"NaN"',
    "Infinity": "Infinity",
    "Infinity in a text": '"-Infinity"',
    "true": "true",
    "a list": "[1]",
}
HARMLESS = {
    "null": "null",
    "a word": '"soon"',
    "nothing": '""',
    "negative": "-5",
    "2**53": str(2**53),
    "-2**53": str(-(2**53)),
    "2**53 in a text": f'"{2**53}"',
    "a fraction": "0.5",
    "tiny": "1e-400",
}
# Unusable values of these fail the project's jobs.
FIELDS = {
    ("v1", "training_jobs"): (
        "quotas",
        "job_total_count",
        "job_count_limit",
        "create_time",
        "duration",
        "status",
    ),
    ("v1", "visualization_jobs"): ("quotas", "duration"),
    ("v2", "training_job_searches"): (
        "total",
        "count",
        "create_time",
        "start_time",
        "duration",
        "node_count",
        "unit_num",
    ),
}
# Unusable values of these fail what is collected besides the jobs.
OPTIONAL_FIELDS = {
    ("v1", "visualization_job"): ("remaining_duration",),
    ("v2", "training_quotas"): ("quota", "used"),
}
CASES = [
    pytest.param(version, api, field, id=f"{api}-{field}")
    for (version, api), fields in (FIELDS | OPTIONAL_FIELDS).items()
    for field in fields
]


def projects(version, *names):
    """Return a cloud with projects that have a few jobs of every kind, and a flavor."""
    cloud = simulated(*names, training_api=version)
    for project in cloud.projects:
        del project.training.jobs[:-8]
        del project.visualization.jobs[:-2]
        job = project.training.create_job(8, created=cloud.clock.now() - 30)
        job.flavor, job.nodes = GPU_FLAVOR, 2
        project.visualization.create_job(8, created=cloud.clock.now() - 30)
    return cloud


def two_projects(version):
    """Return a cloud with the projects a and b."""
    return projects(version, "a", "b")


def altered(cloud, api, without=(), **fields):
    """Alter project a's answers: fields by name, as JSON."""
    cloud.faults.clear()
    cloud.faults.add(
        Fault(
            effect=Effect.FIELDS,
            project_id=cloud.projects[0].project_id,
            api=api,
            fields=fields,
            without=list(without),
        )
    )


async def scrape_every_path(exporter, project="a"):
    """Return a scrape, after checking that every path about projects answers."""

    async def get(path):
        response = await exporter.client.get(
            f"{exporter.url}{path}", headers={"Accept": OPENMETRICS}
        )
        assert response.status_code == 200, path
        return response.text

    paths = ("/metrics", f"/probe?project={project}")
    scrape, *texts = await asyncio.gather(exporter.scrape(), *map(get, paths))
    assert all(text.endswith("# EOF\n") for text in texts)
    await get("/")
    return scrape


@pytest.mark.slow
@pytest.mark.parametrize(("version", "api", "field"), CASES)
async def test_numbers_out_of_range(version, api, field, logged):
    """
    A number that is out of range fails its project, and no other.

    Numbers that are missing, no numbers, or merely odd fail none. A project for each
    value, which collects only this kind of jobs, and a healthy one are scraped at once.
    """
    values = HOSTILE | HARMLESS
    cloud = projects(version, *values, "b")
    kind = "visualization" if "visualization" in api else "training"
    cloud.faults.active = [
        Fault(
            effect=Effect.FIELDS,
            project_id=project.project_id,
            api=api,
            fields={field: values[project.name]},
        )
        for project in cloud.projects[:-1]
    ]

    def only_this_kind(configured):
        *hostile, well = configured.projects
        only = (replace(one, collectors=(f"{kind}_jobs",)) for one in hostile)
        return replace(configured, projects=(*only, well))

    async with exporting_from(
        cloud, key_auth(), only_this_kind, job_series=SERIES
    ) as exporter:
        scrape = await scrape_every_path(exporter, "b")
        up = scrape.up()
        for name in HOSTILE:
            assert up[name, kind] == ((version, api) in OPTIONAL_FIELDS), name
            assert scrape.errors(name, kind).keys() == {"response"}, name
        assert up.items() >= ONLY_B.items()
        assert scrape.errors("b", kind) == {}
        if field not in {"job_total_count", "total", "count"}:
            assert all(up[name, kind] for name in HARMLESS)
        cloud.faults.clear()
        assert set((await exporter.scrape()).up().values()) == {1}
    assert "internal error" not in "".join(logged())


@pytest.mark.parametrize(
    ("value", "words"),
    [(NINES, "`$.jobs[0].duration`"), (f'"{NINES}"', "duration is out of range")],
    ids=["number", "text"],
)
@pytest.mark.slow
async def test_failures_name_the_field(value, words, logged):
    """The page and the log name the field, and do not repeat all of its value."""
    cloud = two_projects("v1")
    altered(cloud, "training_jobs", duration=value)
    async with exporting_from(cloud) as exporter:
        await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text

    assert words in page
    assert words in "".join(logged())
    assert "9" * 30 not in page


TEXTS = {
    "controls": "a\u0000b\u001b[31mc\u0085d\u2028e",
    "lines": 'a\nb\r\nc"d\\e',
    "fifty kilobytes": "x" * 50_000,
    "another alphabet": "训练 ünïcode 🚀",
    "braces": 'a"} 1\nmodelarts_up{project="b"} 0',
}


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
async def test_arbitrary_names(text):
    """Whatever names contain, the metrics are well-formed, with short labels."""
    cloud = two_projects("v2")
    del cloud.projects[0].training.jobs[:-1]
    fields = ("name", "flavor_id", "product_name", "flavor_type", "phase")
    altered(
        cloud, "training_job_searches", **{name: json.dumps(text) for name in fields}
    )
    async with exporting_from(cloud, job_series=SERIES) as exporter:
        # A job in an unknown phase has no series of its own.
        cloud.faults.active[0].fields["phase"] = '"Running"'
        scrape = await scrape_every_path(exporter)
        linted = await asyncio.to_thread(
            subprocess.run,
            ["promtool", "check", "metrics"],
            input=scrape.response.content,
            capture_output=True,
            check=False,
        )
        openmetrics = await exporter.client.get(
            f"{exporter.url}/metrics", headers={"Accept": OPENMETRICS}
        )
        assert list(openmetrics_families(openmetrics.text))
        cloud.faults.active[0].fields["phase"] = json.dumps(text)
        unknown = await scrape_every_path(exporter)

    assert set(scrape.up().values()) == {1}
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert len(max(scrape.response.text.splitlines(), key=len)) < 2000
    (name,) = {
        dict(labels)["job_name"]
        for labels in scrape.series("job_info", project="a", kind="training")
    }
    (flavor,) = {
        dict(labels)["flavor"] for labels in scrape.series("active_nodes", project="a")
    }
    assert name == flavor
    assert len(name) <= 256
    assert not set(name) & {"\0", "\r", "\x1b", "\x85", "\u2028"}
    if text == TEXTS["another alphabet"]:
        assert name == text
    jobs = unknown.statuses("a", "training")
    assert jobs == {"unrecognized": len(cloud.projects[0].training.jobs)}


@pytest.mark.parametrize(
    ("version", "api", "field", "value"),
    [
        ("v1", "training_jobs", "job_id", json.dumps("a\u0000b")),
        ("v1", "training_jobs", "job_id", json.dumps("x" * 1000)),
        ("v1", "training_jobs", "job_id", NINES),
        ("v1", "training_jobs", "job_name", '"\\ud800"'),
        ("v2", "training_job_searches", "id", json.dumps("a\nb")),
        ("v2", "training_job_searches", "name", '"\\ud800x"'),
        ("v2", "training_job_searches", "flavor_id", '"\\udc00"'),
    ],
)
@pytest.mark.slow
async def test_invalid_texts(version, api, field, value):
    """Invalid IDs and lone surrogates fail their project."""
    cloud = two_projects(version)
    altered(cloud, api, **{field: value})
    async with exporting_from(cloud, job_series=SERIES) as exporter:
        scrape = await scrape_every_path(exporter)

    assert scrape.up().items() >= ({("a", "training"): 0} | ONLY_B).items()
    assert scrape.errors("a", "training").keys() == {"response"}


CONTRADICTIONS = {
    "a larger total": ({"total": "100"}, ()),
    "a smaller total": ({"total": "2"}, ()),
    "a negative total": ({"total": "-1"}, ("items",)),
    "a total without jobs": ({"total": "3"}, ("items",)),
    "a total, and no jobs": ({"total": "3", "items": "[]"}, ()),
    "one ID for all": ({"id": "7"}, ()),
    "a huge total": ({"total": str(2**53)}, ()),
    "more than are listed": ({"total": "30000"}, ()),
}
NAMES = {
    "v1": {"total": ("job_total_count",), "items": ("jobs",), "id": ("job_id",)},
    "v2": {"total": ("total", "count"), "items": ("items",), "id": ("id",)},
}


@pytest.mark.slow
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("limit", [None, 5], ids=["listed", "counted"])
@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
async def test_contradictory_listings(version, limit, contradiction, logged):
    """A total that contradicts the listed jobs is a failure."""
    cloud = two_projects(version)
    fields, without = CONTRADICTIONS[contradiction]
    names = NAMES[version]
    api = "training_jobs" if version == "v1" else "training_job_searches"
    async with exporting_from(cloud, listing_limit=limit) as exporter:
        assert (await exporter.scrape()).up()["a", "training"] == 1
        altered(
            cloud,
            api,
            [one for name in without for one in names[name]],
            **{one: fields[name] for name in fields for one in names[name]},
        )
        cloud.record.clear()
        scrape = await scrape_every_path(exporter)
        requests = len(cloud.asked(api))
        cloud.faults.clear()
        again = await scrape_every_path(exporter)

    assert scrape.up().items() >= ({("a", "training"): 0} | ONLY_B).items()
    assert scrape.errors("a", "training").keys() == {"response"}
    assert scrape.series("jobs", project="a", kind="training") == {}
    assert requests < 1200
    assert set(again.up().values()) == {1}
    assert "internal error" not in "".join(logged())


@pytest.mark.slow
async def test_a_contradiction_is_described(logged):
    """The contradiction is on the page, in the log and in the output of `check`."""
    cloud = two_projects("v1")
    jobs = len(cloud.projects[0].training.jobs)
    altered(cloud, "training_jobs", job_total_count="100", jobs="[]")
    async with serve(cloud) as url:
        configured = configuration(cloud, url)
        async with exporting(configured) as exporter:
            await exporter.scrape()
            page = (await exporter.client.get(f"{exporter.url}/?project=a")).text
        findings = await check_all(configured, lambda _: None)

    words = "page 1 has 0 objects, and 100 by its own total of 100"
    assert jobs
    assert words in page
    assert words in "".join(logged())
    assert [one.steps[Step.JOBS].ok for one in findings] == [False, True, True, True]
    assert words in table(findings)


@pytest.mark.slow
async def test_a_contradiction_that_disappears():
    """If the second attempt is consistent, the first one does not matter."""
    cloud = two_projects("v1")
    altered(cloud, "training_jobs", job_total_count="100")
    cloud.faults.active[0].times = 1
    async with exporting_from(cloud) as exporter:
        scrape = await exporter.scrape()

    assert set(scrape.up().values()) == {1}
    assert sum(scrape.statuses("a", "training").values()) == len(
        cloud.projects[0].training.jobs
    )


@pytest.mark.slow
async def test_a_result_that_cannot_be_exported(logged):
    """
    A bug that affects one project's result fails only that project, on all paths.

    The failure is counted, and is on the page.
    """
    cloud = two_projects("v1")
    async with exporting_from(cloud, min_interval=60.0) as exporter:
        await exporter.scrape()
        for latest in exporter.collector.latest():
            if (latest.target.project.name, latest.target.kind) == ("a", "training"):
                # Neither metrics nor the page can be made of this.
                object.__setattr__(latest.outcome.result, "quota", None)
        page = (await exporter.client.get(exporter.url)).text
        assert page.count("an internal error in the exporter") == 1
        scrape = await exporter.scrape()
        assert scrape.up().items() >= ({("a", "training"): 0} | ONLY_B).items()
        assert scrape.errors("a", "training") == {"response": 1}
        assert scrape.errors("b", "training") == {}
        again = await scrape_every_path(exporter)
        assert again.errors("a", "training") == {"response": 1}
    lines = "".join(logged())
    assert 'msg="internal error"' in lines or 'event="internal error"' in lines
    assert "Traceback" in lines


async def test_a_check_that_fails_unexpectedly():
    """A bug that affects the check of one project fails its row; the others go on."""
    cloud = two_projects("v1")
    async with serve(cloud) as url:
        configured = configuration(cloud, url)

        def failing(target, *others):
            if target.project.name == "a":
                raise OverflowError
            return JobPoller(target, *others)

        registry = Registry(tuple(replace(p, open=failing) for p in REGISTRY.products))
        findings = await check_all(configured, lambda _: None, registry)

    assert [one.ok for one in findings] == [False, False, True, True]
    assert "an internal error in the exporter" in table(findings)
    assert len(json.loads(as_json(findings))["targets"]) == 4


VALUES = (
    st.sampled_from([value.encode() for value in (HOSTILE | HARMLESS).values()])
    | st.integers().map(msgspec.json.encode)
    | st.floats(allow_nan=False, allow_infinity=False).map(msgspec.json.encode)
    | st.text(max_size=30).map(json.dumps).map(str.encode)
    | st.just(b"[]")
    | st.just(b"{}")
)


ALTERATIONS = st.builds(
    lambda fields, without: {"fields": fields, "without": without},
    st.dictionaries(
        st.sampled_from(
            sorted(
                {
                    field
                    for fields in (FIELDS | OPTIONAL_FIELDS).values()
                    for field in fields
                }
                | {"job_id", "id", "job_name", "name", "phase", "is_success", "jobs"}
                | {
                    "items",
                    "metadata",
                    "spec",
                    "resource",
                    "gpu",
                    "flavor_id",
                    "quotas",
                }
            )
        ),
        VALUES.map(bytes.decode),
        min_size=1,
        max_size=4,
    ),
    st.lists(
        st.sampled_from(["jobs", "items", "total", "job_total_count"]), max_size=2
    ),
)


@pytest.mark.slow
@settings(max_examples=examples(12), suppress_health_check=list(HealthCheck))
@given(
    version=st.sampled_from(["v1", "v2"]),
    limit=st.sampled_from([None, 5]),
    alterations=st.lists(ALTERATIONS, min_size=1, max_size=10),
)
def test_any_values_anywhere(version, limit, alterations):
    """Whatever other projects are answered, all paths answer, and b is up."""
    names = [f"a{number}" for number in range(len(alterations))]
    cloud = projects(version, *names, "b")
    for project, alteration in zip(cloud.projects, alterations, strict=False):
        cloud.faults.add(
            Fault(effect=Effect.FIELDS, project_id=project.project_id, **alteration)
        )

    async def run():
        async with exporting_from(
            cloud, key_auth(), job_series=SERIES, listing_limit=limit
        ) as exporter:
            return await scrape_every_path(exporter, "b")

    scrape = asyncio.run(run())

    assert scrape.up().items() >= ONLY_B.items()
    for name in names:
        for kind in ("training", "visualization"):
            assert scrape.errors(name, kind).keys() <= {"response", "api"}


async def test_once(capsysbinary):
    """`once` prints what it has, and fails if a project's answer is unusable."""
    cloud = two_projects("v1")
    cloud.projects[1].training.jobs[-1].name = "训练"
    altered(cloud, "training_jobs", duration=NINES)
    async with serve(cloud) as url:
        configured = configuration(cloud, url, job_series=SERIES)
        is_complete = await collect_once(lambda: configured)
    printed = capsysbinary.readouterr().out.decode()

    assert not is_complete
    assert 'modelarts_up{api_version="v1",kind="training",project="a"} 0.0' in printed
    assert 'modelarts_up{api_version="v1",kind="training",project="b"} 1.0' in printed
    assert 'job_name="训练"' in printed
