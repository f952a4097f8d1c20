"""How each kind of panel looks: legends, bars, colors of phases, columns of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    heatmap,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
)


PHASE_COLORS: Final = {
    "pending": "yellow",
    "running": "blue",
    "stopping": "purple",
    "succeeded": "green",
    "failed": "red",
    "stopped": "#8e8e8e",
    "unknown": "#5c5c5c",
}
TEXT: Final = "string"
"""The unit of what is no number, though it may look like one, as an ID does."""


_COLUMN_WIDTH: Final = 50.0
_CALC_TITLES: Final = {"lastNotNull": "Last *", "sum": "Total"}
"""What Grafana calls the calculations, by which a legend is sorted."""


class Kind(Enum):
    """What a panel is."""

    LINES = "lines"
    STACK = "stack"
    BARS = "bars"
    STAT = "stat"
    BARGAUGE = "bargauge"
    TABLE = "table"
    HEATMAP = "heatmap"
    STATES = "states"

    @property
    def is_of_now(self) -> bool:
        """Whether it shows one moment instead of a time range."""
        return self in {Kind.STAT, Kind.BARGAUGE, Kind.TABLE}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a label or `Value #A`, its title and its unit."""

    name: str
    title: str
    unit: str = TEXT
    link: tuple[str, str] | None = None
    width: int | None = None


def new_panel(kind: Kind) -> variants.Dashboard:
    """Return an empty panel."""
    return _BUILDERS[kind]()


def legend(kind: Kind, *, on_the_right: bool) -> common.VizLegendOptions:
    """Return a legend with numbers: the largest first, as of now or altogether."""
    calcs = ["sum"] if kind is Kind.BARS else ["lastNotNull", "max"]
    return (
        common.VizLegendOptions()
        .display_mode(models.LegendDisplayMode.TABLE)
        .placement(
            models.LegendPlacement.RIGHT
            if on_the_right
            else models.LegendPlacement.BOTTOM
        )
        .show_legend(True)
        .calcs(calcs[:1] if on_the_right else calcs)
        .sort_by(_CALC_TITLES[calcs[0]])
        .sort_desc(True)
    )


def by_phase(panel: variants.Dashboard) -> variants.Dashboard:
    """Give each phase its color."""
    for phase, color in PHASE_COLORS.items():
        fixed = DynamicConfigValue(
            id_val="color", value={"mode": "fixed", "fixedColor": color}
        )
        panel = panel.override_by_name(phase, [fixed])
    return panel


def as_table(
    panel: table.Panel,
    columns: Sequence[Column],
    sort_by: str,
    *,
    descending: bool,
) -> table.Panel:
    """Show these columns of all queries together, and nothing else."""
    names = [column.name for column in columns]
    transformations = {
        "merge": {},
        "filterFieldsByName": {"include": {"names": names}},
        "organize": {
            "indexByName": {name: index for index, name in enumerate(names)},
            "renameByName": {column.name: column.title for column in columns},
        },
    }
    panel = panel.transformations(
        [
            DataTransformerConfig(id_val=name, options=options)
            for name, options in transformations.items()
        ]
    )
    for column in columns:
        panel = panel.override_by_name(column.title, _properties(column))
    if not sort_by:
        return panel
    first = common.TableSortByFieldState().display_name(sort_by)
    return panel.sort_by([first.desc(descending)])


def _properties(column: Column) -> list[DynamicConfigValue]:
    properties = {"unit": column.unit, "noValue": "-"}
    if column.width is not None:
        properties["custom.width"] = column.width
    if column.link is not None:
        title, url = column.link
        properties["links"] = [{"title": title, "url": url}]
    return [
        DynamicConfigValue(id_val=name, value=value)
        for name, value in properties.items()
    ]


def _last_value() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _bargauge() -> bargauge.Panel:
    return (
        bargauge.Panel()
        .orientation(models.VizOrientation.HORIZONTAL)
        .display_mode(models.BarGaugeDisplayMode.BASIC)
        .reduce_options(_last_value())
    )


def _stat() -> stat.Panel:
    return (
        stat.Panel()
        .graph_mode(models.BigValueGraphMode.NONE)
        .wide_layout(False)
        .reduce_options(_last_value())
    )


def _table() -> table.Panel:
    # As many columns as there are have to be seen beside each other.
    return table.Panel().min_width(_COLUMN_WIDTH)


def _heatmap() -> heatmap.Panel:
    return heatmap.Panel().y_axis(heatmap.YAxisConfig().unit("s"))


def _timeseries() -> timeseries.Panel:
    tooltip = (
        common.VizTooltipOptions()
        .mode(models.TooltipDisplayMode.MULTI)
        .sort(models.SortOrder.DESCENDING)
    )
    return timeseries.Panel().tooltip(tooltip).line_width(1)


def _lines() -> timeseries.Panel:
    return _timeseries().fill_opacity(10)


def _stack() -> timeseries.Panel:
    stacking = common.StackingConfig().mode(models.StackingMode.NORMAL)
    return _timeseries().fill_opacity(60).stacking(stacking)


def _bars() -> timeseries.Panel:
    return _stack().draw_style(models.GraphDrawStyle.BARS)


_BUILDERS: Final = {
    Kind.LINES: _lines,
    Kind.STACK: _stack,
    Kind.BARS: _bars,
    Kind.BARGAUGE: _bargauge,
    Kind.STAT: _stat,
    Kind.HEATMAP: _heatmap,
    Kind.TABLE: _table,
    Kind.STATES: statetimeline.Panel,
}
