"""Notices that requests wait while none is in flight, and sets them going again."""

from __future__ import annotations

import asyncio

from typing import Final

import structlog

from .budget import Budget
from .telemetry import Telemetry


log: Final = structlog.get_logger(__name__)

STALL_SECONDS: Final = 30.0
"""How long requests may wait while none is in flight; a rate limit does not count."""

_CHECK_SECONDS: Final = 1.0


def is_stalled(budget: Budget) -> bool:
    """Tell whether requests wait that nothing will send."""
    return budget.stalled_seconds >= STALL_SECONDS


async def watch(budget: Budget, telemetry: Telemetry) -> None:
    """
    Give all slots anew whenever requests are stalled, until this is canceled.

    That never happens unless the exporter has a fault. It is logged and counted, and
    the exporter goes on.
    """
    while True:
        await asyncio.sleep(min(_CHECK_SECONDS, STALL_SECONDS))
        if not is_stalled(budget):
            continue
        log.error(
            "internal error: API requests wait and none is sent",
            seconds=round(budget.stalled_seconds),
            waiting=budget.waiting,
            slots_held=budget.held,
            advice="all slots are given anew; report this line",
        )
        telemetry.stalled()
        budget.reset_slots()
        # If that did not help it is not tried, and logged, every second.
        await asyncio.sleep(STALL_SECONDS)
