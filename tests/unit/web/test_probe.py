"""One project at a time: /probe, /sd with shards, and /exporter-metrics."""

from dataclasses import replace
from itertools import chain

import pytest

from harness import Scrape, exporting_from, simulated
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Shard
from exporter.simulator import Effect, Fault


async def get(exporter, path, **headers):
    """Return the answer to a request."""
    return await exporter.client.get(f"{exporter.url}{path}", headers=headers)


async def test_a_probe_is_one_project_alone():
    """A probe has its project's metrics, and none of others or of the exporter."""
    cloud = simulated("a", "b")
    async with exporting_from(cloud) as exporter:
        scrape = Scrape(await get(exporter, "/probe?project=b"))

    assert scrape.up() == {("b", "training"): 1, ("b", "visualization"): 1}
    assert {dict(labels)["project"] for _, labels in scrape.samples} == {"b"}
    assert not [name for name, _ in scrape.samples if "exporter" in name]
    listed = {one.project_id for one in cloud.asked() if one.api != "auth_tokens"}
    assert listed == {cloud.projects[1].project_id}


async def test_a_probe_of_a_kind():
    """`kind` selects collectors, and may be repeated."""
    async with exporting_from(simulated("a")) as exporter:
        one = Scrape(await get(exporter, "/probe?project=a&kind=training"))
        both = Scrape(
            await get(exporter, "/probe?project=a&kind=visualization&kind=training")
        )

    assert one.up() == {("a", "training"): 1}
    assert both.up() == {("a", "training"): 1, ("a", "visualization"): 1}


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/probe", 400, "project=NAME"),
        ("/probe?project=a&project=b", 400, "project=NAME"),
        ("/probe?project=nobody", 404, "No project"),
        ("/probe?project=", 404, "No project"),
        ("/probe?project=a&kind=gpu", 400, "training, visualization"),
        ("/probe?project=a&kind=visualization", 404, "not among its collectors"),
        ("/probe?project=a&debug=yes", 400, "true or false"),
        ("/probe?project=a&debug=true&debug=true", 400, "true or false"),
        ("/sd?shard=0", 400, "both shard and shards"),
        ("/sd?shard=2&shards=2", 400, "shard < shards"),
        ("/sd?shard=-1&shards=2", 400, "shard < shards"),
        ("/sd?shard=x&shards=2", 400, "both"),
        ("/sd?shard=0&shards=100000", 400, "<= 1000"),
    ],
)
async def test_bad_requests(path, status, words):
    """A bad request gets the reason, and sends no request to the cloud."""
    cloud = simulated("a", "b")

    def training_only(configured):
        projects = [
            replace(one, collectors=("training_jobs",)) for one in configured.projects
        ]
        return replace(configured, projects=tuple(projects))

    async with exporting_from(cloud, change=training_only) as exporter:
        response = await get(exporter, path)

    assert response.status_code == status
    assert words in response.text
    assert cloud.asked() == []


@pytest.mark.parametrize("path", ["/probe?project=a", "/sd", "/exporter-metrics"])
async def test_methods(path):
    """HEAD works without asking the cloud; other methods are not allowed."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        head = await exporter.client.head(f"{exporter.url}{path}")
        post = await exporter.client.post(f"{exporter.url}{path}")

    assert (head.status_code, post.status_code) == (200, 405)
    assert head.headers["Content-Type"]
    assert cloud.asked() == []


async def test_a_probe_negotiates_like_metrics():
    """OpenMetrics and gzip are supported."""
    async with exporting_from(simulated("a")) as exporter:
        response = await get(
            exporter,
            "/probe?project=a",
            **{"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"},
        )

    assert "openmetrics" in response.headers["Content-Type"]
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.text.endswith("# EOF\n")


@pytest.mark.slow
async def test_a_probe_of_a_broken_project_is_an_answer():
    """A cloud that fails is HTTP 200 and `modelarts_up` 0."""
    cloud = simulated("a")
    cloud.faults.add(Fault(effect=Effect.HANG))
    async with exporting_from(cloud) as exporter:
        response = await get(
            exporter,
            "/probe?project=a",
            **{"X-Prometheus-Scrape-Timeout-Seconds": "1"},
        )

    assert response.status_code == 200
    assert Scrape(response).up() == {("a", "training"): 0, ("a", "visualization"): 0}


async def test_the_exporters_own_metrics():
    """The exporter's own metrics need no request, and contain no project."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        scrape = Scrape(await get(exporter, "/exporter-metrics"))

    assert cloud.asked() == []
    assert scrape.series("exporter_build_info")
    assert "modelarts_up" not in scrape.response.text


async def test_discovery():
    """Each project is a target with the requested address, parameters and labels."""

    def labeled(configured):
        first, *others = configured.projects
        first = replace(first, labels=(("team", "vision"),))
        return replace(configured, projects=(first, *others))

    async with exporting_from(simulated("a", "b c"), change=labeled) as exporter:
        response = await get(exporter, "/sd", Host="exporter.example:1234")

    assert response.headers["Content-Type"] == "application/json"
    usual = {"__scheme__": "http", "__metrics_path__": "/probe"}
    assert response.json() == [
        {
            "targets": ["exporter.example:1234"],
            "labels": {**usual, "__param_project": "a", "team": "vision"},
        },
        {
            "targets": ["exporter.example:1234"],
            "labels": {**usual, "__param_project": "b c"},
        },
    ]


async def test_shards_split_the_projects():
    """Each project is in exactly one shard."""
    names = [f"p{number}" for number in range(20)]
    async with exporting_from(simulated(*names)) as exporter:
        shards = [
            [one["labels"]["__param_project"] for one in answer.json()]
            for answer in [
                await get(exporter, f"/sd?shard={n}&shards=3") for n in range(3)
            ]
        ]

    assert sorted(chain(*shards)) == sorted(names)
    assert min(map(len, shards)) >= 3


def shard_of(name, number):
    """Return the index of the only shard that has a project."""
    (index,) = [index for index in range(number) if Shard(index, number).holds(name)]
    return index


@given(st.text(min_size=1, max_size=64), st.integers(1, 20))
def test_a_project_is_in_one_shard_and_moves_only_to_a_new_one(name, number):
    """With one more shard, a project either moves to it or stays."""
    before, after = shard_of(name, number), shard_of(name, number + 1)

    assert after in {before, number}


@pytest.mark.parametrize("number", [1, 2, 5, 9])
@pytest.mark.slow
def test_a_new_shard_takes_its_share(number):
    """From n shards to n + 1, about 1 / (n + 1) of the projects move."""
    names = [f"project-{index}" for index in range(1500)]
    moved = sum(shard_of(name, number) != shard_of(name, number + 1) for name in names)

    assert moved / len(names) == pytest.approx(1 / (number + 1), rel=0.15)
