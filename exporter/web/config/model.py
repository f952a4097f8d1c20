"""The web configuration: users, TLS, rate limit and headers."""

from __future__ import annotations

import ssl

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from ...config import RateLimit
from ...errors import FileError


class ClientAuth(StrEnum):
    """Whether client certificates are requested and verified, in the terms of Go's `crypto/tls`."""

    NONE = "NoClientCert"
    REQUEST = "RequestClientCert"
    REQUIRE_ANY = "RequireAnyClientCert"
    REQUIRE = "RequireClientCert"
    VERIFY_IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRE_AND_VERIFY = "RequireAndVerifyClientCert"


class TlsVersion(StrEnum):
    """A version of TLS."""

    TLS10 = "TLS10"
    TLS11 = "TLS11"
    TLS12 = "TLS12"
    TLS13 = "TLS13"


VERSIONS: Final = {
    TlsVersion.TLS10: ssl.TLSVersion.TLSv1,
    TlsVersion.TLS11: ssl.TLSVersion.TLSv1_1,
    TlsVersion.TLS12: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS13: ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True, slots=True)
class Pem:
    """A certificate or key: in a file, or inline in the web configuration."""

    path: Path | None = None
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """The server certificate, and the requirements on clients."""

    cert: Pem
    key: Pem
    client_auth: ClientAuth = ClientAuth.NONE
    client_ca: Pem | None = None
    client_allowed_sans: tuple[str, ...] = ()
    min_version: TlsVersion = TlsVersion.TLS12
    max_version: TlsVersion = TlsVersion.TLS13
    ciphers: tuple[str, ...] = ()
    """OpenSSL names, for TLS 1.2 and older; empty means OpenSSL's default."""

    prefers_own_ciphers: bool = True
    curve: str | None = None
    """OpenSSL name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfiguration:
    """A web configuration file; the default is plain HTTP without users."""

    tls: ServerTls | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Bcrypt hashes of passwords by user name."""

    rate_limit: RateLimit | None = None
    warnings: tuple[FileError, ...] = ()
    """Settings that are only partly applied."""
