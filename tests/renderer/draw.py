"""
Draws pictures of the dashboards, as Grafana shows an hour of the demo.

With --prometheus, they show everything in a live Prometheus instead.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx

from exporter.logs import LogFormat, LogLevel, configure

from . import browser, grafana
from .history import scrapes
from .prometheus import Target, running


ROOT: Final = Path(__file__).parent.parent.parent
_WIDTH: Final = 1040
_CHOSEN: Final = {"modelarts-project": {"project": ["vision"]}}
_SHORT: Final = "modelarts-fleet"
"""This dashboard also has a picture that ends above a row."""

_UNTIL: Final = "Quotas"
_SCALE: Final = 1.5
"""Keeps text sharp where a page shows pictures smaller than they are."""


async def draw(url: str, view: grafana.View, folder: Path, *, is_demo: bool) -> None:
    """Draw all dashboards into a folder."""
    async with (
        httpx.AsyncClient(base_url=url, timeout=60) as client,
        browser.drawing(view.width, _SCALE) as page,
    ):
        prometheus = grafana.PrometheusClient(client)
        for file in sorted((ROOT / "dashboards").glob("*.json")):
            board = json.loads(file.read_text())
            chosen = _CHOSEN.get(board["uid"]) if is_demo else None
            panels = await grafana.answers(
                board, replace(view, chosen=chosen), prometheus
            )
            await browser.draw(page, panels, view.start, view.end)
            await page.screenshot(path=folder / f"{file.stem}.png", full_page=True)
            if file.stem == _SHORT:
                clip = {"x": 0, "y": 0, "width": page.viewport_size["width"]}
                clip["height"] = await browser.top_of_row(page, _UNTIL)
                picture = folder / f"{file.stem}-top.png"
                await page.screenshot(path=picture, full_page=True, clip=clip)


@contextmanager
def _demo(minutes: float) -> Iterator[tuple[str, float]]:
    """Run a Prometheus that has scraped the demo; yields its URL and its last time."""

    async def history() -> list:
        end = time.time()
        return [one async for one in scrapes(end - 60 * minutes, end)]

    with tempfile.TemporaryDirectory() as folder:
        collected = asyncio.run(history())
        with running(Path(folder) / "data", collected, Target()) as url:
            yield url, collected[-1].moment


@contextmanager
def _live(url: str) -> Iterator[tuple[str, float]]:
    yield url, time.time()


def main() -> None:
    """Draw all dashboards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", metavar="URL")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images")
    flags = parser.parse_args()
    configure(LogLevel.ERROR, LogFormat.LOGFMT, sys.stderr)
    browser.bundle()
    source = _live(flags.prometheus) if flags.prometheus else _demo(flags.minutes)
    with source as (url, end):
        view = grafana.View(end - 60 * flags.minutes, end, _WIDTH)
        asyncio.run(draw(url, view, flags.out, is_demo=not flags.prometheus))


if __name__ == "__main__":
    main()
