"""
An hour of the demo's metrics within seconds, on a clock that is advanced by hand.

Its faults are chosen so that every panel has something to show.
"""

from __future__ import annotations

import time
import zlib

from collections.abc import AsyncIterator
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
    ScheduledEvent,
    SimulatedCloud,
    SimulatedProject,
    demo_cloud,
    serve,
)
from exporter.web.scraping import ResponseFormat


STEP: Final = 15.0
"""Seconds between scrapes."""

_TIMEOUT: Final = 10.0
_TEXT: Final = ResponseFormat(Format.TEXT, zipped=False)
_THROTTLED: Final = Fault(effect=Effect.STATUS, status=429, times=2)
_DENIED: Final = Fault(
    effect=Effect.STATUS, status=403, code="ModelArts.0103", api="training_jobs"
)
_NOT_OFFERED: Final = Fault(
    effect=Effect.STATUS, status=404, code="APIG.0101", api="visualization_jobs"
)


@dataclass(frozen=True, slots=True)
class Scrape:
    """The exporter's answer, with its time and duration."""

    moment: float
    seconds: float
    body: bytes
    """Compressed, since otherwise the process would use more and more memory."""

    def samples(self) -> list[str]:
        """Return the lines that are not comments."""
        lines = zlib.decompress(self.body).decode().splitlines()
        return [line for line in lines if not line.startswith("#")]


async def scrapes(start: float, end: float) -> AsyncIterator[Scrape]:
    """Yield scrapes of the demo between two points in time."""
    clock = ManualClock(start)
    cloud = demo_cloud(clock)
    projects = {project.name: project for project in cloud.projects}
    _grow(projects["speech"])
    _announce_maintenance(projects["vision"], end)
    async with serve(cloud) as url:
        load = partial(_configuration, cloud, url)
        async with open_exporter(load, clock=clock.now) as exporter:
            while clock.now() <= end:
                cloud.date_ahead = clock.now() - time.time()
                _set_faults(cloud, projects, (clock.now() - start) / (end - start))
                began = time.monotonic()
                body = await exporter.metrics(_TIMEOUT, _TEXT)
                seconds = time.monotonic() - began
                yield Scrape(clock.now(), seconds, zlib.compress(body))
                clock.advance(STEP)


def _configuration(cloud: SimulatedCloud, url: str) -> Configuration:
    """Return the demo's configuration, with tokens only: signatures need real time."""
    demo = demo_configuration(cloud, url)
    by_password = demo.clouds[0]
    projects = tuple(replace(project, cloud=by_password) for project in demo.projects)
    return replace(demo, clouds=(by_password,), projects=projects)


def _grow(project: SimulatedProject) -> None:
    """Stop the deletion of jobs, so that the quota will be used up."""
    if (stream := project.training.stream) is not None:
        project.training.stream = replace(stream, keep=None)


def _announce_maintenance(project: SimulatedProject, end: float) -> None:
    pool = project.pools.pools[0].pool_id
    event = ScheduledEvent(state="inquiring", pool=pool, not_before=end + 86_400)
    project.scheduled_events.plan = lambda _: [event]


def _set_faults(
    cloud: SimulatedCloud, projects: dict[str, SimulatedProject], share: float
) -> None:
    """Throttle a project for a while, and deny another in the last quarter."""
    cloud.faults.clear()
    faults = {"sandbox": _NOT_OFFERED}
    if 0.4 < share < 0.5:
        faults["vision"] = _THROTTLED
    if share > 0.75:
        faults["ranking"] = _DENIED
    for name, fault in faults.items():
        cloud.faults.add(
            Fault(
                effect=fault.effect,
                status=fault.status,
                code=fault.code,
                api=fault.api,
                times=fault.times,
                project_id=projects[name].project_id,
            )
        )
