"""Asks for each part of a project's pools once, for the command `check`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from functools import partial

from ...cloud.session import Session
from ...errors import CollectionError, Failure
from ..concurrency import attempt
from ..examination import Examination, MissingPart, briefly
from .pool import Pool
from .requests import (
    fetch_nodes,
    fetch_oldest_queued,
    fetch_pools,
    fetch_usages,
    fetch_workloads,
)


async def examine_pools(session: Session, *, with_nodes: bool) -> Examination:
    """Return the number of pools, and what cannot be asked for of the first of them."""
    try:
        pools = await fetch_pools(briefly(session))
    except CollectionError as error:
        return Examination(failure=error.failure)
    missing = []
    for name, ask in _parts(session, list(pools.values()), with_nodes=with_nodes):
        found = await attempt(ask)
        if isinstance(found, Failure):
            missing.append(MissingPart(name, found))
    return Examination(number=len(pools), missing=tuple(missing))


def _parts(
    session: Session, pools: list[Pool], *, with_nodes: bool
) -> Iterator[tuple[str, Callable[[], Coroutine[None, None, object]]]]:
    yield "usage of pools", partial(fetch_usages, briefly(session))
    for pool in pools[:1]:
        yield "workloads of pools", partial(fetch_workloads, briefly(session), pool)
        yield "queue of pools", partial(fetch_oldest_queued, briefly(session), pool)
        if with_nodes:
            yield "nodes of pools", partial(fetch_nodes, briefly(session), pool)
