"""The status page: the results of the last collections. It starts none."""

from __future__ import annotations

import base64
import hashlib

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from itertools import groupby
from typing import Final

import jinja2

from markupsafe import Markup

from ... import __version__
from ...collection.containment import INTERNAL_ERROR, failing_alone
from ...collection.results import Latest, Outcome
from ...collectors.jobs.aggregates import JobCounts
from ...collectors.jobs.listing import Listing
from ...collectors.jobs.quota import JobQuota
from ...collectors.jobs.statuses import Phase
from ...config import Project
from ...errors import Failure
from ...kinds import Kind


_TITLES: Final = {Kind.TRAINING: "Training", Kind.VISUALIZATION: "Visualization"}
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterStatus:
    """What the page shows about the exporter itself; times are Unix times."""

    telemetry_path: str
    now: float
    started: float
    configuration_read: float
    errors: Sequence[str]
    """Errors of the last reload; empty if it succeeded."""


@dataclass(frozen=True, slots=True)
class _Part:
    phase: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class _Number:
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class _QuotaBar:
    title: str
    used: int
    maximum: int

    @property
    def share(self) -> float:
        return round(self.used / self.maximum, 3) if self.maximum else 1.0


@dataclass(frozen=True, slots=True)
class _Longest:
    name: str
    job_id: str
    age: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    title: str
    state: str
    state_words: str
    when: str
    failure: Failure | None = None
    phases: Sequence[_Number] = ()
    bar: Sequence[_Part] = ()
    quotas: Sequence[_QuotaBar] = ()
    longest: _Longest | None = None
    partial_failures: Sequence[Failure] = ()

    @property
    def bar_words(self) -> str:
        return ", ".join(f"{phase.number} {phase.name}" for phase in self.phases)


@dataclass(frozen=True, slots=True)
class _Project:
    name: str
    cloud: str
    region: str
    project_id: str
    workspace_id: str
    kinds: Sequence[_Kind]


def render(latest: Sequence[Latest], status: ExporterStatus) -> bytes:
    """Return the page as HTML; projects with failures come first."""

    def rendered(some: Sequence[Latest]) -> bytes:
        return _render(some, status)

    try:
        return rendered(latest)
    except Exception:
        failing = failing_alone(latest, rendered)
        if not failing:
            raise
    return rendered(
        [
            replace(each, outcome=Outcome(INTERNAL_ERROR, 0.0))
            if any(each is failed for failed in failing)
            else each
            for each in latest
        ]
    )


def _render(latest: Sequence[Latest], status: ExporterStatus) -> bytes:
    projects = list(_projects(latest, status.now))
    projects.sort(
        key=lambda project: all(kind.state != "down" for kind in project.kinds)
    )
    states = [kind.state for project in projects for kind in project.kinds]
    text = _template().render(
        style=_style(),
        version=__version__,
        telemetry_path=status.telemetry_path,
        uptime=span(status.now - status.started),
        configuration_age=span(status.now - status.configuration_read),
        errors=status.errors,
        projects=projects,
        total=len(states),
        collected=states.count("up"),
        failing=states.count("down"),
        waiting=states.count("waiting"),
    )
    return text.encode()


@cache
def headers() -> Mapping[str, str]:
    """Return the page's headers: it runs no scripts and loads nothing."""
    digest = hashlib.sha256(_style().encode()).digest()
    style = f"'sha256-{base64.b64encode(digest).decode()}'"
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src {style}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def span(seconds: float) -> str:
    """Return a duration as text, with two units at most, such as `1 h 30 min`."""
    left = max(0, round(seconds))
    words = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words[:2]) or "0 s"


def _projects(latest: Iterable[Latest], now: float) -> Iterator[_Project]:
    def project_of(latest: Latest) -> Project:
        return latest.project

    for project, kinds in groupby(latest, key=project_of):
        yield _Project(
            project.name,
            project.cloud.name,
            project.cloud.region,
            project.project_id,
            project.workspace_id,
            [_kind(each, now) for each in kinds],
        )


def _kind(latest: Latest, now: float) -> _Kind:
    title = f"{_TITLES[latest.kind]} jobs"
    if latest.kind is Kind.TRAINING:
        title += f" ({latest.project.training_api})"
    if latest.outcome is None:
        return _Kind(
            title=title,
            state="waiting",
            state_words="not collected yet",
            when="Collected when Prometheus scrapes.",
        )
    result = latest.outcome.result
    when = (
        f"Last collection {span(now - latest.collected_at)} ago, "
        f"took {latest.outcome.seconds:.2f} s."
    )
    if isinstance(result, Failure):
        if latest.last_success is not None:
            when += f" Last success {span(now - latest.last_success)} ago."
        return _Kind(
            title=title, state="down", state_words="down", when=when, failure=result
        )
    numbers = _by_phase(result.counts)
    return _Kind(
        title=title,
        state="up",
        state_words="up",
        when=when
        if result.complete
        else f"{when} Finished jobs were counted, not listed.",
        phases=[_Number(phase, number) for phase, number in numbers.items() if number],
        bar=list(_bar(numbers)),
        quotas=list(_quotas(result.quota, numbers[Phase.RUNNING])),
        longest=_longest(result),
        partial_failures=result.partial_failures,
    )


def _by_phase(counts: JobCounts) -> dict[Phase, int]:
    numbers = dict.fromkeys(Phase, 0)
    for status, number in counts.statuses.items():
        numbers[status.phase] += number
    return numbers


def _bar(numbers: Mapping[Phase, int]) -> Iterator[_Part]:
    start = 0.0
    total = sum(numbers.values())
    for phase, number in numbers.items():
        if number:
            width = 100 * number / total
            yield _Part(phase, round(start, 3), round(width, 3))
            start += width


def _quotas(quota: JobQuota, running: int) -> Iterator[_QuotaBar]:
    if quota.running is not None:
        yield _QuotaBar("Running", running, quota.running)
    if quota.created is not None and quota.remaining is not None:
        yield _QuotaBar("Existing", quota.created, quota.created + quota.remaining)


def _longest(listing: Listing) -> _Longest | None:
    job = listing.longest
    if job is None or job.duration is None:
        return None
    return _Longest(job.name, str(job.job_id), span(job.duration / 1000))


def _with_number(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@cache
def _style() -> Markup:
    text = resources.files(__package__).joinpath("status.css").read_text("utf-8")
    # Our own file; escaping would break it.
    return Markup(text)  # noqa: S704


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = _with_number
    source = resources.files(__package__).joinpath("status.html").read_text("utf-8")
    return environment.from_string(source)
