"""Project discovery on a simulated cloud, without an exporter."""

from __future__ import annotations

import asyncio
import contextlib
import time

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from harness import configuration, simulated

from exporter.cloud.client import CloudClient
from exporter.cloud.response_memory import ResponseMemory
from exporter.cloud.scheduler import RequestScheduler
from exporter.collection.discovery.project_discovery import ProjectDiscovery
from exporter.collection.discovery.selection import Selection
from exporter.config import Configuration, Discovery
from exporter.metrics.telemetry import Telemetry
from exporter.simulator import (
    DEMO_KEY,
    Key,
    SimulatedCloud,
    other_projects,
    serve,
)


REGION = ("eu-de", "eu-de_vision", "eu-de_speech", "eu-de_sandbox")


CONFIGURATION = """\
clouds:
  otc:
    region: eu-de
    iam_url: {url}
    modelarts_url: {url}
    auth: {{access_key: {{access_key: DEMOACCESSKEY, secret_key: demo-secret-key}}}}
    discovery:
      max_projects: 600
      defaults: {{collectors: [visualization_jobs]}}
"""
"""The configuration of an exporter that discovers the projects of an account."""


def account_of(projects):
    """Return a cloud with these projects, which the key of `CONFIGURATION` can list."""
    cloud = SimulatedCloud(projects)
    cloud.identity.keys.append(Key(DEMO_KEY.access_key, DEMO_KEY.secret_key))
    return cloud


class Pauses:
    """The pauses between refreshes, which last until the test ends them."""

    def __init__(self):
        self._started = asyncio.Queue()
        self._end = asyncio.Event()

    async def __call__(self, wake, seconds):
        """Wait until the test or the exporter ends the pause."""
        self._started.put_nowait(seconds)
        self._end.clear()
        waits = [asyncio.create_task(event.wait()) for event in (wake, self._end)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def started(self):
        """Wait until a refresh has ended; return the length of the pause after it."""
        return await self._started.get()

    def end(self):
        """End the pause."""
        self._end.set()


@dataclass
class Discovering:
    """A running discovery, and the selections that it reported."""

    cloud: SimulatedCloud
    configuration: Configuration
    client: CloudClient
    pauses: Pauses
    discovery: ProjectDiscovery = field(init=False)
    reported: list[Selection] = field(default_factory=list)
    report: Callable[[Selection], None] = field(init=False)

    def __post_init__(self):
        self.report = self.reported.append

    @property
    def names(self) -> list[str]:
        """The names of the selected projects."""
        return [project.name for project in self.discovery.selection.projects]

    @property
    def status(self):
        """The status of the last list."""
        return self.discovery.statuses["otc"]

    async def again(self):
        """List the projects again, and wait until that has ended."""
        self.pauses.end()
        return await self.pauses.started()


def account() -> SimulatedCloud:
    """Return a cloud with a region's projects, and others of the account."""
    cloud = simulated(*REGION)
    cloud.project_lists.others = [
        other for other in other_projects() if other.name != "eu-de"
    ]
    return cloud


@contextlib.asynccontextmanager
async def discovering(cloud, auth=None, change=None, **discovery):
    """Run a discovery on `cloud`, whose first list has ended."""
    async with serve(cloud) as url:
        configured = configuration(cloud, url, auth)
        configured = replace(
            configured,
            clouds=(replace(configured.clouds[0], discovery=Discovery(**discovery)),),
            projects=(),
        )
        if change is not None:
            configured = change(configured)
        (only,) = configured.clouds
        client = CloudClient(
            only, RequestScheduler(8), Telemetry(), ResponseMemory(), clock=time.time
        )
        found = Discovering(cloud, configured, client, Pauses())

        def report(selection):
            found.report(selection)

        found.discovery = ProjectDiscovery(
            configured,
            lambda _: client,
            report,
            clock=time.time,
            pause=found.pauses,
        )
        try:
            async with asyncio.timeout(30):
                await found.pauses.started()
                yield found
        finally:
            await found.discovery.aclose()
            await client.aclose()
