"""What the exporter knows about a request beyond HTTP; it travels in httpx's extensions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import httpx

from ..errors import Failure
from ..exchange import RequestRecord


_KEY: Final = "modelarts_exporter"
_CREDENTIAL: Final = (
    "the cloud's auth section, the secret's file and this machine's clock"
)

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""
Bytes of a response, decompressed: 4 KiB for each of 1,000 v1 jobs, which have 1.6, and
80 KiB for each of 50 v2 jobs. Each MiB takes up to 30 ms to decode.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """
    What a request is for, and what users read if it fails.

    `project` is a name, for fair scheduling; `action` the permission that the request
    needs; `credential` what to check if the credential is rejected.
    """

    operation: str
    """Its name in metrics and logs, such as `training_jobs`."""

    project: str
    action: str
    credential: str = _CREDENTIAL
    max_bytes: int = MAX_BODY_BYTES
    """Up to which size the response is read."""

    is_login: bool = False
    attempt: int = 1
    record: RequestRecord = field(default_factory=RequestRecord, repr=False)
    """Where the request is noted."""

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
    """Return `failure` with the operation, method and path of `request`."""
    return replace(
        failure,
        operation=context_of(request).operation,
        method=request.method,
        path=path_of(request.url),
    )
