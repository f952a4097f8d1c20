"""A web configuration: who may ask, over which TLS, how often, with which headers."""

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
    """What is asked of clients' certificates, as Go's `crypto/tls` calls it."""

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
    """A certificate or key: in a file, or in the web configuration itself."""

    path: Path | None = None
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """The certificate that is shown, and what is asked of clients."""

    cert: Pem
    key: Pem
    client_auth: ClientAuth = ClientAuth.NONE
    client_ca: Pem | None = None
    client_allowed_sans: tuple[str, ...] = ()
    min_version: TlsVersion = TlsVersion.TLS12
    max_version: TlsVersion = TlsVersion.TLS13
    ciphers: tuple[str, ...] = ()
    """By their OpenSSL names, for TLS 1.2 and older; none: OpenSSL's own choice."""

    prefers_own_ciphers: bool = True
    curve: str | None = None
    """By its OpenSSL name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfiguration:
    """All that a web configuration file says; plain HTTP for everybody by default."""

    tls: ServerTls | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Names, and bcrypt hashes of passwords."""

    rate_limit: RateLimit | None = None
    warnings: tuple[FileError, ...] = ()
    """What does not do all that the file says."""
