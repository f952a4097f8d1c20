"""Panels, variables and links as all dashboards of this project have them."""

from __future__ import annotations

import itertools

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat


TAG: Final = "modelarts"
EXPORTER: Final = 'job=~"$job", instance=~"$instance"'
"""Selects series of the exporters that are chosen."""

PROJECT: Final = f'{EXPORTER}, project=~"$project"'
JOBS: Final = f'{PROJECT}, kind=~"$kind", api_version=~"$api_version"'
"""Selects series of jobs of the projects, kinds and API versions that are chosen."""

DATASOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
PHASE_COLORS: Final = {
    "pending": "yellow",
    "running": "blue",
    "stopping": "purple",
    "succeeded": "green",
    "failed": "red",
    "stopped": "#8e8e8e",
    "unknown": "#5c5c5c",
}
QUOTA_STEPS: Final = (("green", None), ("orange", 0.8), ("red", 0.95))

WIDTH: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query, and how its series are called."""

    expr: str
    legend: str = ""
    instant: bool = False
    is_table: bool = False
    is_heatmap: bool = False


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
    unit: str
    kind: str = "timeseries"
    no_value: str = "No data: no project is collected, or none has this."
    stacked: bool = False
    by_phase: bool = False
    steps: Sequence[tuple[str, float | None]] = (("green", None),)
    decimals: int | None = None
    maximum: float | None = None
    words: Sequence[tuple[str, str, str]] = ()
    """Values as words: value, text, color."""

    columns: Sequence[tuple[str, str, str]] = ()
    """Of a table: label or `Value #A`, title, unit."""

    link: tuple[str, str] | None = None
    """Title and URL of a link from a row or series."""

    def builder(self, number: int, position: models.GridPos) -> variants.Dashboard:
        """Return the panel's builder, complete."""
        panel = (
            _BUILDERS[self.kind]()
            .id(number)
            .title(self.title)
            .description(self.description)
            .datasource(DATASOURCE)
            .grid_pos(position)
            .unit(self.unit)
            .no_value(self.no_value)
            .thresholds(_thresholds(self.steps))
        )
        for query, ref_id in zip(self.queries, "ABCDEFGH", strict=False):
            panel = panel.with_target(_target(query, ref_id))
        return self._with_fields(self._with_look(panel))

    def _with_look(self, panel: variants.Dashboard) -> variants.Dashboard:
        if self.kind in {"timeseries", "bargauge", "stat"}:
            panel = panel.min(0)
        if self.kind == "timeseries":
            panel = _as_timeseries(panel, stacked=self.stacked)
        if self.by_phase:
            for phase, color in PHASE_COLORS.items():
                panel = panel.override_by_name(phase, [_color(color)])
        return _with_columns(panel, self.columns) if self.columns else panel

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


def _bargauge() -> bargauge.Panel:
    return (
        bargauge.Panel()
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def _stat() -> stat.Panel:
    return stat.Panel().reduce_options(
        common.ReduceDataOptions().calcs(["lastNotNull"])
    )


_BUILDERS: Final = {
    "timeseries": timeseries.Panel,
    "bargauge": _bargauge,
    "stat": _stat,
    "heatmap": heatmap.Panel,
    "table": table.Panel,
    "state-timeline": statetimeline.Panel,
}


def _target(query: Query, ref_id: str) -> prometheus.Dataquery:
    target = (
        prometheus.Dataquery()
        .expr(query.expr)
        .ref_id(ref_id)
        .legend_format(query.legend or "__auto")
        .datasource(DATASOURCE)
    )
    target = target.instant() if query.instant else target.range()
    if query.is_table:
        return target.format(PromQueryFormat.TABLE)
    if query.is_heatmap:
        return target.format(PromQueryFormat.HEATMAP)
    return target.format(PromQueryFormat.TIME_SERIES)


def _thresholds(
    steps: Sequence[tuple[str, float | None]],
) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(color=color, value=value) for color, value in steps])
    )


def _as_timeseries(panel: timeseries.Panel, *, stacked: bool) -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    tooltip = (
        common.VizTooltipOptions()
        .mode(common_models.TooltipDisplayMode.MULTI)
        .sort(common_models.SortOrder.DESCENDING)
    )
    panel = panel.legend(legend).tooltip(tooltip).line_width(1)
    if not stacked:
        return panel.fill_opacity(10)
    stacking = common.StackingConfig().mode(common_models.StackingMode.NORMAL)
    return panel.fill_opacity(60).stacking(stacking)


def _mapping(words: Sequence[tuple[str, str, str]]) -> models.ValueMap:
    return models.ValueMap(
        options={
            value: models.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, text, color) in enumerate(words)
        }
    )


def _color(color: str) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(
        id_val="color", value={"mode": "fixed", "fixedColor": color}
    )


def _with_columns(
    panel: table.Panel, columns: Sequence[tuple[str, str, str]]
) -> table.Panel:
    names = [name for name, _, _ in columns]
    shown = models.DataTransformerConfig(
        id_val="filterFieldsByName", options={"include": {"names": names}}
    )
    renamed = models.DataTransformerConfig(
        id_val="organize",
        options={
            "indexByName": {name: index for index, name in enumerate(names)},
            "renameByName": {name: title for name, title, _ in columns},
        },
    )
    merged = models.DataTransformerConfig(id_val="merge", options={})
    panel = panel.transformations([merged, shown, renamed])
    for _, title, unit in columns:
        if unit:
            value = models.DynamicConfigValue(id_val="unit", value=unit)
            panel = panel.override_by_name(title, [value])
    return panel


def new_dashboard(
    uid: str, title: str, description: str, metric: str
) -> dashboard.Dashboard:
    """
    Return a dashboard without panels, linked with the others.

    Its job and instance are those of `metric`: where projects are scraped one by one,
    theirs are not the exporter's own.
    """
    link = (
        dashboard.DashboardLink("ModelArts")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
    )
    firing = (
        dashboard.AnnotationQuery()
        .name("Alerts")
        .enable(True)
        .datasource(DATASOURCE)
        .icon_color("red")
        .expr('ALERTS{alertname=~"ModelArts.*", alertstate="firing"}')
    )
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .refresh("1m")
        .time("now-6h", "now")
        .timezone("browser")
        .link(link)
        .annotation(firing)
        .with_variable(
            dashboard.DatasourceVariable("datasource")
            .label("Data source")
            .type("prometheus")
        )
        .with_variable(variable("job", f"label_values({metric}, job)"))
        .with_variable(
            variable(
                "instance",
                f'label_values({metric}{{job=~"$job"}}, instance)',
            )
        )
    )


def variable(name: str, query: str) -> dashboard.QueryVariable:
    """Return a variable with several values and All."""
    return (
        dashboard.QueryVariable(name)
        .label(name.replace("_", " ").capitalize().replace("Api", "API"))
        .query({"query": query, "refId": name})
        .definition(query)
        .datasource(DATASOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(models.VariableOption(text="All", value="$__all"))
    )


def with_projects(builder: dashboard.Dashboard) -> dashboard.Dashboard:
    """Add the variables that choose projects."""
    region = f"modelarts_project_info{{{EXPORTER}}}"
    chosen = f'modelarts_project_info{{{EXPORTER}, cloud_region=~"$cloud_region"}}'
    return builder.with_variable(
        variable("cloud_region", f"label_values({region}, cloud_region)")
    ).with_variable(variable("project", f"label_values({chosen}, project)"))


def with_jobs(builder: dashboard.Dashboard) -> dashboard.Dashboard:
    """Add the variables that choose projects, and kinds and API versions of jobs."""
    return (
        with_projects(builder)
        .with_variable(
            variable("kind", f"label_values(modelarts_up{{{PROJECT}}}, kind)")
        )
        .with_variable(
            variable(
                "api_version", f"label_values(modelarts_up{{{PROJECT}}}, api_version)"
            )
        )
    )
