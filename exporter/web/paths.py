"""The paths of the exporter's HTTP interface, and where others reach it."""

from __future__ import annotations

import re

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit


class OwnPath(StrEnum):
    """A path that the exporter answers, beside the one of the metrics."""

    PAGE = "/"
    """The status page; the metrics can replace it."""

    PROBE = "/probe"
    DISCOVERY = "/sd"
    OWN_METRICS = "/exporter-metrics"
    HEALTHY = "/-/healthy"
    READY = "/-/ready"
    RELOAD = "/-/reload"


_SEGMENTS: Final = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
"""No dots at the start: clients resolve `..` themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalUrl:
    """
    Where clients reach the exporter, such as through a reverse proxy.

    `scheme` and `host` are empty if only the path is known; `path` has no slash at its
    end.
    """

    scheme: str = ""
    host: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPaths:
    """Where the exporter answers; `prefix` is before every path, and may be empty."""

    telemetry: str = "/metrics"
    prefix: str = ""
    external: ExternalUrl = ExternalUrl()

    def route(self, path: str) -> str:
        """Return where the exporter answers what has that path without a prefix."""
        return self.prefix + path

    @property
    def open(self) -> AbstractSet[str]:
        """The paths outside authentication."""
        return {self.route(path) for path in (OwnPath.HEALTHY, OwnPath.READY)}

    def base_of(self, scheme: str, host: str) -> tuple[str, str]:
        """
        Return the scheme and the prefix that reach the exporter at a Host header.

        At the host of the external URL these are the external URL's.
        """
        external = self.external
        if external.host and host.lower() == external.host.lower():
            return external.scheme, external.path
        return scheme, self.prefix


def web_paths(
    telemetry: str = "/metrics", *, external_url: str = "", route_prefix: str = ""
) -> WebPaths:
    """
    Return the paths that the flags of the same names describe.

    Like in Prometheus, the prefix is the path of the external URL by default. Raises
    `ValueError`, which names the flag.
    """
    external = _external(external_url)
    prefix = f"/{route_prefix.strip('/')}" if route_prefix else external.path
    prefix = prefix.removesuffix("/")
    if not _SEGMENTS.fullmatch(prefix):
        raise ValueError(
            "--web.route-prefix must be a path such as /modelarts, of letters, digits, "
            "and . _ ~ -"
        )
    return WebPaths(telemetry=telemetry, prefix=prefix, external=external)


def _external(text: str) -> ExternalUrl:
    error = ValueError(
        "--web.external-url must be a URL such as https://example.com/modelarts, without "
        "user, query and fragment"
    )
    try:
        url = urlsplit(text)
        # Reading the port checks it.
        _ = url.port
        is_absolute = url.scheme in {"http", "https"} and bool(url.hostname)
    except ValueError:
        raise error from None
    is_path = not url.scheme and not url.netloc
    stripped = url.path.strip("/")
    path = f"/{stripped}" if stripped else ""
    has_more = url.query or url.fragment or "@" in url.netloc
    if not (is_absolute or is_path) or has_more or not _SEGMENTS.fullmatch(path):
        raise error
    return ExternalUrl(scheme=url.scheme, host=url.netloc, path=path)
