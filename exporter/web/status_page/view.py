"""What a reader of the status page asks for in its address: order, filters, details."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams

from ...collectors.spans import span


MIN_REFRESH: Final = 5
MAX_REFRESH: Final = 3600
_REFRESH_CHOICES: Final = (10, 30, 300)
MAX_OPEN: Final = 20
"""Projects whose details one page shows; each takes milliseconds and kilobytes."""

E = TypeVar("E", bound=StrEnum)


class Column(StrEnum):
    """A column of the table, which it can be sorted by."""

    PROJECT = "project"
    STATUS = "status"
    RUNNING = "running"
    WAITING = "waiting"
    QUOTA = "quota"
    LONGEST = "longest"
    COLLECTED = "collected"


class Show(StrEnum):
    """Which projects are shown; the last six are kinds of problems."""

    ALL = "all"
    PROBLEMS = "problems"
    COLLECTED = "collected"
    UNCOLLECTED = "uncollected"
    FAILING = "failing"
    QUOTA = "quota"
    CAPACITY = "capacity"
    WAITING = "waiting"
    RUNNING = "running"
    HEALTH = "health"


class InvalidViewError(ValueError):
    """The address asks for something that does not exist; the text says what does."""


class RefreshLink(NamedTuple):
    """A choice of how often the page refreshes."""

    link: str
    words: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """
    What is asked for; `refresh` is in seconds, None for never.

    `opened` are the names of projects with details. `is_reversed` is relative to a
    column's own order, which has first what deserves attention first.
    """

    sort: Column = Column.STATUS
    is_reversed: bool = False
    query: str = ""
    show: Show = Show.ALL
    refresh: int | None = None
    opened: tuple[str, ...] = ()

    def link(self) -> str:
        """Return the relative address of this view; it works below any path."""
        return "?" + urlencode(self.parameters(), quote_via=quote)

    def parameters(self) -> Sequence[tuple[str, str]]:
        """Return the address's parameters, without those that have their default."""
        sort = f"-{self.sort}" if self.is_reversed else self.sort.value
        single = (
            ("q", self.query, ""),
            ("show", self.show.value, Show.ALL.value),
            ("sort", sort, Column.STATUS.value),
            ("refresh", str(self.refresh or ""), ""),
        )
        return [
            *((name, value) for name, value, default in single if value != default),
            *(("project", name) for name in self.opened),
        ]

    def sorted_by(self, column: Column) -> View:
        """Return this view sorted by a column, or the other way round if it is."""
        is_reversed = column is self.sort and not self.is_reversed
        return replace(self, sort=column, is_reversed=is_reversed)

    def is_descending(self, column: Column) -> bool:
        """Return whether large numbers come first, or what is worst."""
        return (column is Column.PROJECT) is self.is_reversed

    def showing(self, show: Show) -> View:
        """Return this view with other projects."""
        return replace(self, show=show)

    def refresh_links(self) -> Sequence[RefreshLink]:
        """Return the choices of an interval, with the one that is in use."""
        choices = {None, *_REFRESH_CHOICES, self.refresh}
        return [
            RefreshLink(
                replace(self, refresh=seconds).link(),
                span(seconds) if seconds else "off",
                seconds == self.refresh,
            )
            for seconds in sorted(choices, key=lambda seconds: seconds or 0)
        ]

    def opening(self, names: Sequence[str]) -> View:
        """Return this view with details of exactly those projects."""
        return replace(self, opened=tuple(names))

    def closing(self, name: str) -> View:
        """Return this view without the details of a project."""
        return self.opening([other for other in self.opened if other != name])

    def link_to_one_more(self) -> str:
        """Return the address of a view with one more project's details, but its name."""
        return f"{self.link()}{'&' if self.parameters() else ''}project="


def view_of(parameters: QueryParams) -> View:
    """Return what the address asks for; raises `InvalidViewError`."""
    sort = parameters.get("sort", Column.STATUS)
    return View(
        sort=_member("sort", sort.removeprefix("-"), Column),
        is_reversed=sort.startswith("-"),
        query=" ".join(parameters.get("q", "").split()),
        show=_member("show", parameters.get("show", Show.ALL), Show),
        refresh=_refresh(parameters.get("refresh", "")),
        opened=tuple(dict.fromkeys(parameters.getlist("project")))[-MAX_OPEN:],
    )


def _member(name: str, text: str, members: type[E]) -> E:
    if text not in list(members):
        raise InvalidViewError(f"{name} is one of: {', '.join(members)}.")
    return members(text)


def _refresh(text: str) -> int | None:
    if not text:
        return None
    is_number = (
        text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_REFRESH))
    )
    if not is_number or not MIN_REFRESH <= int(text) <= MAX_REFRESH:
        raise InvalidViewError(
            f"refresh is a number of seconds from {MIN_REFRESH} to {MAX_REFRESH}."
        )
    return int(text)
