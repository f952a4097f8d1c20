"""Runs requests concurrently: failing together, or each by itself."""

from __future__ import annotations

import asyncio

from collections.abc import Callable, Coroutine, Iterable
from typing import ParamSpec, TypeVar

from ..errors import CollectionError, Failure


P = ParamSpec("P")
T = TypeVar("T")


async def run_together(coroutines: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Run all concurrently; the first `CollectionError` cancels the others and is raised."""
    failed: list[CollectionError] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except* CollectionError as errors:
        failed.append(_first(errors))
    # Not within except*: Python 3.11.2 would wrap it in a group again.
    if failed:
        try:
            raise failed[0]
        finally:
            # They form a reference cycle with this frame, which would keep responses in
            # memory until the next garbage collection.
            del failed, group, tasks
    return [task.result() for task in tasks]


async def attempt(
    ask: Callable[P, Coroutine[None, None, T]], *args: P.args, **kwargs: P.kwargs
) -> T | Failure:
    """
    Return what `ask` returns with these arguments, or why it failed.

    Canceled before it starts, it leaves no coroutine that nobody awaits.
    """
    try:
        return await ask(*args, **kwargs)
    except CollectionError as error:
        return error.failure


def _first(errors: BaseExceptionGroup[CollectionError]) -> CollectionError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, CollectionError):
        raise error
    return error
