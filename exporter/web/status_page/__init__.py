"""The status page: the results of the last collections. It starts none."""

from __future__ import annotations

import base64
import hashlib

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from itertools import groupby

import jinja2

from markupsafe import Markup

from ... import __version__
from ...collection.causes import Cause, CommonFailure, by_cause, cause_of
from ...collection.containment import INTERNAL_ERROR, failing_alone
from ...collection.offers import Absent, NotOffered, NotPermitted
from ...collection.results import Latest, Outcome
from ...collectors.overview import Bar, Longest, QuotaUse
from ...collectors.phases import Phase
from ...collectors.spans import span
from ...config import Project
from ...errors import Failure
from ..paths import OwnPath
from .listed_clouds import ListedCloud


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterStatus:
    """What the page shows about the exporter itself; times are Unix times."""

    telemetry_path: str
    now: float
    started: float
    configuration_read: float
    errors: Sequence[str]
    """Errors of the last reload; empty if it succeeded."""

    clouds: Sequence[ListedCloud]


@dataclass(frozen=True, slots=True)
class _Part:
    phase: Phase
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class _Bar:
    title: str
    words: str
    parts: Sequence[_Part]


@dataclass(frozen=True, slots=True)
class _Number:
    name: Phase
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    title: str
    noun: str
    state: str
    state_words: str
    when: str
    failure: Failure | None = None
    cause: int = 0
    """Which of the causes at the top of the page it is, from 1; 0 if none."""

    phases: Sequence[_Number] = ()
    bar: Sequence[_Part] = ()
    quotas: Sequence[QuotaUse] = ()
    bars: Sequence[_Bar] = ()
    longest: Longest | None = None
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
    targets: Sequence[_Target]


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
    causes = _common_causes(latest)
    projects = list(_projects(latest, status.now, list(causes)))
    projects.sort(
        key=lambda project: all(target.state != "down" for target in project.targets)
    )
    targets = [target for project in projects for target in project.targets]
    states = [target.state for target in targets]
    words = [target.state_words for target in targets]
    text = _template().render(
        style=_style(),
        paths=OwnPath,
        version=__version__,
        telemetry_path=status.telemetry_path,
        uptime=span(status.now - status.started),
        configuration_age=span(status.now - status.configuration_read),
        errors=status.errors,
        clouds=status.clouds,
        now=status.now,
        causes=list(causes.values()),
        projects=projects,
        total=len(states),
        collected=states.count("up"),
        failing=states.count("down"),
        waiting=states.count("waiting"),
        not_offered=words.count(NotOffered.title),
        not_permitted=words.count(NotPermitted.title),
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


def _common_causes(latest: Iterable[Latest]) -> dict[Cause, CommonFailure]:
    """Return the causes that keep several projects from being collected."""
    causes = by_cause(
        (each.target, each.outcome.result)
        for each in latest
        if each.outcome is not None and isinstance(each.outcome.result, Failure)
    )
    return {
        cause: common for cause, common in causes.items() if len(common.projects) > 1
    }


def _projects(
    latest: Iterable[Latest], now: float, causes: Sequence[Cause]
) -> Iterator[_Project]:
    def project_of(latest: Latest) -> Project:
        return latest.target.project

    for project, targets in groupby(latest, key=project_of):
        yield _Project(
            project.name,
            project.cloud.name,
            project.cloud.region,
            project.project_id,
            project.workspace_id,
            [_target(each, now, causes) for each in targets],
        )


def _target(latest: Latest, now: float, causes: Sequence[Cause]) -> _Target:
    title, noun = latest.target.title, latest.target.product.noun
    if latest.outcome is None:
        return _Target(
            title=title,
            noun=noun,
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
        cause = cause_of(latest.target, result)
        return _Target(
            title=title,
            noun=noun,
            cause=causes.index(cause) + 1 if cause in causes else 0,
            state="down",
            state_words="down",
            when=when,
            failure=result,
        )
    if isinstance(result, Absent):
        return _Target(
            title=title,
            noun=noun,
            state="absent",
            state_words=result.title,
            when=f"{result.explanation} {when} It is asked again every hour, and after "
            "a reload.",
        )
    overview = result.overview(now)
    numbers = {phase: overview.phases.get(phase, 0) for phase in Phase}
    return _Target(
        title=title,
        noun=noun,
        state="up",
        state_words="up",
        when=f"{when} {overview.note}".rstrip(),
        phases=[_Number(phase, number) for phase, number in numbers.items() if number],
        bar=list(_parts(numbers.items())),
        quotas=overview.quotas,
        bars=[_bar(bar) for bar in overview.bars],
        longest=overview.longest,
        partial_failures=result.partial_failures,
    )


def _bar(bar: Bar) -> _Bar:
    parts = [part for part in bar.parts if part.amount > 0]
    return _Bar(
        bar.title,
        ", ".join(f"{part.amount:.12g} {part.name}" for part in parts),
        list(_parts((part.phase, part.amount) for part in parts)),
    )


def _parts(amounts: Iterable[tuple[Phase, float]]) -> Iterator[_Part]:
    shown = [(phase, amount) for phase, amount in amounts if amount]
    start = 0.0
    total = sum(amount for _, amount in shown)
    for phase, amount in shown:
        width = 100 * amount / total
        yield _Part(phase, round(start, 3), round(width, 3))
        start += width


def _share(quota: QuotaUse) -> float:
    return round(quota.used / quota.maximum, 3) if quota.maximum else 1.0


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
    environment.filters["share"] = _share
    environment.filters["number"] = "{:.12g}".format
    environment.filters["span"] = span
    source = resources.files(__package__).joinpath("status.html").read_text("utf-8")
    return environment.from_string(source)
