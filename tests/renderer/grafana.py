"""Sends the queries of a dashboard as Grafana does: variables, steps, rate windows."""

from __future__ import annotations

import asyncio
import re

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx


_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NICE_STEPS: Final = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600)
_DEFAULT_SCRAPE_INTERVAL: Final = "15s"
"""The default of a data source."""


@dataclass(frozen=True, slots=True)
class View:
    """The view of a dashboard: time range, width, and values of variables."""

    start: float
    end: float
    width: int = 1400
    chosen: Mapping[str, Sequence[str]] | None = None
    scrape_interval: str = _DEFAULT_SCRAPE_INTERVAL
    """The one that is set in the data source."""


class PrometheusClient:
    """Sends queries to a Prometheus, up to eight at a time."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._slots = asyncio.Semaphore(8)

    async def ask(self, path: str, **parameters: str | float) -> dict:
        """Return the answer, with `data` or Prometheus's `error`."""
        async with self._slots:
            answer = await self._client.post(f"/api/v1/{path}", data=parameters)
        return answer.json()

    async def values(self, selector: str, label: str, view: View) -> list[str]:
        """Return a label's values in series within the view's time range."""
        times = {"start": view.start, "end": view.end}
        answer = await self.ask("series", **{"match[]": selector}, **times)
        return sorted({one[label] for one in answer["data"] if one.get(label)})


async def answers(board: dict, view: View, prometheus: PrometheusClient) -> list[dict]:
    """Return each panel of a dashboard, rows included, with answers to its queries."""
    values = await _variables(board, view, prometheus)
    panels = [
        {
            "panel": _titled(panel, values),
            "answers": _queries(panel, view, values, prometheus),
        }
        for panel in board["panels"]
    ]
    return [{**one, "answers": await asyncio.gather(*one["answers"])} for one in panels]


async def _variables(
    board: dict, view: View, prometheus: PrometheusClient
) -> dict[str, list[str]]:
    """Return the values of each variable; All may have a value of its own."""
    values: dict[str, list[str]] = {}
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        query = _with_variables(variable["query"]["query"], values)
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
        if found is None:
            message = f"not read: {query}"
            raise ValueError(message)
        chosen = (view.chosen or {}).get(variable["name"])
        if chosen is None:
            options = await prometheus.values(found[1], found[2], view)
            if not variable.get("includeAll"):
                chosen = options[:1]
            elif variable.get("allValue"):
                chosen = [variable["allValue"]]
            else:
                chosen = options
        values[variable["name"]] = list(chosen)
    return values


def _titled(panel: dict, values: Mapping[str, Sequence[str]]) -> dict:
    return {**panel, "title": _with_variables(panel["title"], values)}


def _queries(
    panel: dict,
    view: View,
    values: Mapping[str, Sequence[str]],
    prometheus: PrometheusClient,
) -> list:
    return [
        _answer(panel, target, view, values, prometheus)
        for target in panel.get("targets", [])
        if not target.get("hide")
    ]


async def _answer(
    panel: dict,
    target: dict,
    view: View,
    values: Mapping[str, Sequence[str]],
    prometheus: PrometheusClient,
) -> dict:
    interval = step_of(panel, target, view)
    scrape = seconds(target.get("interval") or view.scrape_interval)
    words = {
        "__rate_interval": [f"{round(max(interval + scrape, 4 * scrape))}s"],
        "__interval": [f"{round(interval)}s"],
        "__interval_ms": [f"{round(interval * 1000)}"],
        "__range": [f"{round(view.end - view.start)}s"],
    }
    query = _with_variables(target["expr"], {**values, **words})
    if target.get("instant"):
        answer = await prometheus.ask("query", query=query, time=view.end)
    else:
        # Grafana aligns ranges with the step.
        start, end = (t // interval * interval for t in (view.start, view.end))
        answer = await prometheus.ask(
            "query_range", query=query, start=start, end=end, step=interval
        )
    query_details = {"target": target, "step": interval, "query": query}
    if answer["status"] != "success":
        return {**query_details, "series": [], "error": f"{answer['error']}: {query}"}
    series = answer["data"]["result"]
    for one in series:
        one["name"] = _legend(target["legendFormat"], one["metric"])
    return {**query_details, "series": series}


def step_of(panel: dict, target: dict, view: View) -> float:
    """Return the seconds between points, which is at least the minimum."""
    points = panel.get("maxDataPoints") or view.width * panel["gridPos"]["w"] / 24
    wanted = (view.end - view.start) / points
    nice = next((step for step in _NICE_STEPS if step >= wanted), _NICE_STEPS[-1])
    minimum = target.get("interval") or panel.get("interval") or view.scrape_interval
    return max(nice, seconds(minimum))


def seconds(duration: str) -> float:
    """Return the seconds of a duration such as `15s` or `1m`."""
    return float(duration[:-1]) * _UNITS[duration[-1]]


def _with_variables(text: str, values: Mapping[str, Sequence[str]]) -> str:
    """Return a query with variables replaced; several values become a regex."""

    def value(found: re.Match[str]) -> str:
        several = values[found[1] or found[2]]
        return several[0] if len(several) == 1 else f"({'|'.join(several)})"

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, text)


def _legend(pattern: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), pattern)
