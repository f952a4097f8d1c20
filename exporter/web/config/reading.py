"""
Reads a web configuration file into a `WebConfiguration`.

Format and behavior are those of Prometheus's exporter-toolkit
(`docs/web-configuration.md`). Nothing is ignored silently.
"""

from __future__ import annotations

import re

from enum import StrEnum
from pathlib import Path
from typing import Final

from ...config import RateLimit
from ...config.reading import open_document
from ...config.section import Section
from ...errors import ConfigurationError, FileError
from .go_yaml import as_boolean, as_duration
from .model import WebConfiguration
from .tls_settings import read_tls


class _Header(StrEnum):
    CONTENT_SECURITY_POLICY = "Content-Security-Policy"
    FRAME_OPTIONS = "X-Frame-Options"
    CONTENT_TYPE_OPTIONS = "X-Content-Type-Options"
    XSS_PROTECTION = "X-XSS-Protection"
    STRICT_TRANSPORT_SECURITY = "Strict-Transport-Security"


_VALUES: Final = {
    _Header.FRAME_OPTIONS: ("deny", "sameorigin"),
    _Header.CONTENT_TYPE_OPTIONS: ("nosniff",),
}
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_BCRYPT: Final = re.compile(
    r"\$2[abxy]?\$(?P<cost>[0-9]{2})\$"
    r"(?P<salt>[./A-Za-z0-9]{21})(?P<last>[./A-Za-z0-9])(?P<hash>[./A-Za-z0-9]{31})"
)
_BCRYPT_DIGITS: Final = (
    "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)
_COSTS: Final = range(4, 32)
_LONG_COST: Final = 13


def load_web_configuration(file: str) -> WebConfiguration:
    """
    Return the web configuration in `file`.

    Raises `ConfigurationError` with every error found, and no other exception.
    """
    try:
        return _load(file)
    except ConfigurationError:
        raise
    except Exception as error:
        raise unexpected(file, error) from error


def unexpected(file: str, error: Exception) -> ConfigurationError:
    """Return an unexpected error as a configuration error, so that access is denied."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ""
    if trace is not None:
        place = f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
    # Not the error's own text, which could contain a secret.
    problem = f"cannot be used: {type(error).__name__}{place}; please report this"
    return ConfigurationError(file, (FileError(0, "", problem),))


def _load(file: str) -> WebConfiguration:
    document, root = open_document(file, None)
    server = root.section("http_server_config")
    http2 = server is None or server.value("http2", True, as_boolean)
    if server is not None and http2 and "http2" in server:
        server.warning("this exporter speaks HTTP/1.1 only", "http2")
    tls = read_tls(root.filled_section("tls_server_config"), http2=http2)
    headers = _headers(server)
    users = _users(root.section("basic_auth_users"))
    rate_limit = _rate_limit(root.section("rate_limit"))
    root.close()
    document.finish()
    return WebConfiguration(
        tls=tls,
        headers=headers,
        users=users,
        rate_limit=rate_limit,
        warnings=tuple(document.warnings),
    )


def _headers(section: Section | None) -> dict[str, str]:
    if section is None:
        return {}
    given = section.section("headers")
    headers = dict(given.texts()) if given is not None else {}
    for name, value in headers.items():
        if given is None:
            continue
        known = [str(header) for header in _Header]
        if name not in known:
            given.error(f"only these can be set: {', '.join(known)}", name)
        allowed = _VALUES.get(_Header(name), ()) if name in known else ()
        if allowed and value not in allowed:
            given.error(f"must be {' or '.join(allowed)}", name)
        if not _HEADER_VALUE.fullmatch(value):
            given.error("a header is one line of ASCII", name)
    section.close()
    return headers


def _users(section: Section | None) -> dict[str, str]:
    if section is None:
        return {}
    users = {}
    for name, given in section.texts():
        if not name or ":" in name:
            section.error("not a user name: it is empty or has a colon", name)
        match = _BCRYPT.fullmatch(given)
        if match is None:
            section.error("not a bcrypt hash; make one with htpasswd -nBC 10", name)
        elif int(match["cost"]) not in _COSTS:
            section.error("not a bcrypt hash: its cost is not from 4 to 31", name)
        else:
            if int(match["cost"]) >= _LONG_COST:
                section.warning(
                    f"each new password takes long to check: of cost {match['cost']}, "
                    f"{2 ** (int(match['cost']) - 10):,} times as long as of cost 10",
                    name,
                )
            users[name] = _normalized(match)
    return users


def _normalized(digest: re.Match[str]) -> str:
    """Return a hash in the strict form of the bcrypt library; Go is more lenient."""
    # Go treats all prefixes alike, and ignores the last 4 bits of the salt's text.
    last = _BCRYPT_DIGITS[_BCRYPT_DIGITS.index(digest["last"]) & 0b110000]
    return f"$2b${digest['cost']}${digest['salt']}{last}{digest['hash']}"


def _rate_limit(section: Section | None) -> RateLimit | None:
    if section is None:
        return None
    interval = section.value("interval", 0.0, as_duration)
    burst = section.integer("burst", 0, 0, 1_000_000_000)
    section.close()
    if not interval:
        return None
    if not burst:
        section.warning(
            "needs a burst of at least 1: otherwise every request is rejected", "burst"
        )
    return RateLimit(requests_per_second=1 / interval, burst=burst)
