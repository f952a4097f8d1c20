"""
Who may ask, how often, and with which headers answers go out.

The order is that of Prometheus's exporter-toolkit: the web configuration as it is now,
the rate limit, headers, then users. Health endpoints are open to everybody.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import bcrypt

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .budget import TokenBucket
from .config import RateLimit
from .errors import ConfigurationError
from .webconfig import CurrentWebConfiguration, WebConfiguration


OPEN_PATHS: Final = frozenset(("/-/healthy", "/-/ready"))

_MOST_REMEMBERED: Final = 100
_LONGEST_PASSWORD: Final = 72
_USUAL_COST: Final = 10


class Guard:
    """An ASGI application around another, which only sees requests that may pass."""

    def __init__(self, app: ASGIApp, current: CurrentWebConfiguration) -> None:
        self._app = app
        self._current = current
        self._limit: RateLimit | None = None
        self._bucket: TokenBucket | None = None
        self._passwords = Passwords()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            configuration = self._current.now()
        except ConfigurationError:
            response = PlainTextResponse(
                "The web configuration has mistakes; the log tells which.\n", 500
            )
            await response(scope, receive, send)
            return
        if self._is_too_much(configuration.rate_limit):
            await PlainTextResponse("Too many requests.\n", 429)(scope, receive, send)
            return
        send = _with_headers(configuration.headers, send)
        if not await self._may(configuration, Headers(scope=scope)):
            response = PlainTextResponse(
                "Unauthorized\n", 401, {"WWW-Authenticate": "Basic"}
            )
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_too_much(self, limit: RateLimit | None) -> bool:
        if limit != self._limit:
            self._limit = limit
            self._bucket = TokenBucket(limit) if limit is not None else None
        if self._bucket is None:
            return False
        if self._bucket.wait(asyncio.get_running_loop().time()) > 0:
            return True
        self._bucket.take()
        return False

    async def _may(self, configuration: WebConfiguration, headers: Headers) -> bool:
        if not configuration.users:
            return True
        given = _credentials(headers.get("authorization", ""))
        if given is None:
            return False
        user, password = given
        return await self._passwords.match(configuration.users, user, password)


class Passwords:
    """
    Compares passwords with bcrypt hashes.

    One at a time, since each takes long; results are remembered. A user who does not
    exist takes as long as one who does.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._salt = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, bool] = OrderedDict()
        self._decoys: dict[int, bytes] = {}

    async def match(self, users: Mapping[str, str], user: str, password: bytes) -> bool:
        """Tell whether `password` is the user's."""
        digest = users.get(user, "").encode()
        key = self._key(user, digest, password)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        async with self._lock:
            found = await asyncio.to_thread(self._compare, users, digest, password)
        self._known[key] = found
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return found

    def _compare(
        self, users: Mapping[str, str], digest: bytes, password: bytes
    ) -> bool:
        # bcrypt takes neither; cut off, both could be the password of somebody.
        is_possible = len(password) <= _LONGEST_PASSWORD and b"\0" not in password
        compared = digest or self._decoy(users)
        same = bcrypt.checkpw(password if is_possible else b"-", compared)
        return same and is_possible and bool(digest)

    def _decoy(self, users: Mapping[str, str]) -> bytes:
        cost = max((int(one[4:6]) for one in users.values()), default=_USUAL_COST)
        if cost not in self._decoys:
            password = secrets.token_bytes(16).hex().encode()
            self._decoys[cost] = bcrypt.hashpw(password, bcrypt.gensalt(cost))
        return self._decoys[cost]

    def _key(self, user: str, digest: bytes, password: bytes) -> bytes:
        # Not the password itself: it is not to be found in memory later.
        parts = (user.encode(), digest, password)
        text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.new(self._salt, text, hashlib.sha256).digest()


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
