"""The status page: the results of the last collections. It starts none."""

from __future__ import annotations

import base64
import hashlib

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Final

import jinja2

from markupsafe import Markup

from ... import __version__
from ...collection.causes import Cause, CommonFailure, by_cause
from ...collection.containment import INTERNAL_ERROR, failing_alone
from ...collection.results import Latest, Outcome
from ...collectors.alerts import CAPACITY_CRITICAL, CAPACITY_HIGH
from ...collectors.overview import QuotaUse
from ...collectors.phases import Phase
from ...collectors.spans import span
from ...config import Shard
from ...errors import Failure
from ..paths import OwnPath
from .findings import Level
from .listed_clouds import ListedCloud
from .projects import project_statuses, selected, share
from .summary import tiles
from .view import MAX_OPEN, Column, Show, View


_RUNBOOKS: Final = (
    "https://github.com/modelarts-exporter/modelarts-exporter/blob/main/docs/runbooks"
)
_COLUMNS: Final = {
    Column.PROJECT: "Project",
    Column.STATUS: "Status",
    Column.RUNNING: "Running",
    Column.WAITING: "Waiting",
    Column.QUOTA: "Fullest quota",
    Column.LONGEST: "Longest running",
    Column.COLLECTED: "Last collected",
}
_BADGES: Final = {
    Level.FAILING: "failing",
    Level.CRITICAL: "critical",
    Level.WARNING: "warning",
    Level.INCOMPLETE: "incomplete",
    Level.UNCOLLECTED: "not collected yet",
    Level.FINE: "OK",
}


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
    shard: Shard | None = None
    """The part of the projects that this process has; None for all."""


def render(latest: Sequence[Latest], status: ExporterStatus, view: View) -> bytes:
    """Return the page as HTML; projects with problems come first."""

    def rendered(some: Sequence[Latest]) -> bytes:
        return _render(some, status, view)

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


def _render(latest: Sequence[Latest], status: ExporterStatus, view: View) -> bytes:
    causes = _common_causes(latest)
    numbers = {cause: number for number, cause in enumerate(causes, 1)}
    projects = project_statuses(latest, status.now, numbers)
    text = _template().render(
        status=status,
        view=view,
        causes=list(causes.values()),
        projects=projects,
        shown=selected(projects, view),
        tiles=list(tiles(projects)),
        failing=sum(project.level is Level.FAILING for project in projects),
    )
    return text.encode()


@cache
def headers() -> Mapping[str, str]:
    """Return the page's headers: it runs no scripts and loads nothing."""
    digest = hashlib.sha256(_style().encode()).digest()
    style = f"'sha256-{base64.b64encode(digest).decode()}'"
    return {
        # The form is the filter, which asks for this page.
        "Content-Security-Policy": f"default-src 'none'; style-src {style}; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Vary": "Accept-Encoding",
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


def _counted(number: int, noun: str) -> str:
    """Return a number and a noun, which may be given in the plural."""
    noun = noun.removesuffix("s")
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _color(use: QuotaUse) -> Phase:
    """Return the phase whose color a quota has."""
    if share(use) > CAPACITY_CRITICAL.threshold:
        return Phase.FAILED
    return Phase.PENDING if share(use) > CAPACITY_HIGH.threshold else Phase.RUNNING


@cache
def _style() -> Markup:
    text = resources.files(__package__).joinpath("status.css").read_text("utf-8")
    # Our own file; escaping would break it.
    return Markup(text)  # noqa: S704


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("exporter.web.status_page", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = _counted
    environment.filters["share"] = share
    environment.filters["color"] = _color
    environment.filters["number"] = "{:,.12g}".format
    environment.filters["span"] = span
    environment.globals.update(
        style=_style(),
        version=__version__,
        paths=OwnPath,
        runbooks=_RUNBOOKS,
        columns=_COLUMNS,
        badges=_BADGES,
        max_open=MAX_OPEN,
        Level=Level,
        Show=Show,
    )
    return environment.get_template("status.html")
