"""Faults that can be switched on: what goes wrong, where, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import msgspec


class Effect(StrEnum):
    """What goes wrong with an answer."""

    STATUS = "status"
    """Only the status, `Fault.status`, with `Fault.code` if that is given."""

    HTML = "html"
    """A page for people, with `Fault.status`."""

    TRUNCATED = "truncated"
    """The right answer, cut off in the middle."""

    NOT_SUCCESSFUL = "not_successful"
    """HTTP 200 and `is_success: false`."""

    HANG = "hang"
    """No answer, ever."""

    DELAY = "delay"
    """The right answer, `Fault.seconds` late."""

    RESET = "reset"
    """The connection breaks before the answer."""

    BREAK = "break"
    """The connection breaks in the middle of the answer."""

    ENDLESS = "endless"
    """Every page is full, with other jobs each."""

    REPEATING = "repeating"
    """Every page is full, with the same jobs."""

    REDIRECT = "redirect"
    """To another host."""

    OVERSIZED = "oversized"
    """An answer that is far too long."""

    BOMB = "bomb"
    """An answer that is far too long once it is decompressed."""

    GZIP = "gzip"
    """The right answer, compressed."""

    COOKIE = "cookie"
    """The right answer, with a cookie."""

    FIELDS = "fields"
    """The right answer, with what `Fault.fields` says, and without `Fault.without`."""


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """
    A fault, where it applies (everywhere, if nothing is said) and how often.

    `api` is as the exporter's label `api` spells it, `query` a part of the query or of
    a search's body. `times` is counted down, and
    `met` counts the requests that met the fault. `fields` gives fields of an answer other
    values, wherever they are: as JSON, which need not be valid, in a text.
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
    """All faults that are switched on; the first that applies takes effect."""

    def __init__(self) -> None:
        self.active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch a fault on."""
        self.active.append(fault)

    def clear(self) -> None:
        """Switch all faults off."""
        self.active.clear()

    @contextmanager
    def on(self, *faults: Fault) -> Iterator[None]:
        """Switch faults on for the length of a `with` block."""
        self.active += faults
        try:
            yield
        finally:
            for fault in faults:
                self.active.remove(fault)

    def take(
        self, project_id: str | None, api: str, page: int, query: str
    ) -> Fault | None:
        """Return the fault that a request meets, if there is one."""
        for fault in self.active:
            if fault.concerns(project_id, api, page, query):
                fault.met += 1
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
