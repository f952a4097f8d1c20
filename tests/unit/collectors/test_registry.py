"""A toy product: what a new product needs, with a single line in the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec
import pytest

from harness import Scrape, exporting
from raw_cloud import http, raw_cloud

from exporter.check import Step, check_all
from exporter.cloud.call import Call
from exporter.collectors.base import Product, Reading, Registry
from exporter.collectors.examination import Examination
from exporter.collectors.overview import Longest, Overview, QuotaUse
from exporter.collectors.phases import Phase
from exporter.collectors.registry import REGISTRY
from exporter.config import load
from exporter.errors import CollectionError, ConfigurationError
from exporter.metrics.samples import gauge


class Toy(msgspec.Struct):
    """A toy, as the cloud describes it."""

    name: str
    seconds: float


class Toys(msgspec.Struct):
    """The cloud's answer."""

    toys: list[Toy]


TOYS = msgspec.json.Decoder(Toys)
CAPACITY = msgspec.json.Decoder(int)


@dataclass(frozen=True)
class ToySnapshot:
    """The toys, and the capacity of the shelf."""

    toys: tuple[Toy, ...]
    capacity: int | None = None
    partial_failures: tuple = ()

    @property
    def number(self):
        """The number of toys."""
        return len(self.toys)

    def overview(self, now, thresholds):
        """Return what the status page shows."""
        longest = max(self.toys, key=lambda toy: toy.seconds)
        return Overview(
            phases={Phase.RUNNING: self.number},
            quotas=(QuotaUse("Shelf", self.number, self.capacity),)
            if self.capacity
            else (),
            longest=Longest(longest.name, f"toy {longest.name}", longest.seconds),
            note="Toys were looked at, not played with.",
        )

    def frozen(self, partial_failures):
        """Return the result that is reported at the deadline."""
        return replace(self, partial_failures=tuple(partial_failures))


@dataclass(frozen=True)
class ToyReading(Reading):
    """What becomes metrics: toys, and the number of polls."""

    polls: int


class ToyPoller:
    """Polls one project's toys, and counts the polls."""

    operation = "toys"

    def __init__(self, target, settings):
        self._labels = target.labels()
        self._polls = 0

    async def poll(self, session, progress):
        """Return the toys, with the capacity of the shelf if it is known."""
        self._polls += 1
        snapshot = await self._snapshot(session)
        progress.partial_result = snapshot
        try:
            capacity = await fetch(session, "capacity", CAPACITY)
        except CollectionError as error:
            return snapshot.frozen([error.failure])
        return replace(snapshot, capacity=capacity)

    def reading(self, snapshot):
        """Return what becomes metrics; the number of polls outlives a failure."""
        return ToyReading(self._labels, snapshot, self._polls)

    def reconfigure(self, settings):
        """Accept any settings."""
        return True

    async def examine(self, session):
        """Return the number of toys."""
        return Examination(number=(await self._snapshot(session)).number)

    async def _snapshot(self, session):
        return ToySnapshot(tuple((await fetch(session, "toys", TOYS)).toys))


async def fetch(session, name, decoder):
    """Return the answer to one of the toys' calls."""
    call = Call(api=name, url=session.url("v2", name), expected=name, action="toys")
    return (await session.fetch(call, decoder)).content


def toy_families(readings: Iterable[Reading]):
    """Yield the toys' metrics."""
    toys = [reading for reading in readings if isinstance(reading, ToyReading)]
    yield gauge(
        "modelarts_toy_age_seconds",
        "How old a toy is.",
        [
            (reading.labels.plus(toy=toy.name), toy.seconds)
            for reading in toys
            if isinstance(reading.snapshot, ToySnapshot)
            for toy in reading.snapshot.toys
        ],
    )
    yield gauge(
        "modelarts_toy_polls",
        "How often toys were asked for.",
        [(reading.labels, float(reading.polls)) for reading in toys],
    )


TOY = Product(
    name="toys",
    kind="toy",
    title="Toys",
    noun="toys",
    api_versions=("v2",),
    open=ToyPoller,
    families=toy_families,
    is_default=False,
)

# The line in the registry.
WITH_TOYS = Registry((*REGISTRY.products, TOY))

ANSWERS = {
    "/toys": http(b'{"toys": [{"name": "bear", "seconds": 7200}]}'),
    "/capacity": http(b"4"),
}
MISSING = http(b'{"error_code": "ModelArts.0010"}', status=b"403 Forbidden")

FILE = """\
clouds:
  otc:
    iam_url: {url}
    modelarts_url: {url}
    region: eu-de
    auth: {{password: {{username: exporter, password: x, domain: OTC1}}}}
projects:
  - {{name: a, cloud: otc, project_id: "1", training_api: v1, collectors: [{collectors}]}}
  - {{name: b, cloud: otc, project_id: "2", training_api: v1}}
"""


def loaded(folder, url, collectors="training_jobs, toys"):
    """Load a configuration of two projects, one of which has toys."""
    file = folder / "modelarts.yml"
    file.write_text(FILE.format(url=url, collectors=collectors))
    return load(str(file), {}, WITH_TOYS.names)


async def test_it_is_scraped(tmp_path):
    """The toys' metrics appear for the projects that name them, next to others."""
    async with (
        raw_cloud(ANSWERS) as cloud,
        exporting(loaded(tmp_path, cloud.url), registry=WITH_TOYS) as exporter,
    ):
        scrape = await exporter.scrape()

    toys = {"project": "a", "kind": "toy"}
    assert set(scrape.up()) == {
        ("a", "training"),
        ("a", "toy"),
        ("b", "training"),
        ("b", "visualization"),
    }
    assert scrape.value("toy_age_seconds", toy="bear", **toys) == 7200
    assert scrape.value("toy_polls", **toys) == 1
    assert scrape.value("collection_errors_total", reason="api", **toys) == 0


async def test_it_is_probed(tmp_path):
    """`kind` selects it; an invalid kind is rejected with its words."""
    async with (
        raw_cloud(ANSWERS) as cloud,
        exporting(loaded(tmp_path, cloud.url), registry=WITH_TOYS) as exporter,
    ):
        probe = f"{exporter.url}/probe?project="
        picked = await exporter.client.get(f"{probe}a&kind=toy")
        unknown = await exporter.client.get(f"{probe}a&kind=doll")
        absent = await exporter.client.get(f"{probe}b&kind=toy")

    assert Scrape(picked).up() == {("a", "toy"): 1}
    assert unknown.status_code == 400
    assert f"{', '.join(WITH_TOYS.kinds)}." in unknown.text
    assert absent.status_code == 404
    assert "The project's toys are not among its collectors." in absent.text


async def test_it_is_on_the_status_page(tmp_path):
    """The status page shows its numbers in its own words."""
    async with (
        raw_cloud(ANSWERS) as cloud,
        exporting(loaded(tmp_path, cloud.url), registry=WITH_TOYS) as exporter,
    ):
        await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text

    assert '<h3>Toys <span class="state">up' in page
    assert "1 running" in page
    assert "1 of 4" in page
    assert "Longest running: 2 h, <q>bear</q> (toy bear)" in page
    assert "Toys were looked at, not played with." in page


@pytest.mark.slow
async def test_a_partial_failure_of_it(tmp_path):
    """A partial failure is reported; a failed collection keeps the number of polls."""
    async with (
        raw_cloud(ANSWERS | {"/capacity": MISSING}) as cloud,
        exporting(loaded(tmp_path, cloud.url), registry=WITH_TOYS) as exporter,
    ):
        partial = await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text
        cloud.answers["/toys"] = MISSING
        failed = await exporter.scrape()

    toys = {"project": "a", "kind": "toy"}
    assert partial.up()["a", "toy"] == 1
    assert partial.errors("a", "toy") == {"permission": 1}
    assert "<b>Toys</b>: collected, but not everything else:" in page
    assert failed.up() == partial.up() | {("a", "toy"): 0}
    assert not failed.series("toy_age_seconds")
    assert failed.value("toy_polls", **toys) == 2


async def test_a_bug_in_it_does_not_affect_others(tmp_path):
    """If making metrics of it raises an exception, the other products are exported."""

    class Broken(ToyPoller):
        def reading(self, snapshot):
            """Raise an unexpected exception."""
            raise LookupError

    registry = Registry((*REGISTRY.products, replace(TOY, open=Broken)))
    async with (
        raw_cloud(ANSWERS) as cloud,
        exporting(loaded(tmp_path, cloud.url), registry=registry) as exporter,
    ):
        scrape = await exporter.scrape()

    assert scrape.up()["a", "toy"] == 0
    assert scrape.errors("a", "toy") == {"response": 1}
    assert scrape.up()["a", "training"] == 1


async def test_it_is_checked(tmp_path):
    """The command `check` has a row for it."""
    async with raw_cloud(ANSWERS) as cloud:
        findings = await check_all(
            loaded(tmp_path, cloud.url), lambda _: None, WITH_TOYS
        )

    found = {(one.project, one.collector): one for one in findings}
    assert len(found) == 4
    toys = found["a", "toys"]
    assert toys.ok
    assert toys.steps[Step.JOBS].words == "1"
    assert toys.steps[Step.PAGE_SIZE].words == "-"


def test_its_name_in_the_configuration(tmp_path):
    """The configuration accepts its collector, and suggests it."""
    with pytest.raises(ConfigurationError, match='did you mean "toys"'):
        loaded(tmp_path, "http://127.0.0.1:9", collectors="toyz")
