"""Fetches answers of the jobs APIs, and makes pages of those that list jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from ...cloud.call import Call
from ...cloud.decoding import JsonError
from ...cloud.error_codes import check_success
from ...cloud.session import Answer, Session
from .encoded_rows import EncodedRows
from .finished_rows import FinishedRows
from .pages import Page, page_after
from .quota import JobQuota
from .rows import Row


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
    return _checked(answer, Page(rows, total, answer.answered_at, quota), size)


def page_of_encoded(
    answer: Answer[T],
    encoded: EncodedRows | None,
    known: FinishedRows | None,
    *,
    total: int | None,
    quota: JobQuota,
    size: int,
) -> Page:
    """Do the same with rows that are not decoded yet, and may begin with `known`."""
    if encoded is None:
        return page_of(answer, None, total, quota, size)
    try:
        page = page_after(known, encoded, total, answer.answered_at, quota)
    except JsonError as error:
        if known is not None:
            # Again from the first row, which the error counts from.
            return page_of_encoded(
                answer, encoded, None, total=total, quota=quota, size=size
            )
        raise answer.unexpected(str(error)) from None
    return _checked(answer, page, size)


def _checked(answer: Answer[T], page: Page, size: int) -> Page:
    number = len(page.ids)
    if number > size:
        raise answer.unexpected(f"it lists {number}, but {size} were requested")
    return page
