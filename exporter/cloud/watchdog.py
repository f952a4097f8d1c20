"""Detects requests that wait while none is in flight, and resets their slots."""

from __future__ import annotations

import asyncio

from typing import Final

import structlog

from ..metrics.telemetry import Telemetry
from .scheduler import RequestScheduler


log: Final = structlog.get_logger(__name__)

STALL_SECONDS: Final = 30.0
"""How long requests may wait while none is in flight; waits for a rate limit do not count."""

_CHECK_SECONDS: Final = 1.0


def is_stalled(scheduler: RequestScheduler) -> bool:
    """Return whether requests wait although none is in flight."""
    return scheduler.stalled_seconds >= STALL_SECONDS


async def watch(scheduler: RequestScheduler, telemetry: Telemetry) -> None:
    """
    Reset all slots whenever requests are stalled, until this is canceled.

    Only a bug in the exporter can cause that. It is logged and counted, and the exporter
    recovers.
    """
    while True:
        await asyncio.sleep(min(_CHECK_SECONDS, STALL_SECONDS))
        if not is_stalled(scheduler):
            continue
        log.error(
            "internal error: API requests are waiting, but none is in flight",
            seconds=round(scheduler.stalled_seconds),
            waiting=scheduler.waiting,
            slots_held=scheduler.held,
            advice="all slots are reset; report this line",
        )
        telemetry.stalled()
        scheduler.reset_slots()
        # If that did not help, do not retry and log every second.
        await asyncio.sleep(STALL_SECONDS)
