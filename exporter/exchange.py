"""Requests to a cloud and their responses, for observers and for the record of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request, and its response if there was one."""

    cloud: str
    project: str
    operation: str
    method: str
    path: str
    """Without the query."""

    attempt: int
    """Counts from 1."""

    queued_at: float
    """When it began to wait for a slot, on the event loop's clock."""

    waited: float = 0.0
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


UNSENT: Final = "not sent: it waits for a slot"
"""The `problem` of a request until it gets one."""

UNANSWERED: Final = "no answer yet"
"""The `problem` of a request until its response is read."""

Observer: TypeAlias = Callable[[Exchange], None]
"""Is called after each exchange."""


@dataclass(slots=True)
class RecordedExchange:
    """An exchange of a record, as far as it has got."""

    exchange: Exchange


class RequestRecord:
    """The first requests of one run, in the order in which they were begun."""

    _MAX_REQUESTS: Final = 200

    def __init__(self) -> None:
        self._entries: list[RecordedExchange | RequestRecord] = []
        self._begun = 0

    def begin(self, exchange: Exchange) -> RecordedExchange:
        """Add a request; who sends it updates what is returned."""
        entry = RecordedExchange(exchange)
        self._begun += 1
        if len(self._entries) < self._MAX_REQUESTS:
            self._entries.append(entry)
        return entry

    def include(self, shared: RequestRecord) -> None:
        """Add the requests of `shared`, also those that are yet to come, such as a login."""
        if shared not in self._entries and len(self._entries) < self._MAX_REQUESTS:
            self._entries.append(shared)

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """The requests as they are now."""
        return list(self._exchanges())

    @property
    def omitted(self) -> int:
        """How many requests there were beyond those that are kept."""
        return self._begun - sum(
            isinstance(entry, RecordedExchange) for entry in self._entries
        )

    def _exchanges(self) -> Iterator[Exchange]:
        for entry in self._entries:
            if isinstance(entry, RecordedExchange):
                yield entry.exchange
            else:
                yield from entry.exchanges
