"""
Polls one project's notebooks: everybody's, or else those of the exporter's own user.

Everybody's need a permission of their own, which cannot be granted for enterprise
projects. Without it, what is listed is a part, and says so.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from ...cloud.session import Session
from ...config import CollectionSettings
from ...errors import CollectionError, Failure, Reason
from ..base import Reading, Snapshot, Target
from ..item_pages import list_items
from ..list_poller import ListPoller
from ..remembered_counts import RememberedCounts
from .notebook import notebook_of
from .requests import ALL_NOTEBOOKS, OWN_NOTEBOOKS, PAGE_SIZE, NotebookList
from .schema import NotebookRow
from .snapshot import NotebookSnapshot, select_notebooks, snapshot_of
from .statuses import DELETED, NOTEBOOK_STATUSES


class NotebookPoller(ListPoller[NotebookSnapshot]):
    """Polls one project's notebooks, and remembers which statuses there were."""

    missing_part: ClassVar[str] = "notebooks of others"

    def __init__(self, target: Target, settings: CollectionSettings) -> None:
        super().__init__(target, settings, ALL_NOTEBOOKS.operation)
        self._pages = 1
        self._statuses = RememberedCounts(NOTEBOOK_STATUSES.representatives)

    def reading(self, snapshot: Snapshot | None) -> Reading:
        """Return what becomes metrics, and whether it is about everybody's notebooks."""
        found = super().reading(snapshot)
        if not isinstance(snapshot, NotebookSnapshot):
            return found
        return replace(found, is_complete=snapshot.is_complete)

    async def snapshot(self, session: Session) -> NotebookSnapshot:
        """Return the notebooks that exist now. Raises `CollectionError`."""
        try:
            rows = await self._list(session, ALL_NOTEBOOKS)
        except CollectionError as error:
            if error.failure.reason is not Reason.PERMISSION:
                raise
            denied = error.failure
        else:
            return self._counted(session, rows)
        return await self._own(session, denied)

    async def _own(self, session: Session, denied: Failure) -> NotebookSnapshot:
        try:
            rows = await self._list(session, OWN_NOTEBOOKS)
        except CollectionError as error:
            if error.failure.reason is not Reason.PERMISSION:
                raise
            # The permission to list everybody's is what is needed.
            raise CollectionError(denied) from None
        why = f"only notebooks of the exporter's own user are known: {denied.problem}"
        return self._counted(session, rows, replace(denied, problem=why))

    async def _list(self, session: Session, which: NotebookList) -> list[NotebookRow]:
        read = partial(which.page, session)
        result = await list_items(read, PAGE_SIZE, self._pages)
        self._pages = result.pages
        return result.content

    def _counted(
        self,
        session: Session,
        rows: list[NotebookRow],
        partial_failure: Failure | None = None,
    ) -> NotebookSnapshot:
        notebooks = [notebook_of(row) for row in rows if row.status != DELETED]
        series = self.settings.notebook_series
        snapshot = snapshot_of(
            notebooks,
            session.client.clock(),
            select_notebooks(notebooks, series.max_per_project)
            if series.enabled
            else (),
            () if partial_failure is None else (partial_failure,),
        )
        statuses = self._statuses.added_to(snapshot.statuses)
        return replace(snapshot, statuses=statuses)
