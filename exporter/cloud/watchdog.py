"""Notices that requests wait while none is in flight, and sets them going again."""

from __future__ import annotations

import asyncio

from typing import Final

import structlog

from ..metrics.telemetry import Telemetry
from .scheduler import RequestScheduler


log: Final = structlog.get_logger(__name__)

STALL_SECONDS: Final = 30.0
"""How long requests may wait while none is in flight; a rate limit does not count."""

_CHECK_SECONDS: Final = 1.0


def is_stalled(scheduler: RequestScheduler) -> bool:
    """Return whether requests wait that nothing will send."""
    return scheduler.stalled_seconds >= STALL_SECONDS


async def watch(scheduler: RequestScheduler, telemetry: Telemetry) -> None:
    """
    Give all slots anew whenever requests are stalled, until this is canceled.

    That never happens unless the exporter has a fault. It is logged and counted, and
    the exporter goes on.
    """
    while True:
        await asyncio.sleep(min(_CHECK_SECONDS, STALL_SECONDS))
        if not is_stalled(scheduler):
            continue
        log.error(
            "internal error: API requests wait and none is sent",
            seconds=round(scheduler.stalled_seconds),
            waiting=scheduler.waiting,
            slots_held=scheduler.held,
            advice="all slots are given anew; report this line",
        )
        telemetry.stalled()
        scheduler.reset_slots()
        # If that did not help it is not tried, and logged, every second.
        await asyncio.sleep(STALL_SECONDS)
