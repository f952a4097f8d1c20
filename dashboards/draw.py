"""
Draws the dashboards' panels from a live Prometheus into pictures, with matplotlib.

There is no Grafana where these are made. The script reads the same JSON and asks the
same queries, so that a reader sees what the panels hold, though not how they look.
"""

from __future__ import annotations

import argparse
import json
import re
import time

from datetime import UTC, datetime
from pathlib import Path

import httpx
import matplotlib as mpl

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter
from panels import PHASE_COLORS


mpl.use("Agg")


FOLDER = Path(__file__).parent
COLUMN_INCHES, ROW_INCHES = 0.62, 0.38
NAMES = {"yellow": "#e0b400", "orange": "#ff9830", "green": "#56a64b", "red": "#e02f44"}
MOST_POINTS = 200
SMALLEST = 5
"""The width of a panel without labels on its left."""


class Prometheus:
    """A Prometheus, and the time that the pictures are about."""

    def __init__(self, url: str, minutes: float) -> None:
        self.url = url
        self.end = time.time()
        self.start = self.end - 60 * minutes

    def ask(self, expr: str, *, instant: bool) -> list[dict]:
        """Return the series of a query, with all projects chosen."""
        expr = expr.replace("$__rate_interval", "1m")
        expr = re.sub(r"\$\w+", ".+", expr)
        if instant:
            path, parameters = "query", {"query": expr, "time": self.end}
        else:
            step = max(1.0, (self.end - self.start) / MOST_POINTS)
            times = {"start": self.start, "end": self.end, "step": step}
            path, parameters = "query_range", {"query": expr, **times}
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=60)
        return answer.raise_for_status().json()["data"]["result"]


def words(value: float, unit: str) -> str:
    """Return a value in a panel's unit."""
    if unit == "percentunit":
        return f"{value:.0%}"
    if unit == "bytes":
        return f"{value / 1e6:.0f} MB"
    if unit == "s":
        for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
            if abs(value) >= size:
                return f"{value / size:.1f} {name}"
        return f"{value:.3g} s"
    return f"{value:.4g}"


def legend(pattern: str, labels: dict[str, str]) -> str:
    """Return what a series is called."""
    if pattern == "__auto":
        return ""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), pattern)


def color_of(panel: dict, value: float) -> str:
    """Return the color that a panel's thresholds give a value."""
    color = "green"
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return NAMES.get(color, color)


def draw_lines(axes: Axes, panel: dict, prometheus: Prometheus) -> bool:
    """Draw a time series."""
    lines = [
        (legend(target["legendFormat"], one["metric"]), one["values"])
        for target in panel["targets"]
        for one in prometheus.ask(target["expr"], instant=False)
    ]
    if not lines:
        return False
    stacking = panel["fieldConfig"]["defaults"]["custom"].get("stacking", {})
    colors = [NAMES.get(PHASE_COLORS.get(n, ""), PHASE_COLORS.get(n)) for n, _ in lines]
    if stacking.get("mode") == "normal":
        moments = sorted({moment for _, values in lines for moment, _ in values})
        rows = [
            [dict(map(tuple, values)).get(moment, "0") for moment in moments]
            for _, values in lines
        ]
        axes.stackplot(
            [datetime.fromtimestamp(moment, UTC) for moment in moments],
            [[float(text) for text in row] for row in rows],
            labels=[name for name, _ in lines],
            colors=colors if all(colors) else None,
            alpha=0.8,
        )
    else:
        for name, values in lines:
            axes.plot(
                [datetime.fromtimestamp(moment, UTC) for moment, _ in values],
                [float(text) for _, text in values],
                label=name,
                linewidth=1.2,
            )
    axes.set_ylim(bottom=0)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    axes.yaxis.set_major_formatter(lambda value, _: words(value, unit))
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))
    columns = 3 if panel["gridPos"]["w"] > 2 * SMALLEST else 1
    axes.legend(fontsize=6, ncols=columns, loc="upper left", framealpha=0.7)
    axes.tick_params(labelsize=6)
    axes.grid(alpha=0.25)
    return True


def draw_bars(axes: Axes, panel: dict, prometheus: Prometheus) -> bool:
    """Draw a bar gauge."""
    (target,) = panel["targets"]
    found = prometheus.ask(target["expr"], instant=True)
    if not found:
        return False
    unit = panel["fieldConfig"]["defaults"]["unit"]
    rows = [
        (legend(target["legendFormat"], one["metric"]), float(one["value"][1]))
        for one in found
    ][:12][::-1]
    values = [value for _, value in rows]
    axes.barh(range(len(rows)), values, color=[color_of(panel, v) for v in values])
    most = panel["fieldConfig"]["defaults"].get("max") or max([*values, 1e-9]) * 1.2
    axes.set_xlim(0, most * 1.12)
    for index, value in enumerate(values):
        axes.text(value, index, f" {words(value, unit)}", va="center", fontsize=7)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=7)
    axes.set_xticks([])
    return True


def draw_number(axes: Axes, panel: dict, prometheus: Prometheus) -> bool:
    """Draw a stat."""
    (target,) = panel["targets"]
    found = prometheus.ask(target["expr"], instant=True)
    axes.axis("off")
    if not found:
        return False
    defaults = panel["fieldConfig"]["defaults"]
    mapped = {
        key: mapping["text"]
        for one in defaults.get("mappings", [])
        for key, mapping in one["options"].items()
    }
    texts = [
        mapped.get(one["value"][1])
        or words(
            round(float(one["value"][1]), defaults.get("decimals", 3)),
            defaults["unit"],
        )
        for one in found[:2]
    ]
    axes.text(
        0.5,
        0.45,
        "\n".join(texts),
        ha="center",
        va="center",
        fontsize=17 if len(texts) == 1 else 11,
        color=color_of(panel, float(found[0]["value"][1])),
    )
    return True


def draw_heatmap(axes: Axes, panel: dict, prometheus: Prometheus) -> bool:
    """Draw a heatmap of cumulative buckets."""
    (target,) = panel["targets"]
    found = prometheus.ask(target["expr"], instant=False)
    found.sort(key=lambda one: float(one["metric"]["le"]))
    if not found:
        return False
    moments = [moment for moment, _ in found[-1]["values"]]
    rows, below = [], [0.0] * len(moments)
    for one in found:
        values = dict(map(tuple, one["values"]))
        at_most = [float(values.get(moment, "0")) for moment in moments]
        rows.append([a - b for a, b in zip(at_most, below, strict=True)])
        below = at_most
    axes.imshow(rows, aspect="auto", origin="lower", cmap="Oranges")
    bounds = [float(one["metric"]["le"]) for one in found]
    axes.set_yticks(
        range(len(bounds)),
        [f"≤ {words(b, 's')}" if b < float("inf") else "more" for b in bounds],
        fontsize=6,
    )
    axes.set_xticks([])
    return True


def draw_table(axes: Axes, panel: dict, prometheus: Prometheus) -> bool:
    """Draw a table."""
    (target,) = panel["targets"]
    found = prometheus.ask(target["expr"], instant=True)
    axes.axis("off")
    if not found:
        return False
    options = panel["transformations"][-1]["options"]
    order = options["indexByName"]
    organized = {
        name: options["renameByName"][name] for name in sorted(order, key=order.get)
    }
    found.sort(key=lambda one: -float(one["value"][1]))
    cells = [
        [
            words(float(one["value"][1]), "s")
            if name == "Value"
            else one["metric"].get(name, "")[:22]
            for name in organized
        ]
        for one in found[:11]
    ]
    shown = axes.table(cells, colLabels=list(organized.values()), loc="upper center")
    shown.auto_set_font_size(False)
    shown.set_fontsize(6)
    return True


def draw_states(axes: Axes, panel: dict, prometheus: Prometheus) -> bool:
    """Draw a state timeline."""
    (target,) = panel["targets"]
    found = prometheus.ask(target["expr"], instant=False)
    if not found:
        return False
    for index, one in enumerate(found):
        for moment, value in one["values"]:
            color = NAMES["green"] if float(value) else NAMES["red"]
            axes.plot(moment, index, "|", color=color, markersize=7)
    names = [legend(target["legendFormat"], one["metric"]) for one in found]
    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.set_xticks([])
    return True


DRAW = {
    "timeseries": draw_lines,
    "bargauge": draw_bars,
    "stat": draw_number,
    "heatmap": draw_heatmap,
    "table": draw_table,
    "state-timeline": draw_states,
}


def draw(board: dict, prometheus: Prometheus, file: Path) -> None:
    """Draw a dashboard."""
    places = [panel["gridPos"] for panel in board["panels"]]
    height = max(place["y"] + place["h"] for place in places)
    figure = plt.figure(figsize=(24 * COLUMN_INCHES, height * ROW_INCHES + 0.8))
    figure.suptitle(
        f"{board['title']}: drawn from a live Prometheus by dashboards/draw.py, not by "
        "Grafana",
        fontsize=10,
        y=0.995,
    )
    whole = height * ROW_INCHES + 0.8
    for panel in board["panels"]:
        place = panel["gridPos"]
        bottom = (height - place["y"] - place["h"]) * ROW_INCHES / whole
        if panel["type"] == "row":
            figure.text(
                0.01, bottom + 0.002, panel["title"], fontsize=11, weight="bold"
            )
            continue
        room = 0.05 if place["w"] > SMALLEST else 0.0
        # Names of series stand on the left of bars.
        room += 0.045 if panel["type"] in {"bargauge", "state-timeline"} else 0.0
        axes = figure.add_axes(
            (
                place["x"] / 24 + room + 0.005,
                bottom + 0.35 / whole,
                place["w"] / 24 - room - 0.025,
                (place["h"] * ROW_INCHES - 0.75) / whole,
            )
        )
        axes.set_title(panel["title"], fontsize=8, loc="left")
        if not DRAW[panel["type"]](axes, panel, prometheus):
            axes.axis("off")
            nothing = panel["fieldConfig"]["defaults"]["noValue"]
            axes.text(0.5, 0.5, nothing, ha="center", fontsize=7, wrap=True)
    figure.savefig(file, dpi=80)
    plt.close(figure)


def main() -> None:
    """Draw all dashboards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", default="http://localhost:9090")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--out", type=Path, default=FOLDER.parent / "docs/images")
    flags = parser.parse_args()
    prometheus = Prometheus(flags.prometheus, flags.minutes)
    for file in sorted(FOLDER.glob("*.json")):
        draw(json.loads(file.read_text()), prometheus, flags.out / f"{file.stem}.png")


if __name__ == "__main__":
    main()
