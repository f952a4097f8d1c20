"""Pools connections to a cloud; drops those with unexpected data."""

from __future__ import annotations

import base64
import ssl

from contextlib import AbstractAsyncContextManager
from typing import Final, Self

import aiohttp
import httpx

from yarl import URL


# Tokens are several kB long; aiohttp's own limit is 8 kB a header.
_MAX_HEADER: Final = 64 * 1024
# Longer than common scrape intervals, so that connections survive between scrapes.
_KEEP_ALIVE_SECONDS: Final = 90.0


class ConnectionPool:
    """Connections with the TLS settings of `context`, through a proxy if there is one."""

    def __init__(
        self,
        context: ssl.SSLContext,
        proxy: httpx.Proxy | None,
        timeout: aiohttp.ClientTimeout,
    ) -> None:
        self._context = context
        self._proxy = URL(str(proxy.url)) if proxy else None
        self._proxy_headers = _proxy_headers(proxy) if proxy else {}
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    def send(
        self, request: httpx.Request
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send `request` as it is; the body of the response is left as it comes."""
        if self._session is None:
            self._session = self._open()
        headers = _headers(request.headers)
        if request.url.scheme == "http":
            # Over TLS the proxy gets them with CONNECT, and the cloud does not.
            headers |= self._proxy_headers
        return self._session.request(
            request.method,
            URL(str(request.url), encoded=True),
            headers=headers,
            data=request.content or None,
            allow_redirects=False,
            auto_decompress=False,
            timeout=self._timeout,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # The scheduler limits the number of connections.
            connector=_Connector(
                ssl=self._context, limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=_MAX_HEADER,
            max_field_size=_MAX_HEADER,
            response_class=_Response,
        )


def _proxy_headers(proxy: httpx.Proxy) -> dict[str, str]:
    if proxy.raw_auth is None:
        return {}
    encoded = base64.b64encode(b":".join(proxy.raw_auth)).decode("ascii")
    return {"Proxy-Authorization": f"Basic {encoded}"}


def _headers(headers: httpx.Headers) -> dict[str, str]:
    # Of `raw`: otherwise, httpx looks for the encoding of each once more.
    return {
        name.decode("ascii"): value.decode("latin-1") for name, value in headers.raw
    }


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
