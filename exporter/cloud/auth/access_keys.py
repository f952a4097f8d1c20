"""Authentication by access key: every request is signed."""

from __future__ import annotations

import asyncio
import re

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, Protocol

import httpx

from ...clock import Clock
from ...config import AccessKeyAuth
from ...errors import CollectionError, Failure, Reason, SecretError
from ..error_codes import failure_of
from ..request_context import with_request
from .lockout_guard import LockoutGuard
from .lockout_policy import LockoutLimits
from .signature import DATE_FORMAT, Signable, authorization


_LOCK_SECONDS: Final = 300.0
_HEADER_TEXT: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class AccessKey:
    """The current access key."""

    access_key: str
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    """Unix time, for a temporary key of an agency."""

    @property
    def text(self) -> str:
        """All parts as one text, to detect a change."""
        return "\n".join((self.access_key, self.secret_key, self.security_token or ""))

    @property
    def fits_headers(self) -> bool:
        """Whether the parts that are sent fit into headers."""
        sent = (self.access_key, self.security_token)
        return all(part is None or fits_header(part) for part in sent)


class KeySource(Protocol):
    """A source of access keys."""

    async def key(self) -> AccessKey:
        """Return the current key. Raises `CollectionError`."""

    async def aclose(self) -> None:
        """Close connections, if any."""


class ConfiguredKeys:
    """The access key from the configuration or its secret files."""

    def __init__(self, auth: AccessKeyAuth) -> None:
        self._auth = auth

    async def key(self) -> AccessKey:
        """Return the current key. Raises `CollectionError`."""
        token = self._auth.security_token
        try:
            key = AccessKey(
                self._auth.access_key,
                self._auth.secret_key.reveal(),
                token.reveal() if token else None,
            )
        except SecretError as error:
            raise CollectionError(unreadable_secret(error)) from error
        if not key.fits_headers:
            raise CollectionError(_NOT_A_KEY)
        return key

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""


@dataclass(frozen=True, slots=True)
class _Rejection:
    """Why a key was rejected; it is not sent until then, on the event loop's clock."""

    key_text: str = field(repr=False)
    until: float
    failure: Failure


class AccessKeys:
    """One cloud's access key, and where it was rejected, shared by its projects."""

    def __init__(self, source: KeySource, processes: int = 1) -> None:
        self.source = source
        limits = LockoutLimits(cooldown_seconds=_LOCK_SECONDS)
        self.lockout_guard = LockoutGuard(limits.divided(processes))
        self._rejections: dict[str, _Rejection] = {}

    def rejection(self, path: str, key: AccessKey) -> Failure | None:
        """Return why `key` was rejected at `path` in the last five minutes, if it was."""
        rejection = self._rejections.get(path)
        if rejection is None or rejection.key_text != key.text:
            return None
        left = rejection.until - asyncio.get_running_loop().time()
        if left <= 0:
            return None
        return rejection.failure.followed_by(f"not sent again for {left:.0f} s")

    def rejected(self, path: str, key: AccessKey, failure: Failure) -> None:
        """Remember that `key` was rejected at `path`."""
        until = asyncio.get_running_loop().time() + _LOCK_SECONDS
        self._rejections[path] = _Rejection(key.text, until, failure)

    async def is_changed(self) -> bool:
        """Return whether the key is another one than was last sent."""
        try:
            key = await self.source.key()
        except CollectionError:
            return False
        return self.lockout_guard.is_replaced_by(key.text)

    def try_again(self) -> None:
        """Try a rejected key once more, since it may have been corrected."""
        self.lockout_guard.try_again()
        self._rejections.clear()


class SignatureAuth(httpx.Auth):
    """
    Signs the requests of one project with its cloud's access key.

    Without a project, they are requests of the account, and no scope is sent: IAM knows
    the account from the key.
    """

    def __init__(
        self,
        keys: AccessKeys,
        project_id: str | None,
        clock: Clock,
        expiry_changed: Callable[[float], None],
    ) -> None:
        self._keys = keys
        self._project_id = project_id
        self._expiry_changed = expiry_changed
        self._clock = clock

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign `request`; record whether the key is accepted. Raises `CollectionError`."""
        key = await self._keys.source.key()
        if key.expires_at is not None:
            self._expiry_changed(key.expires_at)
        path = request.url.path
        earlier = self._keys.rejection(path, key)
        if earlier is not None:
            raise CollectionError(with_request(earlier, request))
        async with self._keys.lockout_guard.attempt(
            key.text, self._project_id or ""
        ) as attempt:
            self.sign(request, key)
            response = yield request
            failure = failure_of(response)
            if failure is not None and failure.reason is Reason.AUTHENTICATION:
                self._keys.rejected(path, key, failure)
                attempt.rejected(failure)
            elif _accepts_signature(response):
                attempt.accepted()

    def sign(self, request: httpx.Request, key: AccessKey) -> None:
        """Add the headers that authenticate `request`."""
        date = datetime.fromtimestamp(self._clock(), UTC).strftime(DATE_FORMAT)
        request.headers["X-Sdk-Date"] = date
        if self._project_id is not None:
            request.headers["X-Project-Id"] = self._project_id
        if key.security_token is not None:
            request.headers["X-Security-Token"] = key.security_token
        signed = (
            "Host",
            "Content-Type",
            "X-Sdk-Date",
            "X-Project-Id",
            "X-Security-Token",
        )
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        signable = Signable(
            method=request.method,
            path=path,
            query=query,
            headers={
                name: request.headers[name]
                for name in signed
                if name in request.headers
            },
            body=request.content,
        )
        request.headers["Authorization"] = authorization(
            signable, access_key=key.access_key, secret_key=key.secret_key, date=date
        )


_NOT_A_KEY: Final = Failure(
    reason=Reason.AUTHENTICATION,
    problem="the access key or its security token has characters that a header cannot contain",
    advice="correct access_key and security_token in the cloud's auth section",
)


def fits_header(text: str) -> bool:
    """Return whether a header can contain `text`: tokens and keys are visible ASCII."""
    return _HEADER_TEXT.fullmatch(text) is not None


def unreadable_secret(error: SecretError) -> Failure:
    """Return the failure of a collection whose secret cannot be read."""
    return Failure(
        reason=Reason.AUTHENTICATION,
        problem=f"a secret cannot be read: {error}",
        advice="restore the file, or correct its path and permissions",
    )


def _accepts_signature(response: httpx.Response) -> bool:
    # A gateway may throttle or fail before it checks the signature.
    return (
        response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
        and response.status_code != HTTPStatus.TOO_MANY_REQUESTS
    )
