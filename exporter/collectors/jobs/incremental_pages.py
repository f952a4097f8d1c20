"""
Pages of which only what may have changed is decoded and counted.

The finished jobs that a page begins with are counted once, and are known from then on,
until their bytes change. Nothing is assumed about them: a collection that looks for
completions among them decodes them again, and so does one that counts only some.
"""

from __future__ import annotations

import math

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

from ..numbers import to_millis
from .finished_rows import FinishedRows, remember
from .pages import Page
from .paginator import QueryPages
from .rows import Row
from .snapshot import Snapshot


_WORTHWHILE: Final = 0.1
"""The share of a page's rows from which on they are learned."""


@dataclass(slots=True)
class IncrementalPages:
    """The pages of a query, and in `finished`, by page, what is known of them."""

    pages: QueryPages
    finished: dict[int, FinishedRows]
    has_learned: bool = False
    """Whether a page was learned; only one is in each listing, as that takes time."""

    @property
    def size(self) -> int:
        """How many jobs a page is asked for."""
        return self.pages.size

    async def read(self, number: int) -> Page:
        """Return page `number`, from 1. Raises `CollectionError`."""
        known = self.finished.get(number)
        page = await self.pages.read(number, known)
        if known is None:
            return page if self.has_learned else self._learned(number, page)
        if page.known is None or self._is_worthwhile(self._number_finished(page)):
            # A later listing learns it anew.
            self.finished.pop(number, None)
        return page

    def new_content(self) -> Snapshot:
        """Return a snapshot without jobs."""
        return self.pages.new_content()

    def add(self, content: Snapshot, page: Page, positions: Sequence[int]) -> None:
        """Add the jobs at `positions` of `page`. Raises `CollectionError`."""
        known = page.known
        if known is None:
            self.pages.add(content, page, positions)
        elif len(positions) == len(page.ids) and content.observer.may_skip(
            known, page.ids[: len(page.ids) - len(page.rows)]
        ):
            content.counts.absorb(known.counts)
            content.add(page.without_known(), page.rows)
        else:
            self.pages.add(content, page.whole(), positions)

    def _number_finished(self, page: Page) -> int:
        """Return how many finished jobs, none of them young, `rows` of `page` begin with."""
        since = self.pages.paginator.since
        if since is None:
            return 0
        finished = page.finished_statuses(self.pages.paginator.api.status_of)
        rows = page.rows
        number = sum(1 for _ in takewhile(lambda row: row.status in finished, rows))
        # Young ones are looked at for completions each time.
        while number and _created(rows[number - 1]) >= since:
            number -= 1
        return number

    def _is_worthwhile(self, finished: int) -> bool:
        return finished >= max(1, self.size * _WORTHWHILE)

    def _learned(self, number: int, page: Page) -> Page:
        finished = self._number_finished(page)
        if page.encoded is None or not self._is_worthwhile(finished):
            return page
        content = self.new_content()
        rows = page.rows[:finished]
        content.add(replace(page, rows=rows), rows)
        known = remember(rows, page.encoded, content.counts)
        self.finished[number] = known
        self.has_learned = True
        return replace(page, rows=page.rows[finished:], known=known)


def _created(row: Row) -> float:
    created = to_millis(row.create_time, "create_time")
    return math.inf if created is None else created
