"""Panels: what they ask, in which unit they show it, where they stand."""

from __future__ import annotations

import itertools

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import BigValueTextMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from looks import Column, Kind, as_table, by_phase, legend, new_panel
from variables import DATASOURCE


MIN_INTERVAL: Final = "1m"
"""At least this between two points: a longer scrape interval must be configured."""

BARS: Final = 60
"""At most so many bars beside each other."""

QUOTA_STEPS: Final = (("green", None), ("orange", 0.8), ("red", 0.95))
WIDTH: Final = 24
Steps = Sequence[tuple[str, float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query, and how its series are called."""

    expr: str
    legend: str = ""


@dataclass(slots=True)
class Layout:
    """Panels from left to right and from top to bottom, with IDs that stay."""

    builder: dashboard.Dashboard
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _x: int = 0
    _y: int = 0
    _height: int = 0

    def row(self, title: str) -> None:
        """Begin a row."""
        self._next_line()
        row = dashboard.Row(title).id(next(self._ids))
        position = models.GridPos(h=1, w=WIDTH, x=0, y=self._y)
        self.builder.with_row(row.grid_pos(position))
        self._y += 1

    def add(self, panel: Panel, width: int, height: int) -> None:
        """Add a panel."""
        if self._x + width > WIDTH:
            self._next_line()
        position = models.GridPos(h=height, w=width, x=self._x, y=self._y)
        built = panel.builder(next(self._ids), position)
        self.builder.with_panel(built)
        self._x += width
        self._height = max(self._height, height)

    def _next_line(self) -> None:
        self._y += self._height
        self._x = self._height = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel: what it shows, in which unit, and what it says where there is nothing."""

    title: str
    description: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: Kind = Kind.LINES
    no_value: str = "No data: no project is collected, or none has this."
    by_phase: bool = False
    legend_on_the_right: bool = False
    """For many series: a legend below has room for three."""

    steps: Steps = (("green", None),)
    decimals: int | None = None
    maximum: float | None = None
    words: Sequence[tuple[str, str, str]] = ()
    """Values as words: value, text, color."""

    columns: Sequence[Column] = ()
    """Of a table, from left to right."""

    sort_by: str = ""
    """The title of the column by which a table is sorted, the largest first."""

    ascending: bool = False

    link: tuple[str, str] | None = None
    """Title and URL of a link from a row or series."""

    def builder(self, number: int, position: models.GridPos) -> variants.Dashboard:
        """Return the panel's builder, complete."""
        panel = (
            new_panel(self.kind)
            .id(number)
            .title(self.title)
            .description(self.description)
            .datasource(DATASOURCE)
            .grid_pos(position)
            .unit(self.unit)
            .no_value(self.no_value)
            .thresholds(_thresholds(self.steps))
        )
        if self.kind in {Kind.LINES, Kind.STACK, Kind.BARS}:
            shown = legend(self.kind, on_the_right=self.legend_on_the_right)
            panel = panel.legend(shown)
        if self.kind is Kind.STAT and any(one.legend for one in self.queries):
            panel = panel.text_mode(BigValueTextMode.VALUE_AND_NAME)
        if self.kind is Kind.BARS:
            panel = panel.max_data_points(BARS)
        for query, ref_id in zip(self.queries, "ABCDEFGH", strict=False):
            panel = panel.with_target(_target(query, ref_id, self.kind))
        if self.kind is not Kind.TABLE and self.kind is not Kind.HEATMAP:
            panel = panel.min(0)
        if self.by_phase:
            panel = by_phase(panel)
        if self.columns:
            panel = as_table(
                panel, self.columns, self.sort_by, descending=not self.ascending
            )
        return self._with_fields(panel)

    def _with_fields(self, panel: variants.Dashboard) -> variants.Dashboard:
        if self.decimals is not None:
            panel = panel.decimals(self.decimals)
        if self.maximum is not None:
            panel = panel.max(self.maximum)
        if self.words:
            panel = panel.mappings([_mapping(self.words)])
        if self.link is not None:
            title, url = self.link
            panel = panel.data_links([dashboard.DashboardLink(title).url(url)])
        return panel


def _target(query: Query, ref_id: str, kind: Kind) -> prometheus.Dataquery:
    target = (
        prometheus.Dataquery()
        .expr(query.expr)
        .ref_id(ref_id)
        .legend_format(query.legend or "__auto")
        .datasource(DATASOURCE)
    )
    # What is shown as of now is asked for now: the last value of a range may be hours old.
    if kind.is_of_now:
        target = target.instant()
    else:
        target = target.range().interval(MIN_INTERVAL)
    if kind is Kind.TABLE:
        return target.format(PromQueryFormat.TABLE)
    if kind is Kind.HEATMAP:
        return target.format(PromQueryFormat.HEATMAP)
    return target.format(PromQueryFormat.TIME_SERIES)


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(color=color, value=value) for color, value in steps])
    )


def _mapping(words: Sequence[tuple[str, str, str]]) -> models.ValueMap:
    return models.ValueMap(
        options={
            value: models.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, text, color) in enumerate(words)
        }
    )
