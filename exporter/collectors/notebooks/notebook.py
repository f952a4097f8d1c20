"""A single notebook, with what it runs on and what stops it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..numbers import to_limit, to_millis
from ..phases import Phase
from ..statuses import Status
from ..texts import label_word, plain
from .schema import Lease, NotebookRow
from .statuses import NOTEBOOK_STATUSES


_CUSTOM_FLAVOR: Final = "custom.flavor.spec.code"
_BYTES_PER_GB: Final = 2**30


class AutoStop(StrEnum):
    """What stops a notebook by itself: the label `auto_stop`."""

    OFF = "off"
    TIMING = "timing"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """
    A notebook; times in milliseconds since the epoch.

    `pool` is the ID of the dedicated pool that it runs in, and empty for public
    resources. `stops_at` is None if it is not known to stop at a time.
    """

    notebook_id: str
    name: str
    user: str
    status: Status
    flavor: str
    pool: str
    auto_stop: AutoStop
    created: int | None
    stops_at: int | None
    storage_bytes: int | None
    storage_category: str

    @property
    def is_running(self) -> bool:
        """Whether it uses what it runs on."""
        return self.status.phase is Phase.RUNNING


def notebook_of(row: NotebookRow) -> Notebook:
    """Return the notebook that a row describes. Raises `CollectionError`."""
    lease = row.lease or Lease()
    created = to_millis(lease.create_at, "create_at")
    duration = to_limit(lease.duration, "duration")
    auto_stop = _auto_stop(lease)
    volume = row.volume
    capacity = to_limit(volume.capacity, "capacity") if volume else None
    is_timed = auto_stop is AutoStop.TIMING and None not in {created, duration}
    return Notebook(
        notebook_id=row.id,
        name=plain(row.name or ""),
        user=plain(row.user.name or "") if row.user else "",
        status=NOTEBOOK_STATUSES.of(row.status),
        flavor=plain(_flavor(row)),
        pool=plain(row.pool.id or "") if row.pool else "",
        auto_stop=auto_stop,
        created=created,
        stops_at=(created or 0) + (duration or 0) if is_timed else None,
        storage_bytes=None if capacity is None else capacity * _BYTES_PER_GB,
        storage_category=label_word(volume.category or "unknown")
        if volume
        else "unknown",
    )


def _auto_stop(lease: Lease) -> AutoStop:
    if str(lease.enable).lower() != "true":
        return AutoStop.OFF
    # Without a type, it is what notebooks are created with.
    is_idle = (lease.type or "").lower() == AutoStop.IDLE
    return AutoStop.IDLE if is_idle else AutoStop.TIMING


def _flavor(row: NotebookRow) -> str:
    # A flavor of one's own has the same code for all: the node's says more.
    custom = row.custom_spec.resource_flavor if row.custom_spec else None
    is_custom = row.flavor in {None, "", _CUSTOM_FLAVOR}
    return (custom if is_custom else None) or row.flavor or ""
