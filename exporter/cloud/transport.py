"""
The HTTP transport to a cloud: TLS, proxy, slots, observers, and size limits for
responses.

Requests and responses are httpx's, connections are aiohttp's: with 32 requests in flight
that costs a seventh of the processor time of httpx's own.
"""

from __future__ import annotations

import asyncio
import ssl

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx

from msgspec.structs import replace

from .. import __version__
from ..clock import Clock
from ..config import Cloud, Tls
from ..errors import CollectionError, ConfigurationError, Failure, FileError
from ..exchange import UNANSWERED, UNSENT, Exchange, Observer
from .connection_pool import ConnectionPool
from .error_body import REQUEST_ID_HEADERS, error_code, request_id
from .error_codes import http_date
from .network_errors import dropped, network_failure, no_http, unreadable
from .request_context import context_of, path_of, with_request
from .response_body import ACCEPT_ENCODING, BodyError, read_body
from .response_memory import ResponseDroppedError, ResponseMemory, Share
from .scheduler import CloudQueue


# Only the error code is used of an error response.
_MAX_ERROR_BYTES: Final = 64 * 1024

_KEPT_HEADERS: Final = (
    "Date",
    "Retry-After",
    "X-Subject-Token",
    *REQUEST_ID_HEADERS,
)
"""
The response headers that are passed on.

Some others do harm: httpx would send cookies to other projects, and parses the address
of a redirect even if it does not follow it.
"""

_CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
"""For how long a response may pause."""

HEADERS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": ACCEPT_ENCODING,
    "User-Agent": f"modelarts-exporter/{__version__}",
}
"""Of every request."""


class CloudTransport(httpx.AsyncBaseTransport):
    """
    The transport of one cloud's client.

    Every request has a `RequestContext`. Responses are read completely before they are
    returned.
    """

    def __init__(
        self,
        cloud: Cloud,
        queue: CloudQueue,
        memory: ResponseMemory,
        clock: Clock,
        observers: Sequence[Observer],
        *,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._cloud = cloud
        self._memory = memory
        self._queue = queue
        self._clock = clock
        self._observers = observers
        context = tls_context(cloud.tls)
        timeout = aiohttp.ClientTimeout(
            connect=read_seconds, sock_connect=_CONNECT_SECONDS, sock_read=read_seconds
        )
        self._pools = {
            httpx.URL(url).netloc: ConnectionPool(
                context, proxy_of(cloud, url), timeout
            )
            for url in (cloud.iam_url, cloud.modelarts_url)
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` when it gets a slot. Raises `CollectionError`."""
        context = context_of(request)
        now = asyncio.get_running_loop().time
        exchange = Exchange(
            cloud=self._cloud.name,
            project=context.project,
            operation=context.operation,
            method=request.method,
            path=path_of(request.url),
            attempt=context.attempt,
            queued_at=now(),
        )
        recorded = context.record.begin(replace(exchange, problem=UNSENT))
        async with self._queue.slot(
            None if context.is_login else context.project
        ) as slot:
            sent_at = now()
            exchange = replace(exchange, waited=sent_at - exchange.queued_at)
            recorded.exchange = replace(exchange, problem=UNANSWERED)
            try:
                with self._queue.sending():
                    response = await self._exchange(request)
                exchange = self._answered(exchange, response)
            except CollectionError as error:
                exchange = replace(exchange, problem=error.failure.problem)
                raise
            finally:
                exchange = replace(exchange, seconds=now() - sent_at)
                recorded.exchange = exchange
                for observe in self._observers:
                    observe(exchange)
            if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                slot.throttled()
            else:
                slot.succeeded()
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        pool = self._pools[request.url.netloc]
        try:
            async with self._memory.share() as share, pool.send(request) as response:
                return await _read(request, response, share)
        except aiohttp.ClientHttpProxyError as error:
            raise _error(network_failure(error), request) from None
        except aiohttp.ClientResponseError:
            # Without its text, which quotes what was sent.
            raise _error(no_http(), request) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _error(network_failure(error), request) from error
        except ValueError:
            raise _error(no_http(), request) from None
        except ResponseDroppedError:
            raise _error(dropped(), request) from None

    def _answered(self, exchange: Exchange, response: httpx.Response) -> Exchange:
        date = http_date(response.headers.get("Date", ""))
        return replace(
            exchange,
            status=response.status_code,
            error_code=None if response.is_success else error_code(response),
            request_id=request_id(response),
            problem=None,
            clock_skew=None if date is None else date - int(self._clock()),
        )


async def send(
    transport: httpx.AsyncBaseTransport, request: httpx.Request, auth: httpx.Auth
) -> httpx.Response:
    """
    Send `request` as `auth` authenticates it, perhaps more than once.

    That is what `httpx.AsyncClient` does, too; what else it does would take a tenth of
    the processor time of a scrape. Raises `CollectionError`.
    """
    async with aclosing(auth.async_auth_flow(request)) as flow:
        authenticated = await anext(flow)
        while True:
            response = await transport.handle_async_request(authenticated)
            response.request = authenticated
            try:
                authenticated = await flow.asend(response)
            except StopAsyncIteration:
                return response


def open_client(transport: CloudTransport) -> httpx.AsyncClient:
    """Return a client that neither follows redirects nor keeps cookies."""
    return httpx.AsyncClient(
        transport=transport, headers=HEADERS, follow_redirects=False, trust_env=False
    )


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return the TLS context for connections to the cloud."""
    if tls.insecure_skip_verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca_file:
        context = ssl.create_default_context(cafile=tls.ca_file)
    else:
        context = httpx.create_ssl_context()
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def proxy_of(cloud: Cloud, url: str) -> httpx.Proxy | None:
    """Return the proxy for `url`, from the configuration or the environment."""
    if cloud.proxy_url is not None:
        return httpx.Proxy(cloud.proxy_url.reveal())
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme) or getproxies().get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme not in {"http", "https"}:
        # The proxy is not quoted, as it may contain a password.
        message = f"the proxy for {parts.scheme} URLs is no http:// or https:// URL"
        raise ConfigurationError("environment", (FileError(0, "", message),))
    return httpx.Proxy(proxy)


async def _read(
    request: httpx.Request, response: aiohttp.ClientResponse, share: Share
) -> httpx.Response:
    status, headers = response.status, response.headers
    is_success = httpx.codes.is_success(status)
    try:
        content = await read_body(
            response.content.iter_any(),
            context_of(request).max_bytes if is_success else _MAX_ERROR_BYTES,
            share,
            content_encoding=",".join(headers.getall("Content-Encoding", ())),
            content_length=headers.get("Content-Length", ""),
        )
    except BodyError as error:
        if is_success:
            raise _error(unreadable(status, str(error)), request) from None
        # The status is sufficient.
        content = b""
    kept = [
        (name, ", ".join(headers.getall(name)))
        for name in _KEPT_HEADERS
        if name in headers
    ]
    found = httpx.Response(status, headers=kept, content=content)
    # Otherwise, httpx looks for the encoding whenever a header is asked for.
    found.headers.encoding = "ascii"
    return found


def _error(failure: Failure, request: httpx.Request) -> CollectionError:
    return CollectionError(with_request(failure, request))
