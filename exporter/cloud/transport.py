"""
The HTTP transport to a cloud: TLS, proxy, slots, telemetry, and size limits for
responses.

httpx is the client and aiohttp its transport: with 32 requests in flight that costs a
seventh of the processor time of httpx's own.
"""

from __future__ import annotations

import asyncio
import ssl

from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx

from httpx_aiohttp import AiohttpTransport

from .. import __version__
from ..clock import Clock
from ..config import Cloud, Tls
from ..errors import CollectionError, ConfigurationError, Failure, FileError, Reason
from ..metrics.telemetry import Telemetry
from .connection_pool import session_factory
from .error_codes import http_date
from .request_context import RequestContext, context_of
from .response_body import ACCEPT_ENCODING, BodyError, read_body
from .response_memory import ResponseDroppedError, ResponseMemory, Share
from .scheduler import CloudQueue


# Only the error code is used of an error response.
_MAX_ERROR_BYTES: Final = 64 * 1024

_KEPT_HEADERS: Final = ("Date", "Retry-After", "X-Request-Id", "X-Subject-Token")
"""
The response headers that are passed on.

Some others do harm: httpx would send cookies to other projects, and parses the address
of a redirect even if it does not follow it.
"""

_CONNECT_SECONDS: Final = 10.0
_READ_SECONDS: Final = 60.0


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
        telemetry: Telemetry,
        memory: ResponseMemory,
        clock: Clock,
    ) -> None:
        self._cloud = cloud
        self._memory = memory
        self._queue = queue
        self._telemetry = telemetry
        self._clock = clock
        context = tls_context(cloud.tls)
        self._transports = {
            httpx.URL(url).netloc: _transport(context, proxy_of(cloud, url))
            for url in (cloud.iam_url, cloud.modelarts_url)
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` when it gets a slot. Raises `CollectionError`."""
        context = context_of(request)
        loop = asyncio.get_running_loop()
        async with self._queue.slot(context.project):
            started = loop.time()
            code: int | None = None
            try:
                with self._queue.sending():
                    response = await self._exchange(context, request)
                code = response.status_code
            finally:
                seconds = loop.time() - started
                self._telemetry.request(
                    self._cloud.name, context.operation, code, seconds
                )
        if code != httpx.codes.TOO_MANY_REQUESTS:
            self._queue.succeeded()
        self._measure_clock(response)
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            await transport.aclose()

    async def _exchange(
        self, context: RequestContext, request: httpx.Request
    ) -> httpx.Response:
        operation = context.operation
        transport = self._transports[request.url.netloc]
        try:
            async with self._memory.share() as share:
                response = await transport.handle_async_request(request)
                try:
                    return await _read(context, response, share)
                finally:
                    await response.aclose()
        except aiohttp.ClientHttpProxyError as error:
            raise CollectionError(_network_failure(operation, error)) from None
        except (aiohttp.ClientResponseError, ValueError):
            # Without its text, which quotes what was sent.
            raise CollectionError(_no_http(operation)) from None
        except (httpx.TransportError, aiohttp.ClientError, OSError) as error:
            raise CollectionError(_network_failure(operation, error)) from error
        except ResponseDroppedError:
            raise CollectionError(_dropped(operation)) from None

    def _measure_clock(self, response: httpx.Response) -> None:
        date = http_date(response.headers.get("Date", ""))
        if date is not None:
            self._telemetry.clock_skew(self._cloud.name, date - int(self._clock()))


def open_client(
    cloud: Cloud,
    queue: CloudQueue,
    telemetry: Telemetry,
    memory: ResponseMemory,
    clock: Clock,
) -> httpx.AsyncClient:
    """Return a client for `cloud` that neither follows redirects nor keeps cookies."""
    return httpx.AsyncClient(
        transport=CloudTransport(cloud, queue, telemetry, memory, clock),
        headers={
            "User-Agent": f"modelarts-exporter/{__version__}",
            "Accept-Encoding": ACCEPT_ENCODING,
        },
        timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
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


def _transport(context: ssl.SSLContext, proxy: httpx.Proxy | None) -> AiohttpTransport:
    return AiohttpTransport(
        verify=context, proxy=proxy, client=session_factory(context)
    )


async def _read(
    context: RequestContext, response: httpx.Response, share: Share
) -> httpx.Response:
    status = response.status_code
    try:
        if response.is_success:
            content = await read_body(response, context.max_bytes, share)
        else:
            content = await read_body(response, _MAX_ERROR_BYTES, share)
    except BodyError as error:
        if response.is_success:
            raise CollectionError(
                _unreadable(context.operation, status, str(error))
            ) from None
        # The status is sufficient.
        content = b""
    headers = [
        (name, response.headers[name])
        for name in _KEPT_HEADERS
        if name in response.headers
    ]
    return httpx.Response(status, headers=headers, content=content)


def _unreadable(operation: str, status: int, what: str) -> Failure:
    return Failure(
        reason=Reason.RESPONSE,
        problem=f"HTTP {status}, but the answer {what}",
        advice="check the cloud's URL, or the proxy between here and there",
        operation=operation,
        status=status,
    )


def _no_http(operation: str) -> Failure:
    return Failure(
        reason=Reason.RESPONSE,
        problem="the answer is not valid HTTP",
        advice="check the cloud's URL, or the proxy between here and there",
        operation=operation,
        transient=True,
    )


def _dropped(operation: str) -> Failure:
    return Failure(
        reason=Reason.RESPONSE,
        problem="the response was dropped: it was large and slow, and others "
        "needed its memory",
        advice="look for a slow API or proxy, or lower collection.page_size",
        operation=operation,
        transient=True,
    )


def _network_failure(operation: str, error: Exception) -> Failure:
    cause = error.__cause__ or error
    # httpx-aiohttp reports every broken connection as a ConnectTimeout.
    timed_out = isinstance(cause, (asyncio.TimeoutError, TimeoutError)) or (
        isinstance(error, httpx.TimeoutException)
        and not isinstance(cause, aiohttp.ClientError)
    )
    problem, advice = _network_problem(cause, timed_out=timed_out)
    return Failure(
        reason=Reason.TIMEOUT if timed_out else Reason.NETWORK,
        problem=problem,
        advice=advice,
        operation=operation,
        transient=not isinstance(cause, (ssl.SSLError, aiohttp.ClientSSLError)),
    )


def _network_problem(cause: BaseException, *, timed_out: bool) -> tuple[str, str]:
    if timed_out:
        return "the API did not answer in time", "check the network and the cloud's URL"
    if isinstance(cause, (ssl.SSLError, aiohttp.ClientSSLError)):
        return (
            f"no TLS connection ({type(cause).__name__})",
            "check tls.ca_file, tls.cert_file and the cloud's URL",
        )
    if isinstance(
        cause, (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError)
    ):
        return (
            "the proxy refuses the connection",
            "check proxy_url and the proxy's rules",
        )
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return (
            "the host name cannot be resolved",
            "check the cloud's URL and region, and DNS",
        )
    if isinstance(cause, aiohttp.ClientConnectorError):
        return (
            "the API cannot be reached",
            "check the network, the cloud's URL and proxy_url",
        )
    return (
        f"the connection broke ({type(cause).__name__})",
        "check the network, or the proxy between here and there",
    )
