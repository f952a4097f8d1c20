"""
The v1 responses: listings and details, decoded into the needed fields.

Source: ModelArts API reference, "Querying a Training Job List" (`modelarts_03_0046`),
"Querying the List of Visualization Jobs" (`modelarts_03_0065`) and "Querying Details
About a Visualization Job" (`modelarts_03_0066`). Numbers may come as strings, most
fields may be null, and unknown fields are ignored.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ...cloud.decoding import decode_json
from ..numbers import DecodedId, Number, to_int, to_limit
from ..statuses import UNRECOGNIZED, Status
from .encoded_rows import EncodedRows
from .job import Resources
from .quota import JobQuota
from .statuses import V1_STATUSES


class V1Job(msgspec.Struct, gc=False):
    """A row of a v1 listing. `create_time` and `duration` are in milliseconds."""

    job_id: DecodedId
    job_name: Number = None
    status: Number = None
    create_time: Number = None
    duration: Number = None

    @property
    def resources(self) -> Resources | None:
        """None: v1 does not report resources."""
        return None


class _Response(msgspec.Struct):
    is_success: bool | str | None = None
    error_code: str | None = None

    def says_failed(self, *, holds_content: bool) -> bool:
        """Return whether a response with HTTP status 200 reports a failure."""
        if self.is_success is None:
            return bool(self.error_code) and not holds_content
        return str(self.is_success).lower() != "true"


_NO_JOBS: Final = msgspec.Raw(b"null")


class V1Listing(_Response):
    """A v1 listing, or a failure with HTTP status 200."""

    job_total_count: Number = None
    job_count_limit: Number = None
    quotas: Number = None
    jobs: msgspec.Raw = _NO_JOBS

    @property
    def rows(self) -> EncodedRows | None:
        """The jobs, if there is a list of them."""
        return EncodedRows(bytes(self.jobs), _decode_rows) if self._has_jobs else None

    @property
    def failed(self) -> bool:
        """Whether the API reports a failure, despite HTTP status 200."""
        return self.says_failed(holds_content=self._has_jobs)

    @property
    def total(self) -> int | None:
        """Number of jobs on all pages, if reported. Raises `CollectionError`."""
        return to_limit(self.job_total_count, "job_total_count")

    @property
    def _has_jobs(self) -> bool:
        return self.jobs != _NO_JOBS

    @property
    def quota(self) -> JobQuota:
        """The limits in the listing. Raises `CollectionError`."""
        return JobQuota(
            running=to_limit(self.quotas, "quotas"),
            created=self.total,
            remaining=to_limit(self.job_count_limit, "job_count_limit"),
        )


class V1Detail(_Response):
    """A visualization job's details."""

    job_id: DecodedId | None = None
    remaining_duration: Number = None

    @property
    def failed(self) -> bool:
        """Whether the API reports a failure, despite HTTP status 200."""
        return self.says_failed(holds_content=self.job_id is not None)

    @property
    def remaining(self) -> int | None:
        """
        Milliseconds until the job stops automatically; None if unlimited or not
        reported.

        Raises `CollectionError`.
        """
        return to_limit(self.remaining_duration, "remaining_duration")


def v1_status(api_status: Number) -> Status:
    """
    Return the status of a v1 number; `UNRECOGNIZED` for any unknown number.

    Raises `CollectionError` if it is out of range.
    """
    found = to_int(api_status, "status")
    return V1_STATUSES.get(found, UNRECOGNIZED) if found is not None else UNRECOGNIZED


class _Rows(msgspec.Struct):
    jobs: list[V1Job]


_rows: Final = msgspec.json.Decoder(_Rows)


def _decode_rows(content: bytes) -> list[V1Job]:
    # Within an object as in the answer: errors name the field by its path.
    return decode_json(_rows, b'{"jobs":%b}' % content).jobs


v1_listing: Final = msgspec.json.Decoder(V1Listing)
v1_detail: Final = msgspec.json.Decoder(V1Detail)
