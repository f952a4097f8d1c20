"""
Polls one project's Lite Servers: one list, which has no pages.

Source: ModelArts API reference, `ListAllDevServers`.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from ...cloud.call import Call
from ...cloud.session import Session
from ...config import CollectionSettings
from ..base import Target
from ..contradictions import raise_if_contradictory
from ..item_pages import item_page
from ..list_poller import ListPoller
from ..numbers import to_limit
from ..remembered_counts import RememberedCounts
from ..texts import label_word, plain
from .schema import LiteServerRow, lite_servers
from .snapshot import LiteServerSnapshot, ServerKind
from .statuses import DELETED, LITE_SERVER_STATUSES


_OPERATION: Final = "lite_servers"
_MOST: Final = 65_535


class LiteServerPoller(ListPoller[LiteServerSnapshot]):
    """Polls the servers, and remembers what flavors and statuses there were."""

    def __init__(self, target: Target, settings: CollectionSettings) -> None:
        super().__init__(target, settings, _OPERATION)
        self._counts: RememberedCounts[ServerKind] = RememberedCounts()

    async def snapshot(self, session: Session) -> LiteServerSnapshot:
        """Return the servers that exist now. Raises `CollectionError`."""
        call = Call(
            api=_OPERATION,
            url=session.url("v1", "dev-servers/all"),
            expected="a list of Lite Servers",
            action="modelarts:devserver:list",
        )
        answer = await session.fetch(call, lite_servers)
        found = answer.content
        page = item_page(answer, found.data, to_limit(found.total, "total"), _MOST)
        raise_if_contradictory(page, 1, _MOST)
        counts = Counter(_kind_of(row) for row in page.rows if row.status != DELETED)
        return LiteServerSnapshot(self._counts.added_to(counts))


def _kind_of(row: LiteServerRow) -> ServerKind:
    return ServerKind(
        plain(row.flavor or ""),
        label_word(row.charging_mode or "unknown"),
        LITE_SERVER_STATUSES.of(row.status),
    )
