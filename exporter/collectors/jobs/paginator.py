"""Gives the pages of a project's job lists, of a size that the API accepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ...cloud.error_codes import rejects_parameter
from ...cloud.session import Session
from ...errors import Failure
from .api import JobsApi, Query
from .finished_rows import FinishedRows
from .pages import Page
from .snapshot import Snapshot


SMALL_PAGE: Final = 100
"""The page size that every deployment accepts."""


def may_accept_small_pages(size: int, failure: Failure) -> bool:
    """Return whether pages of `size` jobs may have failed for that size alone."""
    return size > SMALL_PAGE and rejects_parameter(failure)


@dataclass(slots=True)
class PagingHints:
    """What a collection learns for the next: page size, pages, finished jobs on them."""

    page_size: int
    pages: dict[Query, int] = field(default_factory=dict)
    finished: dict[int, FinishedRows] = field(default_factory=dict)
    """The finished jobs that the pages of all jobs begin with, by page."""


@dataclass(frozen=True, slots=True)
class Paginator:
    """What a collection reads jobs with: pages, and snapshots to count them in."""

    session: Session
    api: JobsApi
    hints: PagingHints
    new_snapshot: Callable[[], Snapshot]
    since: int | None = None
    """
    The creation time from which on finished jobs may be completions, in milliseconds.

    None before the first collection, when any may be.
    """

    def pages(self, query: Query, size: int | None = None) -> QueryPages:
        """Return the pages of `query`; by default, as large as the API accepts."""
        return QueryPages(self, query, size or self.hints.page_size)


@dataclass(frozen=True, slots=True)
class QueryPages:
    """The pages of one query, `size` jobs each even if the hints change."""

    paginator: Paginator
    query: Query
    size: int

    async def read(self, number: int, known: FinishedRows | None = None) -> Page:
        """
        Return page `number`, from 1, which may begin with `known`.

        Raises `CollectionError`.
        """
        paginator = self.paginator
        return await paginator.api.page(
            paginator.session, self.query, number, self.size, known
        )

    def new_content(self) -> Snapshot:
        """Return a snapshot without jobs."""
        return self.paginator.new_snapshot()

    def add(self, content: Snapshot, page: Page, positions: Sequence[int]) -> None:
        """Add the jobs at `positions` of `page`. Raises `CollectionError`."""
        rows = page.rows
        if len(positions) < len(rows):
            rows = [rows[position] for position in positions]
        content.add(page, rows)
