"""Fetches answers of the jobs APIs, and makes pages of those that list jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from ...cloud.call import Call
from ...cloud.error_codes import check_success
from ...cloud.session import Answer, Session
from .pages import Page, Row
from .quota import JobQuota


class Outcome(Protocol):
    """An answer with HTTP status 200 that may report a failure nevertheless."""

    error_code: str | None

    @property
    def failed(self) -> bool:
        """Whether it reports a failure."""


T = TypeVar("T")
OutcomeT = TypeVar("OutcomeT", bound=Outcome)


async def fetch_successful(
    session: Session, call: Call, decoder: msgspec.json.Decoder[OutcomeT]
) -> Answer[OutcomeT]:
    """Return the answer to `call`. Raises `CollectionError`, also if it reports a failure."""
    answer = await session.fetch(call, decoder)
    check_success(answer.response, answer.content.failed, answer.content.error_code)
    return answer


def page_of(
    answer: Answer[T],
    rows: Sequence[Row] | None,
    total: int | None,
    quota: JobQuota,
    size: int,
) -> Page:
    """
    Return the page that `answer` lists; `size` jobs were requested.

    Raises `CollectionError` if it is not a list of at most so many jobs.
    """
    if rows is None:
        if total is None:
            raise answer.unexpected("it holds no list of jobs")
        rows = ()
    if len(rows) > size:
        raise answer.unexpected(f"it lists {len(rows)}, but {size} were requested")
    return Page(rows, total, answer.answered_at, quota)
