"""Clients for commands: a request that is not answered soon has failed."""

from __future__ import annotations

import time

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from ..clock import Clock
from ..cloud.client import CloudClient
from ..cloud.response_memory import ResponseMemory
from ..cloud.scheduler import RequestScheduler
from ..collectors.base import Target
from ..collectors.examination import Examination
from ..config import CollectionSettings, Configuration
from ..deadline import Deadline
from ..exchange import Observer
from ..metrics.telemetry import Telemetry


STEP_SECONDS: Final = 10.0
"""After which a request without a response has failed, and is not repeated."""


@asynccontextmanager
async def open_clients(
    configuration: Configuration,
    clock: Clock = time.time,
    observers: Sequence[Observer] = (),
) -> AsyncIterator[Mapping[str, CloudClient]]:
    """Yield a client for each cloud, by name, which waits no longer than a step."""
    scheduler = RequestScheduler(configuration.collection.max_concurrent_requests)
    telemetry, memory = Telemetry(), ResponseMemory()
    clients = {
        cloud.name: CloudClient(
            cloud,
            scheduler,
            telemetry,
            memory,
            clock=clock,
            observers=observers,
            read_seconds=STEP_SECONDS,
        )
        for cloud in configuration.clouds
    }
    try:
        yield clients
    finally:
        for client in clients.values():
            await client.aclose()


async def examine(
    target: Target, client: CloudClient, settings: CollectionSettings
) -> Examination:
    """Ask each API of a target once."""
    poller = target.product.open(target, settings)
    # The deadline is that of retries.
    return await poller.examine(client.session(target.project, Deadline(STEP_SECONDS)))
