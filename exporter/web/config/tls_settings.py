"""
Reads and checks `tls_server_config`.

Results are those of exporter-toolkit and Go's `crypto/tls`. Where Python's `ssl`
supports only part of a setting, that part is used, with a warning.
"""

from __future__ import annotations

import ssl

from dataclasses import dataclass
from typing import Final

from ...config.messages import quoted, suggestion
from ...config.section import Section
from .go_yaml import as_boolean
from .model import ClientAuth, Pem, ServerTls, TlsVersion
from .tls import read_pair, server_context


_CIPHERS: Final = {
    f"TLS_ECDHE_{key}_WITH_{name}": f"ECDHE-{key}-{openssl}"
    for key in ("RSA", "ECDSA")
    for name, openssl in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
        ("AES_128_CBC_SHA", "AES128-SHA"),
        ("AES_256_CBC_SHA", "AES256-SHA"),
    )
}
"""Go's suites for TLS 1.2 and older, without those that it lists as insecure."""

_TLS13_CIPHERS: Final = frozenset(
    ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
)
"""Always enabled: neither Go nor Python can select them."""

_HTTP2_CIPHERS: Final = frozenset(
    f"TLS_ECDHE_{key}_WITH_AES_128_GCM_SHA256" for key in ("RSA", "ECDSA")
)
_CURVES: Final = {
    "CurveP256": "prime256v1",
    "X25519": "X25519",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
}
"""Most widely supported first."""

_VERSIONS: Final = list(TlsVersion)
_FILES: Final = ("cert", "key", "client_ca")


@dataclass(frozen=True, slots=True)
class _Ciphers:
    names: tuple[str, ...]
    openssl: tuple[str, ...]


def read_tls(section: Section | None, *, http2: bool) -> ServerTls | None:
    """
    Return the TLS settings, or None if TLS is not configured.

    With `http2`, the cipher suites must include one that HTTP/2 needs, as in Go.
    """
    if section is None:
        return None
    before = len(section.document.errors)
    cert, key, client_ca = (_pem(section, name) for name in _FILES)
    auth = _client_auth(section, client_ca)
    sans = _sans(section, auth)
    min_version, max_version = (
        section.choice(name, TlsVersion, default) or default
        for name, default in (
            ("min_version", TlsVersion.TLS12),
            ("max_version", TlsVersion.TLS13),
        )
    )
    ciphers = _ciphers(section)
    if http2 and min_version is not TlsVersion.TLS13:
        _check_http2(section, ciphers)
    if ciphers.names and not ciphers.openssl:
        min_version = TlsVersion.TLS13
    if _VERSIONS.index(min_version) > _VERSIONS.index(max_version):
        section.error(f"is above max_version: {min_version}", "min_version")
    prefers_own = section.value("prefer_server_cipher_suites", True, as_boolean)
    curve = _curve(section)
    section.close()
    if cert is None:
        section.error("missing: cert_file, or cert")
    if key is None:
        section.error("missing: key_file, or key")
    tls = ServerTls(
        cert=cert or Pem(),
        key=key or Pem(),
        client_auth=auth,
        client_ca=client_ca,
        client_allowed_sans=sans,
        min_version=min_version,
        max_version=max_version,
        ciphers=ciphers.openssl,
        prefers_own_ciphers=prefers_own,
        curve=curve,
    )
    if len(section.document.errors) == before:
        _try(section, tls)
    return tls


def _pem(section: Section, key: str) -> Pem | None:
    file_key = f"{key}_file"
    is_file, is_text = (not section.is_blank(name) for name in (file_key, key))
    if is_file and is_text:
        section.warning(f"not used, since {file_key} is given", key)
    if is_file:
        return Pem(section.readable_file(file_key))
    return Pem(text=section.block(key)) if is_text else None


def _client_auth(section: Section, client_ca: Pem | None) -> ClientAuth:
    key = "client_auth_type"
    if section.is_blank(key):
        auth = ClientAuth.NONE
    else:
        auth = section.choice(key, ClientAuth, ClientAuth.NONE) or ClientAuth.NONE
    if auth is ClientAuth.REQUEST:
        section.warning(
            "clients are not asked for certificates, since Python cannot do so without "
            f"checking them: {ClientAuth.NONE} is used",
            key,
        )
        return ClientAuth.NONE
    if auth in {ClientAuth.REQUIRE_ANY, ClientAuth.REQUIRE}:
        if client_ca is None:
            section.error(
                "Python cannot take a certificate without checking it: give "
                f"client_ca_file, and {ClientAuth.REQUIRE_AND_VERIFY}",
                key,
            )
        else:
            section.warning(
                "Python cannot take a certificate without checking it: "
                f"{ClientAuth.REQUIRE_AND_VERIFY} is used, with the client CA",
                key,
            )
        return ClientAuth.REQUIRE_AND_VERIFY
    if auth is ClientAuth.NONE and client_ca is not None:
        section.error(
            f"a client CA needs another client_auth_type than {ClientAuth.NONE}"
        )
    return auth


def _sans(section: Section, auth: ClientAuth) -> tuple[str, ...]:
    key = "client_allowed_sans"
    sans = section.words(key)
    if key in section and not section.is_blank(key) and not sans:
        section.error("the list is empty: nobody would be allowed; leave it out", key)
    if sans and auth is ClientAuth.NONE:
        section.error(f"needs client_auth_type: {ClientAuth.REQUIRE_AND_VERIFY}", key)
    return sans


def _ciphers(section: Section) -> _Ciphers:
    key = "cipher_suites"
    names = section.words(key)
    unknown = [name for name in names if name not in {*_CIPHERS, *_TLS13_CIPHERS}]
    for name in unknown:
        hint = suggestion(name, [*_CIPHERS, *_TLS13_CIPHERS])
        section.error(f"{quoted(name)} is none of Go's secure cipher suites{hint}", key)
    if unknown:
        return _Ciphers((), ())
    return _Ciphers(names, tuple(_CIPHERS[name] for name in names if name in _CIPHERS))


def _check_http2(section: Section, ciphers: _Ciphers) -> None:
    if ciphers.names and not _HTTP2_CIPHERS.intersection(ciphers.names):
        section.error(
            "HTTP/2 needs TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or its ECDSA twin, and "
            "other exporters do not start without: add it, or set http2: false in "
            "http_server_config",
            "cipher_suites",
        )


def _curve(section: Section) -> str | None:
    """Return the curve to use; Python before 3.15 supports only one."""
    key = "curve_preferences"
    names = section.words(key)
    unknown = [name for name in names if name not in _CURVES]
    for name in unknown:
        section.error(
            f"{quoted(name)} is not known here; it is one of {', '.join(_CURVES)}",
            key,
        )
    if unknown or not names:
        return None
    usable = [name for name in _CURVES if name in names and _is_usable(_CURVES[name])]
    chosen = usable[0] if usable else names[0]
    others = sorted({*names} - {chosen})
    if others:
        section.warning(
            f"Python can use one curve only: {chosen} is used, not {', '.join(others)}",
            key,
        )
    return _CURVES[chosen]


def _is_usable(curve: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ecdh_curve(curve)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _try(section: Section, tls: ServerTls) -> None:
    try:
        server_context(tls, read_pair(tls))
    except (OSError, ValueError) as error:
        # An SSLError's reason is a constant such as KEY_VALUES_MISMATCH; other messages
        # name files and settings.
        reason = error.reason if isinstance(error, ssl.SSLError) else None
        problem = (reason or getattr(error, "strerror", None) or str(error)).lower()
        section.error(f"cannot be used: {problem.replace('_', ' ')}")
