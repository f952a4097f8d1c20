"""The requests of one project within a deadline."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import httpx
import msgspec

from ..clock import Clock
from ..config import Project
from ..deadline import Deadline
from ..errors import CollectionError, Failure, Reason
from ..exchange import RequestRecord
from .call import Call
from .decoding import JsonError, decode_json
from .error_body import request_id
from .error_codes import http_date
from .request_context import with_request


T = TypeVar("T")


class Client(Protocol):
    """What a session needs of a cloud's client."""

    clock: Clock

    async def ask(
        self, project: Project, call: Call, deadline: Deadline, record: RequestRecord
    ) -> httpx.Response:
        """Return the response to `call`, noted in `record`. Raises `CollectionError`."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """The response to `call`, and its decoded content."""

    call: Call
    response: httpx.Response = field(repr=False)
    content: T = field(repr=False)
    answered_at: float
    """The response's `Date` in Unix time, or this machine's time without one."""

    def unexpected(self, why: str) -> CollectionError:
        """Return the error for content that is not as expected, for the reason `why`."""
        return unexpected(self.call, self.response, why)


@dataclass(frozen=True, slots=True)
class Session:
    """What a collector is handed: a project, a deadline, and the client of its cloud."""

    project: Project
    deadline: Deadline
    client: Client = field(repr=False)
    record: RequestRecord = field(default_factory=RequestRecord, repr=False)
    """The requests that were sent in it."""

    def url(self, version: str, path: str) -> httpx.URL:
        """Return the URL of `path` in a version of the project's ModelArts API."""
        base = self.project.cloud.modelarts_url
        return _url(f"{base}/{version}/{self.project.project_id}/{path}")

    async def fetch(self, call: Call, decoder: msgspec.json.Decoder[T]) -> Answer[T]:
        """
        Return the decoded answer to `call`.

        Raises `CollectionError` if no attempt before the deadline succeeds, or the answer
        is not as expected.
        """
        response = await self.client.ask(self.project, call, self.deadline, self.record)
        date = http_date(response.headers.get("Date", ""))
        answered_at = date or self.client.clock()
        try:
            content = decode_json(decoder, response.content)
            return Answer(call, response, content, answered_at)
        except JsonError as error:
            raise unexpected(call, response, str(error)) from None


@lru_cache(maxsize=32_768)
def _url(text: str) -> httpx.URL:
    # Cached, because httpx takes longer to parse a URL than to send it. Scrapes use the
    # URLs of all projects in turn: a cache that is too small for them would never hit.
    return httpx.URL(text)


def unexpected(call: Call, response: httpx.Response, why: str) -> CollectionError:
    """Return the error for a response that is not as expected, for the reason `why`."""
    failure = Failure(
        reason=Reason.RESPONSE,
        problem=f"HTTP {response.status_code}, but the answer is not {call.expected}: "
        f"{why}",
        advice="check the cloud's modelarts_url, or the proxy between here and there",
        status=response.status_code,
        request_id=request_id(response),
    )
    return CollectionError(with_request(failure, response.request))
