"""
The way to a cloud: TLS, proxy, turns, measurement and a limit on an answer's size.

httpx is the client and aiohttp its transport: with 32 requests in flight that costs a
seventh of the processor time of httpx's own.
"""

from __future__ import annotations

import asyncio
import ssl
import time

from collections.abc import AsyncIterator, Callable
from http.cookiejar import CookieJar
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx

from httpx_aiohttp import AiohttpTransport

from . import __version__
from .apis import Api
from .budget import CloudBudget
from .config import Cloud, Tls
from .errors import CollectionError, ConfigurationError, Failure, Mistake, Reason
from .refusals import http_date
from .telemetry import Telemetry


MAXIMUM_ANSWER: Final = 16 * 1024 * 1024
"""Bytes of an answer, decompressed; a page of 1,000 jobs has about a tenth of that."""

# Tokens are several kB long; aiohttp's own limit is 8 kB a header.
_MAXIMUM_HEADER: Final = 64 * 1024
# Longer than a usual scrape interval, so that connections last from scrape to scrape.
_KEEP_ALIVE_SECONDS: Final = 90.0
_CONNECT_SECONDS: Final = 10.0
_READ_SECONDS: Final = 60.0


class Wire(httpx.AsyncBaseTransport):
    """
    The transport of one cloud's client.

    Every request carries the extensions `api` (an `Api`) and `party` (whose turn it
    takes). An answer is read whole before it is handed on.
    """

    def __init__(self, cloud: Cloud, budget: CloudBudget, telemetry: Telemetry) -> None:
        self._cloud = cloud
        self._budget = budget
        self._telemetry = telemetry
        context = tls_context(cloud.tls)
        self._transports = {
            httpx.URL(url).netloc: _transport(context, proxy_of(cloud, url))
            for url in (cloud.iam_url, cloud.modelarts_url)
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` when it is its turn. Raises `CollectionError`."""
        api: Api = request.extensions["api"]
        async with self._budget.turn(request.extensions["party"]):
            started = time.perf_counter()
            code: int | None = None
            try:
                with self._budget.sending():
                    response = await self._exchange(api, request)
                code = response.status_code
            finally:
                seconds = time.perf_counter() - started
                self._telemetry.request(self._cloud.name, api, code, seconds)
        if code != httpx.codes.TOO_MANY_REQUESTS:
            self._budget.succeeded()
        self._measure_clock(response)
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            await transport.aclose()

    async def _exchange(self, api: Api, request: httpx.Request) -> httpx.Response:
        transport = self._transports[request.url.netloc]
        try:
            response = await transport.handle_async_request(request)
            try:
                return await _read(api, response)
            finally:
                await response.aclose()
        except (httpx.TransportError, aiohttp.ClientError, OSError) as error:
            raise CollectionError(_network_failure(api, error)) from error
        except httpx.DecodingError as error:
            raise CollectionError(_unreadable(api, "is not valid gzip")) from error

    def _measure_clock(self, response: httpx.Response) -> None:
        date = http_date(response.headers.get("Date", ""))
        if date is not None:
            self._telemetry.clock_skew(self._cloud.name, date - int(time.time()))


def open_client(
    cloud: Cloud, budget: CloudBudget, telemetry: Telemetry
) -> httpx.AsyncClient:
    """Return a client for `cloud` that neither follows redirects nor keeps cookies."""
    client = httpx.AsyncClient(
        transport=Wire(cloud, budget, telemetry),
        headers={"User-Agent": f"modelarts-exporter/{__version__}"},
        timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
    )
    client.cookies = httpx.Cookies(_NoCookies())
    return client


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return how connections to the cloud are made secure."""
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


class _NoCookies(CookieJar):
    def extract_cookies(self, response: object, request: object) -> None:
        """Leave them: an API has no business with cookies."""


def proxy_of(cloud: Cloud, url: str) -> httpx.Proxy | None:
    """Return the proxy on the way to `url`, configured or from the environment."""
    if cloud.proxy_url is not None:
        return httpx.Proxy(cloud.proxy_url.reveal())
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme) or getproxies().get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme not in {"http", "https"}:
        # It is not repeated, as it may hold a password.
        message = f"the proxy for {parts.scheme} URLs is no http:// or https:// URL"
        raise ConfigurationError("environment", (Mistake(0, "", message),))
    return httpx.Proxy(proxy)


def _transport(context: ssl.SSLContext, proxy: httpx.Proxy | None) -> AiohttpTransport:
    return AiohttpTransport(verify=context, proxy=proxy, client=_session(context))


def _session(context: ssl.SSLContext) -> Callable[[], aiohttp.ClientSession]:
    def open_session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # The number of connections is the budget's business.
            connector=aiohttp.TCPConnector(
                ssl=context, limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=_MAXIMUM_HEADER,
            max_field_size=_MAXIMUM_HEADER,
        )

    return open_session


async def _read(api: Api, response: httpx.Response) -> httpx.Response:
    headers = response.headers
    encoded = "content-encoding" in headers
    chunks, size = [], 0
    async for chunk in response.aiter_bytes() if encoded else _plain(response):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAXIMUM_ANSWER:
            raise CollectionError(
                _unreadable(api, f"has more than {MAXIMUM_ANSWER >> 20} MiB")
            )
    if encoded:
        # The content is decoded by now.
        del headers["content-encoding"]
        headers["content-length"] = str(size)
    return httpx.Response(
        response.status_code, headers=headers, content=b"".join(chunks)
    )


def _plain(response: httpx.Response) -> AsyncIterator[bytes]:
    # Without httpx's decoders, which cost more than the network for large pages.
    if not isinstance(response.stream, httpx.AsyncByteStream):
        raise TypeError(response.stream)
    return aiter(response.stream)


def _unreadable(api: Api, what: str) -> Failure:
    return Failure(
        reason=Reason.RESPONSE,
        problem=f"the answer {what}",
        advice="check the cloud's URL, or the proxy between here and there",
        api=api,
    )


def _network_failure(api: Api, error: Exception) -> Failure:
    cause = error.__cause__ or error
    # httpx-aiohttp reports every broken connection as a ConnectTimeout.
    timed_out = isinstance(cause, (asyncio.TimeoutError, TimeoutError)) or (
        isinstance(error, httpx.TimeoutException)
        and not isinstance(cause, aiohttp.ClientError)
    )
    problem, advice = _network_words(cause, timed_out=timed_out)
    return Failure(
        reason=Reason.TIMEOUT if timed_out else Reason.NETWORK,
        problem=problem,
        advice=advice,
        api=api,
        transient=not isinstance(cause, (ssl.SSLError, aiohttp.ClientSSLError)),
    )


def _network_words(cause: BaseException, *, timed_out: bool) -> tuple[str, str]:
    if timed_out:
        return "the API did not answer in time", "check the network and the cloud's URL"
    if isinstance(cause, (ssl.SSLError, aiohttp.ClientSSLError)):
        return (
            f"no secure connection ({type(cause).__name__})",
            "check tls.ca_file, tls.cert_file and the cloud's URL",
        )
    if isinstance(
        cause, (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError)
    ):
        return "the proxy does not connect", "check proxy_url and the proxy's rules"
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return (
            "the host's name is not known",
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
