"""A page of a listing, common to all APIs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..numbers import Number, to_millis
from .encoded_rows import EncodedRows
from .finished_rows import FinishedRows
from .job import JobId, normalize_ids
from .quota import JobQuota
from .rows import Row, StatusOf, by_status
from .statuses import FINISHED_PHASES


@dataclass(frozen=True, slots=True)
class Page:
    """
    A page of a listing.

    `total` is the number of jobs on all pages, if reported; `answered_at` is the Unix time
    of the response on the API's clock. `known` are the rows that the page begins with, if
    they have not changed since they were counted, and `rows` those after them. `encoded`
    are all of them, where they can be remembered. `ids` are the job IDs of
    all, and `by_status` are `rows` by the API's status. Raises `CollectionError` if one is
    not an ID.
    """

    rows: Sequence[Row]
    total: int | None
    answered_at: float
    quota: JobQuota = field(default_factory=JobQuota)
    encoded: EncodedRows | None = None
    known: FinishedRows | None = None
    ids: list[JobId] = field(init=False)
    by_status: Mapping[Number, Sequence[Row]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ids = normalize_ids([row.job_id for row in self.rows])
        if self.known is not None:
            ids = self.known.ids + ids
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "by_status", by_status(self.rows))

    @property
    def newest_created(self) -> float | None:
        """When the newest job was created, in milliseconds. Raises `CollectionError`."""
        # Sorted by creation time: the newest job is the last.
        if self.rows:
            return to_millis(self.rows[-1].create_time, "create_time")
        return None if self.known is None else self.known.newest

    def finished_statuses(self, status_of: StatusOf) -> set[Number]:
        """Return the API's statuses that finished jobs among `rows` have."""
        return {
            status
            for status in self.by_status
            if status_of(status).phase in FINISHED_PHASES
        }

    def without_known(self) -> Page:
        """Return the page as if it had only the rows after the known ones."""
        return self if self.known is None else replace(self, known=None)

    def whole(self) -> Page:
        """Return the page with all its rows decoded."""
        if self.known is None or self.encoded is None:
            return self
        return replace(self, rows=self.encoded.rows(), known=None)


def page_after(
    known: FinishedRows | None,
    encoded: EncodedRows,
    total: int | None,
    answered_at: float,
    quota: JobQuota,
) -> Page:
    """
    Return the page of `encoded` rows; those of `known` are not decoded if it begins so.

    Raises `JsonError` and `CollectionError`.
    """
    if known is not None and not known.are_first_of(encoded):
        known = None
    rows = encoded.rows(0 if known is None else known.end)
    return Page(rows, total, answered_at, quota, encoded, known)
