"""What a product of the simulated cloud is: paths, and functions that answer calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.datastructures import QueryParams

from .access import Access
from .dialect import Dialect
from .replies import Reply


State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that has been authenticated; `path` are the parameters in its path."""

    access: Access
    path: Mapping[str, str]
    query: QueryParams
    body: bytes
    now: float
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[State]):
    """A path, the name that the record and faults use, and what answers from a state."""

    api: str
    path: str
    answer: Callable[[State, Call], Reply]
    method: str = "GET"
