"""
Polls one project's pools: the list of them, and what goes with it.

What is asked for beside the list may fail, or take too long, and then costs only itself.
"""

from __future__ import annotations

import asyncio

from ...cloud.session import Session
from ...config import CollectionSettings
from ...errors import Failure
from ..base import Progress, Reading, Snapshot, Target
from ..concurrency import attempt, run_together
from ..examination import Examination
from .examination import examine_pools
from .parts import PoolParts
from .pool import NamedUsage
from .requests import POOLS, fetch_pools, fetch_usages
from .snapshot import PartialResult, PoolSnapshot


class PoolPoller:
    """Polls one project's pools."""

    operation = POOLS

    def __init__(self, target: Target, settings: CollectionSettings) -> None:
        self._labels = target.labels()
        self._settings = settings
        self._usage_has_workloads = True

    def reading(self, snapshot: Snapshot | None) -> Reading:
        """Return what becomes metrics."""
        return Reading(self._labels, snapshot)

    def reconfigure(self, settings: CollectionSettings) -> bool:
        """Use other settings from the next poll on."""
        self._settings = settings
        return True

    async def examine(self, session: Session) -> Examination:
        """Ask for each part once."""
        return await examine_pools(session, with_nodes=self._settings.pool_nodes)

    async def poll(self, session: Session, progress: Progress) -> PoolSnapshot:
        """
        Return the pools; once they are listed, `progress` holds what is known.

        Raises `CollectionError` if they could not be listed.
        """
        usages = asyncio.create_task(attempt(fetch_usages, session))
        try:
            result = PartialResult(await fetch_pools(session))
            progress.partial_result = result
            parts = PoolParts(session, result)
            with_nodes = result.pools.values() if self._settings.pool_nodes else ()
            await run_together(
                [
                    self._add_usage_and_workloads(parts, usages),
                    *(parts.add_nodes(pool) for pool in with_nodes),
                ]
            )
        finally:
            usages.cancel()
        return result.frozen(())

    async def _add_usage_and_workloads(
        self, parts: PoolParts, usages: asyncio.Task[list[NamedUsage] | Failure]
    ) -> None:
        if self._usage_has_workloads:
            await parts.add_usage(usages)
            await parts.add_workloads()
        else:
            # One does not wait for the other.
            await run_together([parts.add_usage(usages), parts.add_workloads()])
        found = parts.result.usage.values()
        if found:
            self._usage_has_workloads = any(one.workloads is not None for one in found)
