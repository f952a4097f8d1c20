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
        bool, Key("export [per-job metrics](metrics.md#per-job-metrics)")
    ] = False
    max_per_project: Annotated[
        int,
        Key("of how many jobs at most, per project and kind", between=(1, 10_000)),
    ] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookSeries(KeyGroup):
    """Whether notebooks have individual series, and the limit per project."""

    enabled: Annotated[bool, Key("export per-notebook metrics")] = False
    max_per_project: Annotated[
        int, Key("of how many notebooks at most, per project", between=(1, 10_000))
    ] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSeries(KeyGroup):
    """Whether services have individual series, and the limit per project."""

    enabled: Annotated[bool, Key("export per-service metrics")] = False
    max_per_project: Annotated[
        int, Key("of how many services at most, per project", between=(1, 10_000))
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
            "how long a collection may take if the scraper sends no timeout; "
            "if set, the limit for every scraper",
            f"`{DEFAULT_TIMEOUT:g}s`",
            form=Form.DURATION,
        ),
    ] = None
    timeout_offset: Annotated[
        float,
        Key(
            "subtracted from the scraper's timeout, so that the answer arrives in time",
            form=Form.DURATION,
        ),
    ] = 0.5
    max_concurrent_requests: Annotated[
        int,
        Key(
            "API requests in flight at most, of all clouds together; a cloud begins with "
            "32, gets more with success, and half after a 429",
            between=(1, 10_000),
        ),
    ] = 128
    min_interval: Annotated[
        float,
        Key(
            "a result younger than this is served again, also a failure",
            form=Form.DURATION,
        ),
    ] = 0.0
    page_size: Annotated[
        int,
        Key(
            "jobs per page. If the API refuses it, 100 from then on; "
            "v2 returns at most 50",
            between=(1, 1000),
        ),
    ] = 1000
    listing_limit: Annotated[
        int | None,
        Key(
            "with more jobs than this, per project and kind, finished jobs are "
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
        Key("export accelerators by user; user names are personal data"),
    ] = False
    pool_nodes: Annotated[
        bool,
        Key("export free accelerators by node; costs one request per pool"),
    ] = False
    duration_buckets: Annotated[
        tuple[float, ...],
        Key(
            "upper bounds of the duration histogram, in ascending order",
            form=Form.DURATION,
        ),
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
