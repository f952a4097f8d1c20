"""
The v2 responses: searches and quotas, decoded into the needed fields.

Source: ModelArts API reference, "Querying a Training Job List" (`ListTrainingJobs`)
and "Querying Training Quotas" (`ShowTrainingQuotas`). An item has several kB,
mostly a description of the algorithm, which is skipped.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..numbers import DecodedId, Number, to_limit
from ..statuses import UNRECOGNIZED, Status
from ..texts import plain
from .job import JobId, Resources
from .quota import JobQuota
from .statuses import V2_STATUSES
from .v2_resources import V2Resource


_HETEROGENEOUS: Final = "hetero_job"
"""The kind of a job whose tasks run on different flavors."""

JOB_NUMBER: Final = "job-num"
"""The name of the quota of existing jobs."""


class _Metadata(msgspec.Struct, gc=False):
    id: DecodedId
    name: Number = None
    create_time: Number = None
    workspace_id: str | None = None
    user_name: str | None = None


class _ItemStatus(msgspec.Struct, gc=False):
    phase: str | None = None
    duration: Number = None
    start_time: Number = None


class _Spec(msgspec.Struct):
    resource: V2Resource | None = None


class V2Job(msgspec.Struct):
    """An item of a search."""

    metadata: _Metadata
    item_status: _ItemStatus | None = msgspec.field(name="status", default=None)
    spec: _Spec | None = None
    kind: str | None = None

    @property
    def job_id(self) -> JobId:
        """The job's UUID."""
        return self.metadata.id

    @property
    def job_name(self) -> Number:
        """The job's name."""
        return self.metadata.name

    @property
    def create_time(self) -> Number:
        """When it was created, in milliseconds since the epoch."""
        return self.metadata.create_time

    @property
    def status(self) -> str | None:
        """The API's phase."""
        return self.item_status.phase if self.item_status else None

    @property
    def duration(self) -> Number:
        """How long it ran, in ms; None before it starts. Raises `CollectionError`."""
        item_status = self.item_status
        if item_status is None:
            return None
        started = item_status.start_time
        if isinstance(started, str):
            started = to_limit(started, "start_time")
        # Before the start, both are 0: that is no duration of zero.
        return None if started == 0 else item_status.duration

    @property
    def resources(self) -> Resources | None:
        """Resources; None if the nodes are not reported. Raises `CollectionError`."""
        resource = self.spec.resource if self.spec else None
        if resource is None:
            return None
        return resource.resources(
            user=plain(self.metadata.user_name or ""),
            has_alike_nodes=self.kind != _HETEROGENEOUS,
        )


class V2Search(msgspec.Struct):
    """
    A search's response: `total` ignores the filters, `count` applies them.

    `workspace_id` is the one that was searched, if the API supports workspaces.
    """

    total: Number = None
    count: Number = None
    workspace_id: str | None = None
    error_code: str | None = None
    items: list[V2Job] | None = None

    @property
    def failed(self) -> bool:
        """Whether the API reports a failure, despite HTTP status 200."""
        return bool(self.error_code) and self.items is None


class _QuotaEntry(msgspec.Struct):
    resource: str | None = None
    quota: Number = None
    used: Number = None


class V2Quotas(msgspec.Struct):
    """The quotas of training jobs; a negative one means unlimited."""

    quotas: list[_QuotaEntry]

    @property
    def jobs(self) -> JobQuota | None:
        """
        How many jobs exist and how many more can be created; None if it is not
        reported.

        Raises `CollectionError`.
        """
        for entry in self.quotas:
            if entry.resource == JOB_NUMBER:
                maximum, used = (
                    to_limit(entry.quota, "quota"),
                    to_limit(entry.used, "used"),
                )
                if maximum is None or used is None:
                    return JobQuota(created=used)
                return JobQuota(created=used, remaining=max(0, maximum - used))
        return None


def v2_status(api_status: Number) -> Status:
    """Return the status of a v2 phase; `UNRECOGNIZED` for any unknown one."""
    return V2_STATUSES.get(str(api_status).lower(), UNRECOGNIZED)


v2_search: Final = msgspec.json.Decoder(V2Search)
v2_quotas: Final = msgspec.json.Decoder(V2Quotas)
