"""Rejects requests that are invalid whatever their path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import httptools

from starlette.responses import PlainTextResponse

from .log_limit import LimitedWarning


MAX_BODY_SIZE: Final = 64 * 1024

_DIGITS: Final = len(str(MAX_BODY_SIZE))


class InvalidRequests:
    """Counts invalid requests and logs them at most once a minute."""

    def __init__(self, count: Callable[[], None] | None = None) -> None:
        self._count = count
        self._warning = LimitedWarning("invalid request")

    def seen(self, client: str | None, problem: str) -> None:
        """Count a request. `problem` must not quote what the client sent."""
        if self._count is not None:
            self._count()
        self._warning.warn(client=client, problem=problem)


def refusal(
    url: bytes, http_version: str, headers: Sequence[tuple[bytes, bytes]]
) -> PlainTextResponse | None:
    """
    Return the error response to an invalid request, or None if it is valid.

    The names of `headers` are in lower case. Errors that stop the parser are handled
    in the connection.
    """
    problem = _problem(url, http_version, headers)
    if problem is None:
        return None
    status, words = problem
    return PlainTextResponse(f"{words}\n", status, {"Connection": "close"})


def _problem(
    url: bytes, http_version: str, headers: Sequence[tuple[bytes, bytes]]
) -> tuple[int, str] | None:
    if not _has_path(url):
        return 400, "The request's target is not a path or URL."
    hosts = sum(name == b"host" for name, _ in headers)
    if hosts > 1:
        return 400, "More than one Host header."
    if hosts == 0 and http_version == "1.1":
        return 400, "No Host header."
    for name, value in headers:
        if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            return 400, "A Transfer-Encoding that is not chunked."
        if name == b"content-length" and (
            len(value.lstrip(b"0")) > _DIGITS or int(value) > MAX_BODY_SIZE
        ):
            return 413, f"The body is larger than {MAX_BODY_SIZE} bytes."
    return None


def _has_path(url: bytes) -> bool:
    try:
        path = httptools.parse_url(url).path
    except httptools.HttpParserError:
        return False
    return path is not None and path.isascii()
