"""How collections run and what they keep: the settings that all projects share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Final

from .declaration import Form, Key, KeyGroup


DEFAULT_TIMEOUT: Final = 9.0

_MAX_BUCKETS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSeries(KeyGroup):
    """Whether unfinished jobs have individual series, and the limit per project and kind."""

    enabled: Annotated[
        bool, Key("[series of single jobs](metrics.md#series-of-single-jobs)")
    ] = False
    max_per_project: Annotated[
        int,
        Key("for so many jobs of a project and kind at most", between=(1, 10_000)),
    ] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookSeries(KeyGroup):
    """Whether notebooks have individual series, and the limit per project."""

    enabled: Annotated[bool, Key("series of single notebooks")] = False
    max_per_project: Annotated[
        int, Key("for so many notebooks of a project at most", between=(1, 10_000))
    ] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSeries(KeyGroup):
    """Whether services have individual series, and the limit per project."""

    enabled: Annotated[bool, Key("series of single services")] = False
    max_per_project: Annotated[
        int, Key("for so many services of a project at most", between=(1, 10_000))
    ] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionSettings(KeyGroup):
    """
    Settings of collections. Durations are in seconds.

    `timeout` is None if not configured: `DEFAULT_TIMEOUT` then applies to scrapes
    without a timeout of their own. `listing_limit` is None if not configured: each API
    then has its own default.
    """

    timeout: Annotated[
        float | None,
        Key(
            "how long a collection may take where the scraper does not say; "
            "if it is given, never longer",
            f"`{DEFAULT_TIMEOUT:g}s`",
            form=Form.DURATION,
        ),
    ] = None
    timeout_offset: Annotated[
        float,
        Key(
            "taken off the scraper's timeout, so that the answer arrives in time",
            form=Form.DURATION,
        ),
    ] = 0.5
    max_concurrent_requests: Annotated[
        int, Key("requests in flight, over all clouds", between=(1, 10_000))
    ] = 32
    min_interval: Annotated[
        float,
        Key(
            "a result younger than this is served again, failures too",
            form=Form.DURATION,
        ),
    ] = 0.0
    page_size: Annotated[
        int,
        Key(
            "jobs a page; where the API refuses it, 100 are asked for from then on. "
            "v2 gives 50 at most",
            between=(1, 1000),
        ),
    ] = 1000
    listing_limit: Annotated[
        int | None,
        Key(
            "jobs of a project and kind; above it, those that ended are "
            "[only counted](metrics.md#which-numbers-come-from-where)",
            "v1: 20000, v2: 500",
            between=(1, 100_000_000),
        ),
    ] = None
    job_series: Annotated[JobSeries, Key("")] = JobSeries()
    notebook_series: Annotated[NotebookSeries, Key("")] = NotebookSeries()
    service_series: Annotated[ServiceSeries, Key("")] = ServiceSeries()
    user_series: Annotated[
        bool,
        Key("accelerators by user. User names are personal data"),
    ] = False
    pool_nodes: Annotated[
        bool,
        Key("free accelerators by node: one request more for each pool"),
    ] = False
    duration_buckets: Annotated[
        tuple[float, ...],
        Key("upper bounds of the duration histogram, rising", form=Form.DURATION),
    ] = (
        60.0,
        300.0,
        900.0,
        1800.0,
        3600.0,
        7200.0,
        14400.0,
        28800.0,
        43200.0,
        86400.0,
        172800.0,
        345600.0,
        604800.0,
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Refuse what no collection could use."""
        if self.timeout == 0:
            yield "timeout", "must be above 0"
        buckets = self.duration_buckets
        if any(low >= high for low, high in pairwise((0.0, *buckets))):
            yield "duration_buckets", "must be above 0 and rise from one to the next"
        if len(buckets) > _MAX_BUCKETS:
            yield "duration_buckets", f"more than {_MAX_BUCKETS} buckets"
