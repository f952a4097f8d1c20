"""
The SDK-HMAC-SHA256 signature, as a function of a request.

Source: API Gateway, "AK/SK Signing and Authentication Algorithm". The tests hold it
to the published known answers and to the official SDK's signer.
"""

from __future__ import annotations

import hashlib
import hmac

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote


ALGORITHM: Final = "SDK-HMAC-SHA256"
DATE_FORMAT: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signable:
    """
    The parts of a request that are signed.

    `path` and `query` are percent-encoded, as sent; `headers` are the headers to sign,
    including `host` and `x-sdk-date`.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def signed_headers(self) -> str:
        """The names of the signed headers: lower case, sorted, joined with `;`."""
        return ";".join(sorted(name.lower() for name in self.headers))

    def canonical_request(self) -> str:
        """Return the text whose hash is signed."""
        headers = sorted(
            (name.lower(), value.strip()) for name, value in self.headers.items()
        )
        return "\n".join(
            (
                self.method.upper(),
                _canonical_path(self.path),
                _canonical_query(self.query),
                "".join(f"{name}:{value}\n" for name, value in headers),
                self.signed_headers,
                hashlib.sha256(self.body).hexdigest(),
            )
        )


def authorization(
    signable: Signable, *, access_key: str, secret_key: str, date: str
) -> str:
    """
    Return the value of the `Authorization` header.

    `date` is the `X-Sdk-Date` of the request, in `DATE_FORMAT`.
    """
    request_hash = hashlib.sha256(signable.canonical_request().encode()).hexdigest()
    signature = hmac.new(
        secret_key.encode(),
        f"{ALGORITHM}\n{date}\n{request_hash}".encode(),
        hashlib.sha256,
    ).hexdigest()
    return (
        f"{ALGORITHM} Access={access_key}, "
        f"SignedHeaders={signable.signed_headers}, Signature={signature}"
    )


def _canonical_path(path: str) -> str:
    encoded = "/".join(_encode(unquote(segment)) for segment in path.split("/"))
    return encoded if encoded.endswith("/") else f"{encoded}/"


def _canonical_query(query: str) -> str:
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{_encode(name)}={_encode(value)}" for name, value in pairs)


def _encode(text: str) -> str:
    return quote(text, safe="~")
