"""A request to a cloud and its response, as observers of the transport see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request, and its response if there was one."""

    cloud: str
    project: str
    operation: str
    method: str
    path: str
    """Without the query."""

    attempt: int
    """Counts from 1."""

    waited: float
    """Seconds until the request got a slot."""

    seconds: float = 0.0
    """From sending the request to the end of its response."""

    status: int | None = None
    error_code: str | None = None
    request_id: str | None = None
    problem: str | None = "canceled"
    """Why there was no usable response."""

    clock_skew: float | None = None
    """Seconds by which the API's clock is ahead of this machine's, if it sent its time."""


Observer: TypeAlias = Callable[[Exchange], None]
"""Is called after each exchange."""
