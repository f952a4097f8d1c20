"""
A token that IAM has issued, and how it is read from the answer to a login.

Source: IAM API reference, "Obtaining a User Token Through Password Authentication".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import httpx
import msgspec

from ...errors import CollectionError, Failure, Reason
from ..decoding import JsonError, decode_json
from ..error_body import request_id
from ..request_context import with_request
from .access_keys import fits_header


_MAX_MARGIN_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class Token:
    """A token for one project or the account; times are Unix time."""

    text: str = field(repr=False)
    issued_at: float
    expires_at: float
    user_id: str = ""

    def is_due(self, now: float) -> bool:
        """Return whether the token should be renewed."""
        margin = min(_MAX_MARGIN_SECONDS, (self.expires_at - self.issued_at) / 10)
        return now >= self.expires_at - margin


class _TokenUser(msgspec.Struct):
    id: str | None = None


class _TokenBody(msgspec.Struct):
    expires_at: datetime
    user: _TokenUser | None = None


class _TokenAnswer(msgspec.Struct):
    token: _TokenBody


_decoder: Final = msgspec.json.Decoder(_TokenAnswer)


def read_token(response: httpx.Response, now: float) -> Token:
    """Return the token that `response` issues at `now`. Raises `CollectionError`."""
    text = response.headers.get("X-Subject-Token", "")
    try:
        body = decode_json(_decoder, response.content).token
        expires_at = body.expires_at
        # Without a time zone, it would be taken as local time.
        expires_at = expires_at.replace(tzinfo=expires_at.tzinfo or UTC)
        timestamp = expires_at.timestamp()
    except (JsonError, ValueError, OverflowError):
        body = None
    if body is None or not fits_header(text):
        # The body may contain the token, so nothing of it is quoted or chained.
        failure = Failure(
            reason=Reason.RESPONSE,
            problem="the login response has no usable token, or no expiry time",
            advice="check the cloud's iam_url",
            status=response.status_code,
            request_id=request_id(response),
        )
        raise CollectionError(with_request(failure, response.request))
    user_id = body.user.id if body.user else None
    return Token(text, now, timestamp, user_id or "")
