"""What the exporter knows about a request beyond HTTP; it travels in httpx's extensions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import httpx

from ..errors import Failure


_KEY: Final = "modelarts_exporter"

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""
Bytes of a response, decompressed: 4 KiB for each of 1,000 v1 jobs, which have 1.6, and
80 KiB for each of 50 v2 jobs. Each MiB takes up to 30 ms to decode.
"""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """
    The operation of a request, its project (by name, for fair scheduling), the
    permission that it needs, and the size up to which its response is read.
    """

    operation: str
    """Its name in metrics and logs, such as `training_jobs`."""

    project: str
    action: str
    max_bytes: int = MAX_BODY_BYTES

    def extensions(self) -> dict[str, object]:
        """Return the extensions of an `httpx.Request` in this context."""
        return {_KEY: self}


def context_of(request: httpx.Request) -> RequestContext:
    """Return the context of `request`. Raises `TypeError` if it has none."""
    context = request.extensions.get(_KEY)
    if not isinstance(context, RequestContext):
        raise TypeError(context)
    return context


def path_of(url: httpx.URL) -> str:
    """Return the encoded path of `url`, without the query."""
    return url.raw_path.partition(b"?")[0].decode("ascii")


def with_request(failure: Failure, request: httpx.Request) -> Failure:
    """Return `failure` with the operation of `request`."""
    return replace(failure, operation=context_of(request).operation)
