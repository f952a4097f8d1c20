"""
From a web configuration file to a `WebConfiguration`.

The format is that of Prometheus's exporter-toolkit (`docs/web-configuration.md`). What
Python cannot do is a mistake with a word why; nothing is ignored.
"""

from __future__ import annotations

import re
import ssl

from enum import StrEnum
from typing import Final

from ..config import RateLimit
from ..config.reading import open_document
from ..config.section import Section
from .model import ClientAuth, Pem, ServerTls, TlsVersion, WebConfiguration
from .tls import server_context


class _Header(StrEnum):
    CONTENT_SECURITY_POLICY = "Content-Security-Policy"
    FRAME_OPTIONS = "X-Frame-Options"
    CONTENT_TYPE_OPTIONS = "X-Content-Type-Options"
    XSS_PROTECTION = "X-XSS-Protection"
    STRICT_TRANSPORT_SECURITY = "Strict-Transport-Security"


class _Curve(StrEnum):
    P256 = "CurveP256"
    P384 = "CurveP384"
    P521 = "CurveP521"
    X25519 = "X25519"


_VALUES: Final = {
    _Header.FRAME_OPTIONS: ("deny", "sameorigin"),
    _Header.CONTENT_TYPE_OPTIONS: ("nosniff",),
}
_CURVES: Final = {
    _Curve.P256: "prime256v1",
    _Curve.P384: "secp384r1",
    _Curve.P521: "secp521r1",
    _Curve.X25519: "X25519",
}
_BCRYPT: Final = re.compile(r"\$2[aby]?\$\d\d\$[./A-Za-z0-9]{53}")
_CIPHER: Final = re.compile(
    r"TLS_(?P<exchange>ECDHE_RSA|ECDHE_ECDSA|RSA)_WITH_"
    r"(?P<cipher>AES_128|AES_256|CHACHA20_POLY1305)"
    r"(?:_(?P<mode>GCM|CBC))?(?:_(?P<hash>SHA|SHA256|SHA384))?"
)


def load_web_configuration(file: str) -> WebConfiguration:
    """
    Return what stands in `file`.

    Raises `ConfigurationError` with every mistake that was found.
    """
    document, root = open_document(file, {})
    tls = _tls(root.section("tls_server_config"))
    server = root.section("http_server_config")
    headers = _headers(server)
    configuration = WebConfiguration(
        tls=tls,
        headers=headers,
        users=_users(root.section("basic_auth_users")),
        rate_limit=_rate_limit(root.section("rate_limit")),
    )
    root.close()
    document.finish()
    return configuration


def _tls(section: Section | None) -> ServerTls | None:
    if section is None:
        return None
    before = len(section.document.mistakes)
    cert = _pem(section, "cert")
    key = _pem(section, "key")
    client_ca = _pem(section, "client_ca")
    auth = section.choice("client_auth_type", ClientAuth, ClientAuth.NONE)
    tls = ServerTls(
        cert=cert or Pem(),
        key=key or Pem(),
        client_auth=auth or ClientAuth.NONE,
        client_ca=client_ca,
        client_allowed_sans=section.words("client_allowed_sans"),
        min_version=section.choice("min_version", TlsVersion, TlsVersion.TLS12)
        or TlsVersion.TLS12,
        max_version=section.choice("max_version", TlsVersion, TlsVersion.TLS13)
        or TlsVersion.TLS13,
        ciphers=tuple(
            filter(None, (_cipher(section, w) for w in section.words("cipher_suites")))
        ),
        prefers_own_ciphers=section.boolean("prefer_server_cipher_suites", True),
        curve=_curve(section),
    )
    section.close()
    if cert is None:
        section.mistake("missing: cert_file, or cert")
    if key is None:
        section.mistake("missing: key_file, or key")
    _check_clients(section, tls)
    if len(section.document.mistakes) == before:
        _try(section, tls)
    return tls


def _pem(section: Section, key: str) -> Pem | None:
    path = section.readable_file(f"{key}_file")
    text = section.block(key)
    if path is not None and text:
        section.mistake(f"give either this or {key}_file", key)
    if path is None and not text:
        return None
    return Pem(path, text)


def _check_clients(section: Section, tls: ServerTls) -> None:
    if tls.client_auth in {ClientAuth.REQUEST, ClientAuth.REQUIRE_ANY}:
        section.mistake(
            "Python cannot ask for a certificate without checking it; "
            f"use {ClientAuth.VERIFY_IF_GIVEN} or {ClientAuth.REQUIRE_AND_VERIFY}",
            "client_auth_type",
        )
    elif tls.client_auth is ClientAuth.NONE and tls.client_ca is not None:
        section.mistake(
            f"a client CA needs another client_auth_type than {ClientAuth.NONE}"
        )
    elif tls.client_auth is not ClientAuth.NONE and tls.client_ca is None:
        section.mistake("needs client_ca_file, or client_ca", "client_auth_type")
    if tls.client_allowed_sans and tls.client_auth is not ClientAuth.REQUIRE_AND_VERIFY:
        section.mistake(
            f"needs client_auth_type: {ClientAuth.REQUIRE_AND_VERIFY}",
            "client_allowed_sans",
        )
    if list(TlsVersion).index(tls.min_version) > list(TlsVersion).index(
        tls.max_version
    ):
        section.mistake("is above max_version", "min_version")


def _try(section: Section, tls: ServerTls) -> None:
    try:
        server_context(tls)
    except (OSError, ValueError) as error:
        # An SSLError's reason is a word such as KEY_VALUES_MISMATCH; other texts name
        # files and settings.
        reason = error.reason if isinstance(error, ssl.SSLError) else None
        problem = (reason or getattr(error, "strerror", None) or str(error)).lower()
        section.mistake(f"cannot be used: {problem.replace('_', ' ')}")


def _cipher(section: Section, name: str) -> str | None:
    """Return OpenSSL's name of a cipher suite; those of TLS 1.3 cannot be chosen."""
    found = _CIPHER.fullmatch(name)
    if found is None:
        section.mistake(
            f"{name} cannot be chosen here: only TLS 1.2 suites with ECDHE or RSA, and "
            "AES or ChaCha20, can",
            "cipher_suites",
        )
        return None
    exchange = found["exchange"].replace("_", "-")
    if found["cipher"] == "CHACHA20_POLY1305":
        return f"{exchange}-CHACHA20-POLY1305"
    parts = [
        *([exchange] if exchange != "RSA" else []),
        found["cipher"].replace("_", ""),
        *(["GCM"] if found["mode"] == "GCM" else []),
        found["hash"] or "SHA",
    ]
    return "-".join(parts)


def _curve(section: Section) -> str | None:
    curves = section.choices("curve_preferences", _Curve, ())
    if len(curves) > 1:
        section.mistake("Python can set only one curve", "curve_preferences")
    return _CURVES[curves[0]] if curves else None


def _headers(section: Section | None) -> dict[str, str]:
    if section is None:
        return {}
    if section.boolean("http2", False):
        section.mistake(
            "this exporter speaks HTTP/1.1 only: leave it out, or say false", "http2"
        )
    given = section.section("headers")
    headers = dict(given.texts()) if given is not None else {}
    for name, value in headers.items():
        if given is None:
            continue
        known = [str(header) for header in _Header]
        if name not in known:
            given.mistake(f"only these can be set: {', '.join(known)}", name)
        allowed = _VALUES.get(_Header(name), ()) if name in known else ()
        if allowed and value.lower() not in allowed:
            given.mistake(f"must be {' or '.join(allowed)}", name)
    section.close()
    return headers


def _users(section: Section | None) -> dict[str, str]:
    if section is None:
        return {}
    users = dict(section.texts())
    for name, digest in users.items():
        if not name or ":" in name:
            section.mistake("not a user name: it is empty or has a colon", name)
        if not _BCRYPT.fullmatch(digest):
            section.mistake("not a bcrypt hash; make one with htpasswd -nBC 10", name)
    return users


def _rate_limit(section: Section | None) -> RateLimit | None:
    if section is None:
        return None
    interval = section.duration("interval", 1.0)
    burst = section.integer("burst", 1, 1, 1_000_000)
    section.close()
    return (
        RateLimit(requests_per_second=1 / interval, burst=burst) if interval else None
    )
