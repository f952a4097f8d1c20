"""
What the finished jobs that a page begins with come to, so that they are counted once.

Lists are sorted by creation, so most pages begin with jobs that finished long ago, in the
same bytes each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from ..numbers import to_millis_list
from .aggregates import JobCounts
from .encoded_rows import EncodedRows
from .job import JobId, normalize_ids
from .rows import Row


_decoder: Final = msgspec.msgpack.Decoder(list[int | str])


@dataclass(frozen=True, slots=True)
class FinishedRows:
    """
    The rows that a page began with: where they end, their hash, and what they come to.

    The hash is Python's, of 64 bits with a secret key: other rows have another one.
    `newest` is the newest creation time, in milliseconds since the epoch; None if unknown.
    """

    end: int
    hash: int
    counts: JobCounts
    newest: int | None
    encoded_ids: bytes
    """About 5 bytes an ID, where a list takes 40."""

    @property
    def ids(self) -> list[JobId]:
        """The jobs' IDs."""
        return _decoder.decode(self.encoded_ids)

    def are_first_of(self, encoded: EncodedRows) -> bool:
        """Return whether `encoded` begins with the same rows."""
        return encoded.hash(self.end) == self.hash


def remember(
    rows: Sequence[Row], encoded: EncodedRows, counts: JobCounts
) -> FinishedRows:
    """
    Return what `rows`, with which `encoded` begins, come to; `counts` are theirs.

    Raises `CollectionError`.
    """
    created = to_millis_list([row.create_time for row in rows], "create_time")
    end = encoded.end_of(len(rows))
    return FinishedRows(
        end,
        encoded.hash(end),
        counts,
        max(created, default=None),
        msgspec.msgpack.encode(normalize_ids([row.job_id for row in rows])),
    )
