"""
Polls the events that are scheduled in one project, and not over.

Source: ModelArts API reference, `ListScheduledEvents`.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Final
from urllib.parse import urlencode

from ...cloud.call import Call
from ...cloud.session import Session
from ...config import CollectionSettings
from ..base import Target
from ..item_pages import ItemPage, item_page, list_items
from ..list_poller import ListPoller
from ..numbers import to_limit
from ..remembered_counts import RememberedCounts
from ..texts import label_word
from .schema import EventRow, scheduled_events
from .snapshot import EventKind, EventSnapshot, EventState, next_by_pool


_OPERATION: Final = "scheduled_events"
_PAGE_SIZE: Final = 100


class EventPoller(ListPoller[EventSnapshot]):
    """Polls the events, and remembers what types and states there were."""

    def __init__(self, target: Target, settings: CollectionSettings) -> None:
        super().__init__(target, settings, _OPERATION)
        self._counts: RememberedCounts[EventKind] = RememberedCounts()

    async def snapshot(self, session: Session) -> EventSnapshot:
        """Return the events that are not over. Raises `CollectionError`."""
        rows = (await list_items(partial(_page, session), _PAGE_SIZE)).content
        counts = Counter(
            EventKind(
                label_word(row.type or "unknown"), label_word(row.state or "unknown")
            )
            for row in rows
        )
        return EventSnapshot(self._counts.added_to(counts), next_by_pool(rows))


async def _page(session: Session, offset: int, size: int) -> ItemPage[EventRow]:
    parameters: dict[str, object] = {
        "state": [*EventState],
        "limit": size,
        "offset": offset,
    }
    if session.project.workspace_id != "0":
        parameters["workspaceId"] = session.project.workspace_id
    call = Call(
        api=_OPERATION,
        url=session.url("v1", f"scheduled-events?{urlencode(parameters, doseq=True)}"),
        expected="a list of scheduled events",
        # The reference names none.
        action="the right to read ModelArts' scheduled events",
    )
    answer = await session.fetch(call, scheduled_events)
    count = to_limit(answer.content.count, "count")
    return item_page(answer, answer.content.events, count, size)
