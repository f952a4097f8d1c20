"""
Temporary access keys of an ECS agency, from the instance's metadata service.

Source: Elastic Cloud Server, "Obtaining ECS Details Using Metadata". Keys are valid for
an hour; the service offers new ones in the last ten minutes.
"""

from __future__ import annotations

import asyncio

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx
import msgspec

from ...clock import Clock
from ...errors import CollectionError, Failure, Reason
from ..decoding import JsonError, decode_json
from ..response_body import BodyError, read_body
from ..response_memory import ResponseMemory
from .access_keys import AccessKey, fits_header
from .single_flight import SingleFlight


_OPERATION: Final = "instance_metadata"
_TIMEOUT_SECONDS: Final = 3.0
# The timeout above is per read; an endless response must not block all projects.
_RENEWAL_TIMEOUT_SECONDS: Final = 10.0
_RENEWAL_SECONDS: Final = 600.0
# In the renewal period the service may still return the old keys.
_COOLDOWN_SECONDS: Final = 30.0
_MAX_BODY_BYTES: Final = 16 * 1024
_SESSION_HEADER: Final = "X-Metadata-Token"
_SESSION_SECONDS: Final = "21600"
_NO_SESSIONS: Final = {
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.SERVICE_UNAVAILABLE,
}


class _Credential(msgspec.Struct):
    access: str
    secret: str
    securitytoken: str
    expires_at: datetime


class _SecurityKey(msgspec.Struct):
    credential: _Credential


_decoder: Final = msgspec.json.Decoder(_SecurityKey)


class AgencyKeys:
    """The instance's temporary access keys, renewed before they expire."""

    def __init__(
        self,
        metadata_url: str,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = metadata_url
        self._clock = clock
        # Never through a proxy: the address is the instance's own.
        self._http = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            timeout=_TIMEOUT_SECONDS,
            headers={"Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )
        self._memory = ResponseMemory()
        self._session: str | None = None
        self._key: AccessKey | None = None
        self._cooldown_until = 0.0
        # The service is asked by one renewal at a time.
        self._last_request = ("", "")
        self._renewal = SingleFlight(self._renew)

    async def key(self) -> AccessKey:
        """Return a valid key. Raises `CollectionError`."""
        key, now = self._key, self._clock()
        left = key.expires_at - now if key is not None and key.expires_at else 0.0
        if key is not None and (
            left > _RENEWAL_SECONDS or (left > 0 and now < self._cooldown_until)
        ):
            return key
        new = await self._renewal.outcome()
        if isinstance(new, AccessKey):
            return new
        if key is not None and left > 0:
            return key
        raise CollectionError(new)

    async def aclose(self) -> None:
        """Cancel a running renewal, and close connections."""
        await self._renewal.aclose()
        await self._http.aclose()

    async def _renew(self) -> AccessKey | Failure:
        key = await self._new_key()
        if isinstance(key, AccessKey):
            self._key = key
            return key
        method, path = self._last_request
        return replace(key, operation=_OPERATION, method=method, path=f"/{path}")

    async def _new_key(self) -> AccessKey | Failure:
        self._cooldown_until = self._clock() + _COOLDOWN_SECONDS
        try:
            async with asyncio.timeout(_RENEWAL_TIMEOUT_SECONDS):
                response = await self._ask()
        except (httpx.HTTPError, TimeoutError) as error:
            return _failure(f"it does not answer ({type(error).__name__})")
        except BodyError as error:
            return _failure(f"its answer {error}")
        except CollectionError as error:
            return error.failure
        return _key(response)

    async def _ask(self) -> httpx.Response:
        if self._session is None:
            await self._open_session()
        response = await self._security_key()
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            await self._open_session()
            response = await self._security_key()
        return response

    async def _open_session(self) -> None:
        response = await self._send(
            "PUT",
            "meta-data/latest/api/token",
            {f"{_SESSION_HEADER}-Ttl-Seconds": _SESSION_SECONDS},
        )
        # Older instances have no sessions and need none.
        session = "" if response.status_code in _NO_SESSIONS else response.text.strip()
        if session and not fits_header(session):
            raise CollectionError(
                _failure("its session cannot be sent in a header", Reason.RESPONSE)
            )
        self._session = session

    async def _security_key(self) -> httpx.Response:
        return await self._send(
            "GET",
            "openstack/latest/securitykey",
            {_SESSION_HEADER: self._session} if self._session else {},
        )

    async def _send(
        self, method: str, path: str, headers: dict[str, str]
    ) -> httpx.Response:
        self._last_request = method, path
        async with (
            self._memory.share() as share,
            self._http.stream(
                method, f"{self._url}/{path}", headers=headers
            ) as response,
        ):
            content = await read_body(
                _chunks(response),
                _MAX_BODY_BYTES,
                share,
                content_encoding=response.headers.get("Content-Encoding", ""),
                content_length=response.headers.get("Content-Length", ""),
            )
        return httpx.Response(response.status_code, content=content)


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    if not isinstance(response.stream, httpx.AsyncByteStream):
        raise TypeError(response.stream)
    return aiter(response.stream)


def _key(response: httpx.Response) -> AccessKey | Failure:
    if response.status_code != HTTPStatus.OK:
        failure = _failure(f"HTTP {response.status_code}")
        return replace(failure, status=response.status_code)
    try:
        found = decode_json(_decoder, response.content).credential
        # Without a time zone, it would be taken as local time.
        expires_at = found.expires_at.replace(tzinfo=found.expires_at.tzinfo or UTC)
        key = AccessKey(
            found.access, found.secret, found.securitytoken, expires_at.timestamp()
        )
    except (JsonError, ValueError, OverflowError):
        # The response may contain a key, so it is not quoted.
        return _failure("its answer holds no key")
    if not key.fits_headers:
        return _failure("its key cannot be sent in a header", Reason.RESPONSE)
    return key


def _failure(what: str, reason: Reason = Reason.AUTHENTICATION) -> Failure:
    return Failure(
        reason=reason,
        problem=f"no temporary key from the instance's metadata service: {what}",
        advice="give this instance an agency with the permissions, or another credential",
    )
