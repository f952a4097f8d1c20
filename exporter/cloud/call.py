"""A request to the API of a cloud, before it is signed."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from .request_context import MAX_BODY_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    A request of a project, unsigned.

    `expected` describes the response for error messages, and `action` is the permission
    that the request needs.
    """

    api: str
    url: httpx.URL
    expected: str
    action: str
    method: str = "GET"
    body: bytes | None = field(default=None, repr=False)
    max_bytes: int = MAX_BODY_BYTES
