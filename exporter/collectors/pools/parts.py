"""Asks for what goes beside the list of pools: each part may fail by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TypeVar

from ...cloud.session import Session
from ...errors import Failure
from ..concurrency import attempt, run_together
from ..phases import Phase
from .answers import matched
from .pool import NamedUsage, Pool, number_queued
from .requests import fetch_nodes, fetch_oldest_queued, fetch_workloads
from .snapshot import PartialResult


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PoolParts:
    """Adds to a result what is asked for in a session."""

    session: Session
    result: PartialResult

    async def add_usage(self, asked: Awaitable[list[NamedUsage] | Failure]) -> None:
        """Add the usage of all pools, and their workloads where it has them."""
        found = self._noted("usage", await asked)
        if found is None:
            return
        result = self.result
        result.usage |= matched(found, result.pools)
        for pool_id, usage in result.usage.items():
            if usage.workloads is not None:
                result.workloads.setdefault(pool_id, usage.workloads)

    async def add_workloads(self) -> None:
        """Add the workloads that are not known, and how long the queued ones wait."""
        # A pool that is being created has none.
        await run_together(
            self._add_workloads(pool)
            for pool in self.result.pools.values()
            if pool.status.phase is not Phase.PENDING
        )

    async def _add_workloads(self, pool: Pool) -> None:
        workloads = self.result.workloads.get(pool.pool_id)
        if workloads is None:
            workloads = await self._ask("workloads", fetch_workloads, pool)
            if workloads is None:
                return
            self.result.workloads[pool.pool_id] = workloads
        if not number_queued(workloads):
            return
        oldest = await self._ask("queue", fetch_oldest_queued, pool)
        if oldest is not None:
            self.result.oldest_queued[pool.pool_id] = oldest

    async def add_nodes(self, pool: Pool) -> None:
        """Add the use of a pool's nodes."""
        found = await self._ask("nodes", fetch_nodes, pool)
        if found is not None:
            self.result.nodes[pool.pool_id] = found

    async def _ask(
        self,
        part: str,
        fetch: Callable[[Session, Pool], Coroutine[None, None, T | None]],
        pool: Pool,
    ) -> T | None:
        return self._noted(part, await attempt(fetch, self.session, pool))

    def _noted(self, part: str, found: T | Failure) -> T | None:
        if isinstance(found, Failure):
            self.result.failures.setdefault(part, found)
            return None
        return found
