"""
Detects lists that contradict themselves.

A response reports the total and the objects of one page at the same moment. So each
response must be consistent in itself, even if the list changes between responses.
"""

from __future__ import annotations

from ..errors import CollectionError, Failure, Reason
from .pages import Page


class ContradictionError(CollectionError):
    """A list contradicts itself, as `why` says."""

    def __init__(self, why: str) -> None:
        super().__init__(
            Failure(
                reason=Reason.RESPONSE,
                problem=f"the list contradicts itself: {why}",
                advice="compare it with the cloud's console, and report it to the "
                "cloud's support",
            )
        )


def length_of_pages(first: Page, size: int) -> int:
    """
    Return the number of objects on a full page, judged by the first page.

    `size` were requested; a deployment may return fewer, but at least one.
    """
    listed = len(first.ids)
    is_cut = first.total is not None and 0 < listed < min(size, first.total)
    return listed if is_cut else size


def contradiction_of(page: Page, number: int, length: int) -> str | None:
    """
    Return a description of how page `number` contradicts itself; None if it does not.

    `length` is the number of objects on a full page.
    """
    listed = len(page.ids)
    if len(set(page.ids)) < listed:
        return f"page {number} has {listed} objects, but only {len(set(page.ids))} IDs"
    if page.total is None:
        return None
    expected = min(length, max(0, page.total - (number - 1) * length))
    if listed == expected:
        return None
    return (
        f"page {number} has {listed} objects, and {expected} by its own total of "
        f"{page.total}"
    )


def raise_if_contradictory(page: Page, number: int, length: int) -> None:
    """Raise `ContradictionError` if page `number` contradicts itself."""
    why = contradiction_of(page, number, length)
    if why is not None:
        raise ContradictionError(why)
