"""
Checks SDK-HMAC-SHA256 signatures, from the request as it was received.

Source: API Gateway, "AK/SK Signing and Authentication Algorithm". Independent of
the exporter's signer, so that both do not share an error.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote


_AUTHORIZATION: Final = re.compile(
    r"SDK-HMAC-SHA256 Access=([^,\s]+), SignedHeaders=([^,\s]+), Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Signed:
    """The parts of an `Authorization` header."""

    access_key: str
    names: tuple[str, ...]
    signature: str


def parse(authorization: str) -> Signed | None:
    """Parse the header; None if it is not a signature."""
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        return None
    return Signed(match[1], tuple(match[2].split(";")), match[3])


def expected_signature(
    signed: Signed,
    secret_key: str,
    *,
    method: str,
    raw_path: str,
    raw_query: str,
    headers: Mapping[str, str],
    body: bytes,
) -> str:
    """Return the correct signature of a request with these parts."""
    path = "/".join(_encode(unquote(part)) for part in raw_path.split("/"))
    if not path.endswith("/"):
        path += "/"
    pairs = []
    for pair in filter(None, raw_query.split("&")):
        name, _, value = pair.partition("=")
        pairs.append((unquote(name), unquote(value)))
    query = "&".join(
        f"{_encode(name)}={_encode(value)}" for name, value in sorted(pairs)
    )
    lines = "".join(
        f"{name}:{headers.get(name, '').strip()}\n" for name in signed.names
    )
    request = (
        f"{method}\n{path}\n{query}\n{lines}\n{';'.join(signed.names)}\n"
        f"{hashlib.sha256(body).hexdigest()}"
    )
    text = (
        f"SDK-HMAC-SHA256\n{headers.get('x-sdk-date', '')}\n"
        f"{hashlib.sha256(request.encode()).hexdigest()}"
    )
    return hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
