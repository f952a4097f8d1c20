"""Requests at the same time, of which the first failure ends the others."""

from __future__ import annotations

import asyncio

from collections.abc import Coroutine, Iterable
from typing import TypeVar

from ..errors import CollectionError


T = TypeVar("T")


async def run_together(coroutines: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Run them all at once; the first `CollectionError` ends the others."""
    failed: list[CollectionError] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except* CollectionError as errors:
        failed.append(_first(errors))
    # Raised within except*, it would be in a group again: Python 3.11.2 does that.
    if failed:
        try:
            raise failed[0]
        finally:
            # They hold an error that holds this frame: what was read would stay in
            # memory until the garbage collector comes by.
            del failed, group, tasks
    return [task.result() for task in tasks]


def _first(errors: BaseExceptionGroup[CollectionError]) -> CollectionError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, CollectionError):
        raise error
    return error
