"""
An hour of the demo's metrics within seconds: the clock is advanced by hand.

What goes wrong in it is chosen so that every panel has something to show.
"""

from __future__ import annotations

import time

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from exporter.app import open_exporter
from exporter.config import Configuration
from exporter.demo import demo_configuration
from exporter.metrics.exposition import Format
from exporter.simulator import (
    Effect,
    Fault,
    ManualClock,
    SimulatedCloud,
    demo_cloud,
    serve,
)
from exporter.web.scraping import ResponseFormat


STEP: Final = 15.0
"""Seconds between scrapes."""

_TIMEOUT: Final = 10.0
_TEXT: Final = ResponseFormat(Format.TEXT, zipped=False)
_CANNOT_BE_READ: Final = "ranking"
_THROTTLED: Final = "vision"


@dataclass(frozen=True, slots=True)
class Scrape:
    """What the exporter answered, when, and how long that took."""

    moment: float
    seconds: float
    lines: Sequence[str]


async def scrapes(start: float, end: float) -> AsyncIterator[Scrape]:
    """
    Yield scrapes of the demo between two moments.

    One project is throttled for a while, and in the last quarter one may not be read.
    """
    clock = ManualClock(start)
    cloud = demo_cloud(clock)
    async with serve(cloud) as url:
        load = partial(_configuration, cloud, url)
        async with open_exporter(load, clock=clock.now) as exporter:
            while clock.now() <= end:
                cloud.date_ahead = clock.now() - time.time()
                _set_faults(cloud, (clock.now() - start) / (end - start))
                began = time.monotonic()
                body = await exporter.metrics(_TIMEOUT, _TEXT)
                seconds = time.monotonic() - began
                lines = [one for one in body.decode().splitlines() if one[0] != "#"]
                yield Scrape(clock.now(), seconds, lines)
                clock.advance(STEP)


def _configuration(cloud: SimulatedCloud, url: str) -> Configuration:
    """Return the demo's, with tokens alone: signatures are of the real time."""
    demo = demo_configuration(cloud, url)
    by_password = demo.clouds[0]
    projects = tuple(replace(project, cloud=by_password) for project in demo.projects)
    return replace(demo, clouds=(by_password,), projects=projects)


def _set_faults(cloud: SimulatedCloud, share: float) -> None:
    ids = {project.name: project.project_id for project in cloud.projects}
    cloud.faults.clear()
    if 0.4 < share < 0.5:  # noqa: PLR2004
        throttled = Fault(
            effect=Effect.STATUS, status=429, project_id=ids[_THROTTLED], times=2
        )
        cloud.faults.add(throttled)
    if share > 0.75:  # noqa: PLR2004
        refused = Fault(
            effect=Effect.STATUS,
            status=403,
            code="ModelArts.0103",
            project_id=ids[_CANNOT_BE_READ],
            api="training_jobs",
        )
        cloud.faults.add(refused)
