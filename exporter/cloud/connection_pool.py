"""Connections to a cloud: kept between scrapes, and dropped when they are out of step."""

from __future__ import annotations

import ssl

from collections.abc import Callable
from typing import Final, Self

import aiohttp


# Tokens are several kB long; aiohttp's own limit is 8 kB a header.
_MAXIMUM_HEADER: Final = 64 * 1024
# Longer than a usual scrape interval, so that connections last from scrape to scrape.
_KEEP_ALIVE_SECONDS: Final = 90.0


def session_factory(context: ssl.SSLContext) -> Callable[[], aiohttp.ClientSession]:
    """Return what opens a session whose connections are made secure by `context`."""

    def open_session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # The scheduler limits the number of connections.
            connector=_Connector(
                ssl=context, limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=_MAXIMUM_HEADER,
            max_field_size=_MAXIMUM_HEADER,
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
        """Return a connection on which nothing has come that no request asked for."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol is None or not protocol.should_close:
                return connection
            # aiohttp would take what came for the answer to this request, which may be
            # another project's.
            connection.close()


class _Response(aiohttp.ClientResponse):
    async def start(self, connection: aiohttp.connector.Connection) -> Self:
        """Read the head, without the words beside the status: they may be anything."""
        await super().start(connection)
        self.reason = None
        return self
