"""
The projects that IAM has just listed as the user's: logins to them are not rejected.

Source: IAM API reference, "Querying the List of Projects Accessible to Users". The list
needs no permission. Without one, logins only go slower.
"""

from __future__ import annotations

import asyncio

from collections.abc import Awaitable, Callable
from typing import Final

import httpx

from ...errors import CollectionError, Failure
from ..decoding import JsonError
from ..discovery.project_rows import (
    AUTH_PROJECTS_OPERATION,
    AUTH_PROJECTS_PATH,
    LIST_ACTION,
    MAX_BODY_BYTES,
    read_rows,
)
from ..error_codes import check
from ..request_context import RequestContext
from .issued_token import Token
from .single_flight import SingleFlight


_LIST_SECONDS: Final = 10.0
_VALID_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 900.0


class ListedProjects:
    """The IDs of the user's projects, listed with an `account_token` when asked to."""

    def __init__(
        self,
        iam_url: str,
        client: httpx.AsyncClient,
        account_token: Callable[[], Awaitable[Token | Failure]],
    ) -> None:
        self._url = f"{iam_url}{AUTH_PROJECTS_PATH}"
        self._client = client
        self._account_token = account_token
        self._ids: frozenset[str] = frozenset()
        self._valid_until = 0.0
        self._paused_until = 0.0
        self._list = SingleFlight(self._refresh)

    def __contains__(self, project_id: str | None) -> bool:
        """Return whether the last list has the project, and is still valid."""
        return project_id in self._ids and _now() < self._valid_until

    def refresh(self) -> None:
        """List the projects in the background, unless there is a valid list."""
        if _now() >= max(self._valid_until, self._paused_until):
            self._list.start()

    def distrust(self) -> None:
        """Discard the list, and do without one for a while."""
        self._valid_until = 0.0
        self._paused_until = _now() + _PAUSE_SECONDS

    async def aclose(self) -> None:
        """Cancel a running request."""
        await self._list.aclose()

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(_LIST_SECONDS):
                token = await self._account_token()
                asked_at = _now()
                if isinstance(token, Token):
                    self._ids = await self._ask(token)
                    self._valid_until = asked_at + _VALID_SECONDS
                    return
        except (CollectionError, JsonError, TimeoutError):
            # The transport's observers have logged and counted the request.
            pass
        self.distrust()

    async def _ask(self, token: Token) -> frozenset[str]:
        context = RequestContext(
            operation=AUTH_PROJECTS_OPERATION,
            is_login=True,
            project="",
            action=LIST_ACTION,
            max_bytes=MAX_BODY_BYTES,
        )
        response = await self._client.get(
            self._url,
            headers={"X-Auth-Token": token.text},
            extensions=context.extensions(),
        )
        check(response)
        return frozenset(
            row.project_id for row in read_rows(response.content) if row.is_enabled
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
