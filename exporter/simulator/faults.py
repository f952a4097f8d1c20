"""Faults to inject: what goes wrong, where, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import msgspec


class Effect(StrEnum):
    """What goes wrong with a response."""

    STATUS = "status"
    """Only the status, `Fault.status`, with `Fault.code` if that is given."""

    ECHO = "echo"
    """An error that repeats what was signed, as gateways do: key, token, all headers."""

    HTML = "html"
    """An HTML page, with `Fault.status`."""

    TRUNCATED = "truncated"
    """The right response, truncated."""

    NOT_SUCCESSFUL = "not_successful"
    """HTTP 200 and `is_success: false`."""

    HANG = "hang"
    """No response, ever."""

    DELAY = "delay"
    """The right response, delayed by `Fault.seconds`."""

    RESET = "reset"
    """The connection breaks before the response."""

    BREAK = "break"
    """The connection breaks within the response."""

    ENDLESS = "endless"
    """Every page is full, with different jobs."""

    REPEATING = "repeating"
    """Every page is full, with the same jobs."""

    REDIRECT = "redirect"
    """A redirect to another host."""

    OVERSIZED = "oversized"
    """A response that is far too long."""

    BOMB = "bomb"
    """A response that is far too long once decompressed."""

    GZIP = "gzip"
    """The right response, compressed."""

    COOKIE = "cookie"
    """The right response, with a cookie."""

    FIELDS = "fields"
    """The right response, with `Fault.fields` replaced and `Fault.without` removed."""


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """
    A fault, with the requests that it applies to (by default all) and how often.

    `api` is a value of the exporter's label `api`, `query` a part of the query string or
    of a search's body. `times` is counted down, `met` counts the affected requests.
    `fields` replaces fields of a response at any depth; values are JSON texts, which need
    not be valid.
    """

    effect: Effect
    project_id: str | None = None
    api: str | None = None
    query: str | None = None
    from_page: int = 1
    times: int | None = None
    status: int = 500
    code: str | None = None
    retry_after: str | None = None
    seconds: float = 1.0
    fields: dict[str, str] = {}
    without: list[str] = []
    met: int = 0

    def concerns(self, project_id: str | None, api: str, page: int, query: str) -> bool:
        """Return whether the fault applies to a request."""
        return (
            self.times != 0
            and self.project_id in {None, project_id}
            and self.api in {None, api}
            and (self.query is None or self.query in query)
            and page >= self.from_page
        )


class Faults:
    """The active faults; the first that applies takes effect."""

    def __init__(self) -> None:
        self.active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Activate a fault."""
        self.active.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        self.active.clear()

    @contextmanager
    def on(self, *faults: Fault) -> Iterator[None]:
        """Activate faults for the length of a `with` block."""
        self.active += faults
        try:
            yield
        finally:
            for fault in faults:
                self.active.remove(fault)

    def take(
        self, project_id: str | None, api: str, page: int, query: str
    ) -> Fault | None:
        """Return the fault that applies to a request, if any, and count it."""
        for fault in self.active:
            if fault.concerns(project_id, api, page, query):
                fault.met += 1
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
