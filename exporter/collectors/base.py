"""What collection needs of a product, and nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from ..cloud.assumption import Assumption
from ..cloud.session import Session
from ..config import CollectionSettings, CollectorNames, Project
from ..deadline import Deadline
from ..errors import Failure
from ..metrics.family import Family
from ..metrics.labels import Labels
from .alerts import Thresholds
from .examination import Examination
from .overview import Overview


_TARGETS: Final = 16
"""Of how many targets the samples are made at once."""


class Snapshot(Protocol):
    """What one collection found; immutable."""

    @property
    def number(self) -> int:
        """How many objects exist, for the log."""

    @property
    def partial_failures(self) -> tuple[Failure, ...]:
        """Why something is missing that the rest does not depend on."""

    def overview(self, now: float, thresholds: Thresholds) -> Overview:
        """Return what the status page shows at the Unix time `now`."""


class PartialResult(Protocol):
    """What is known of a collection that is still running."""

    def frozen(self, partial_failures: Iterable[Failure]) -> Snapshot:
        """Return what is known now; `partial_failures` say why the rest is missing."""


@dataclass(slots=True)
class Progress:
    """How far a collection has got, and its deadline."""

    deadline: Deadline
    partial_result: PartialResult | None = None
    """None until what is known is enough for a snapshot."""


@dataclass(frozen=True, slots=True)
class Reading:
    """
    What becomes metrics of one target; `snapshot` is None if the collection failed.

    A product whose counters outlive a failure adds them in a type of its own.
    """

    labels: Labels
    snapshot: Snapshot | None
    is_complete: bool | None = field(default=None, kw_only=True)
    """Whether all objects were listed; None if nothing is known, or it cannot differ."""


class Poller(Protocol):
    """Polls one target, and keeps what the next poll needs."""

    @property
    def operation(self) -> str:
        """The operation that lists the objects."""

    async def poll(self, session: Session, progress: Progress) -> Snapshot:
        """
        Return what exists now; until then, `progress` holds the part that is known.

        Raises `CollectionError` if it could not be found out.
        """

    def reading(self, snapshot: Snapshot | None) -> Reading:
        """Return what becomes metrics, with the labels that all its series have."""

    def reconfigure(self, settings: CollectionSettings) -> bool:
        """
        Use other settings from the next poll on.

        Return False, and change nothing, if that takes a new poller.
        """

    async def examine(self, session: Session) -> Examination:
        """Ask each API once, for the command `check`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A kind of objects in ModelArts, and how it is collected."""

    name: str
    """Its collector's name in the configuration."""

    kind: str
    """Its name in the label `kind`."""

    title: str
    noun: str
    """What the objects are called, in the plural."""

    api_versions: tuple[str, ...]
    """All versions of its API, of which each has objects of its own."""

    open: Callable[[Target, CollectionSettings], Poller]
    families: Callable[[Sequence[Reading]], Iterator[Family]]
    """
    Makes metrics of the readings that have its own type of snapshot.

    Products that share families share this function: it is called once.
    """

    versions_of: Callable[[Project], Sequence[str]] | None = None
    """Returns the API versions to collect of a project; all if it is None."""

    assumptions: tuple[Assumption, ...] = ()
    """What is assumed of its API, for `check --assumptions`."""

    is_default: bool = True
    """
    Whether projects that say nothing of collectors have this one.

    The others need not be permitted where a project collects all.
    """

    def targets(self, project: Project) -> Iterator[Target]:
        """Yield what is collected of a project."""
        versions = self.versions_of(project) if self.versions_of else self.api_versions
        for version in versions:
            yield Target(project, self, version)


@dataclass(frozen=True, slots=True)
class Target:
    """What is collected by itself: one project's objects by one version of an API."""

    project: Project
    product: Product
    api_version: str

    @property
    def kind(self) -> str:
        """The product's name in labels."""
        return self.product.kind

    @property
    def title(self) -> str:
        """The product's title, with the API version if there are several."""
        title = self.product.title
        has_versions = len(self.product.api_versions) > 1
        return f"{title} ({self.api_version})" if has_versions else title

    @property
    def is_named(self) -> bool:
        """Whether the configuration asks for it: the collector, or this API version."""
        versions = [target.api_version for target in self.product.targets(self.project)]
        is_chosen = len(versions) < len(self.product.api_versions)
        has_list = self.project.collectors is not None
        return is_chosen or (has_list and not self.project.collects_all)

    @property
    def is_optional(self) -> bool:
        """Whether it is collected only if the credential may read it."""
        return self.project.collects_all and not self.product.is_default

    def labels(self) -> Labels:
        """Return the labels of all its series; they cost less if they are kept."""
        return Labels(
            project=self.project.name, kind=self.kind, api_version=self.api_version
        )


@dataclass(frozen=True, slots=True)
class Registry:
    """The products that are collected, in the order in which they are shown."""

    products: tuple[Product, ...]

    @property
    def names(self) -> CollectorNames:
        """The names of collectors that a configuration can have."""
        return CollectorNames(
            tuple(product.name for product in self.products),
            tuple(product.name for product in self.products if product.is_default),
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The values of the label `kind`."""
        return tuple(product.kind for product in self.products)

    def targets(self, projects: Iterable[Project]) -> Iterator[Target]:
        """Yield what is collected of each of the projects."""
        for project in projects:
            names = self.names.of(project.collectors)
            for product in self.products:
                if product.name in names:
                    yield from product.targets(project)

    def families(self, readings: Sequence[Reading]) -> Iterator[Family]:
        """
        Yield the families of all products.

        Their samples are made while they are read, of some targets at a time: read those
        of one family before the next is asked for.
        """
        some = [
            readings[start : start + _TARGETS]
            for start in range(0, len(readings), _TARGETS)
        ]
        for families in dict.fromkeys(product.families for product in self.products):
            parts = [families(each) for each in some]
            # All have the same families, those of no readings, too.
            for family in families(()):
                read = (next(part) for part in parts)
                samples = (lines for part in read for lines in part.samples)
                yield replace(family, samples=samples)
                # Also those whose samples nobody wanted.
                deque(read, maxlen=0)
