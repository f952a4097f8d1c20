"""What the exporter knows about a request beyond HTTP; it travels in httpx's extensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import httpx

from ..apis import Api


_KEY: Final = "modelarts_exporter"


@dataclass(frozen=True, slots=True)
class RequestContext:
    """
    The operation of a request, its project (by name, for fair scheduling), and the
    permission that it needs.
    """

    operation: Api
    project: str
    action: str

    def extensions(self) -> dict[str, object]:
        """Return the extensions of an `httpx.Request` in this context."""
        return {_KEY: self}


def context_of(request: httpx.Request) -> RequestContext:
    """Return the context of `request`. Raises `TypeError` if it has none."""
    context = request.extensions.get(_KEY)
    if not isinstance(context, RequestContext):
        raise TypeError(context)
    return context
