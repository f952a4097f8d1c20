"""Pools connections to a cloud; drops those with unexpected data."""

from __future__ import annotations

import ssl

from collections.abc import Callable
from typing import Final, Self

import aiohttp


# Tokens are several kB long; aiohttp's own limit is 8 kB a header.
_MAX_HEADER: Final = 64 * 1024
# Longer than common scrape intervals, so that connections survive between scrapes.
_KEEP_ALIVE_SECONDS: Final = 90.0


def session_factory(context: ssl.SSLContext) -> Callable[[], aiohttp.ClientSession]:
    """Return a function that opens a session with the TLS settings of `context`."""

    def open_session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # The scheduler limits the number of connections.
            connector=_Connector(
                ssl=context, limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=_MAX_HEADER,
            max_field_size=_MAX_HEADER,
            response_class=_Response,
        )

    return open_session


class _Connector(aiohttp.TCPConnector):
    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own name
    ) -> aiohttp.connector.Connection:
        """Return a connection without unexpected data."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol is None or not protocol.should_close:
                return connection
            # aiohttp would take that data for the response to this request, which may be
            # of another project.
            connection.close()


class _Response(aiohttp.ClientResponse):
    async def start(self, connection: aiohttp.connector.Connection) -> Self:
        """Read the head; discard the reason phrase, which may be any text."""
        await super().start(connection)
        self.reason = None
        return self
