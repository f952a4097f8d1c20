"""
Authentication, rate limit and headers around the application.

The order is that of Prometheus's exporter-toolkit: the current web configuration, the
rate limit, headers, then users. Health endpoints are open to everyone.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress

from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..cloud.rate_limit import TokenBucket
from ..config import RateLimit
from ..errors import ConfigurationError
from .config import CurrentWebConfiguration
from .passwords import PasswordChecker, Verdict


class AccessMiddleware:
    """An ASGI application that passes permitted requests to another; `open_paths` all."""

    def __init__(
        self,
        app: ASGIApp,
        current: CurrentWebConfiguration,
        open_paths: AbstractSet[str],
    ) -> None:
        self._app = app
        self._open_paths = open_paths
        self._current = current
        self._limit: RateLimit | None = None
        self._bucket: TokenBucket | None = None
        self._passwords = PasswordChecker()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject a request, or pass it to the application."""
        if scope["type"] != "http" or scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        try:
            configuration = self._current.now()
        except ConfigurationError:
            response = PlainTextResponse(
                "The web configuration has errors; the log says which.\n", 500
            )
            await response(scope, receive, send)
            return
        if self._is_rate_limited(configuration.rate_limit):
            await PlainTextResponse("Too many requests.\n", 429)(scope, receive, send)
            return
        send = _with_headers(configuration.headers, send)
        watched = _Watched(receive)
        verdict = await self._verdict(configuration.users, scope, watched)
        if verdict is Verdict.RIGHT:
            await self._app(scope, watched, send)
        elif verdict is Verdict.WRONG:
            response = PlainTextResponse(
                "Unauthorized\n", 401, {"WWW-Authenticate": "Basic"}
            )
            await response(scope, watched, send)
        elif verdict is Verdict.UNCHECKED:
            # Not 429: other clients may have caused the load.
            response = PlainTextResponse(
                "Too many passwords are being checked.\n", 503, {"Retry-After": "1"}
            )
            await response(scope, watched, send)

    def _is_rate_limited(self, limit: RateLimit | None) -> bool:
        if limit != self._limit:
            self._limit = limit
            self._bucket = TokenBucket(limit) if limit is not None else None
        if self._bucket is None:
            return False
        if self._bucket.wait(asyncio.get_running_loop().time()) > 0:
            return True
        self._bucket.take()
        return False

    async def _verdict(
        self, users: Mapping[str, str], scope: Scope, watched: _Watched
    ) -> Verdict | None:
        """Return the verdict on the user; None if the client disconnects first."""
        if not users:
            return Verdict.RIGHT
        given = _credentials(Headers(scope=scope).get("authorization", ""))
        if given is None:
            return Verdict.WRONG
        remembered = self._passwords.remembered(users, *given)
        if remembered is not None:
            return remembered
        checking = asyncio.create_task(
            self._passwords.check(users, *given, _client(scope))
        )
        leaving = asyncio.create_task(watched.disconnect())
        try:
            await asyncio.wait({checking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            return checking.result() if checking.done() else None
        finally:
            checking.cancel()
            leaving.cancel()


class _Watched:
    """
    Watches for a disconnect while the password is checked.

    All messages reach the application afterwards.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen: deque[Message] = deque()

    async def __call__(self) -> Message:
        return self._seen.popleft() if self._seen else await self._receive()

    async def disconnect(self) -> None:
        """Wait until the client disconnects."""
        is_gone = False
        while not is_gone:
            message = await self._receive()
            self._seen.append(message)
            is_gone = message["type"] == "http.disconnect"


def _client(scope: Scope) -> str:
    """Return the key for fair queuing: an IPv6 client is its /64 network."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(
            encoded.strip(), validate=True
        ).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _with_headers(headers: Mapping[str, str], send: Send) -> Send:
    if not headers:
        return send

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers
