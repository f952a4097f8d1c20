"""What one collection finds out about a project's notebooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...errors import Failure
from ..alerts import Thresholds
from ..overview import Longest, Overview
from ..phases import Phase
from ..statuses import Status
from .notebook import AutoStop, Notebook


@dataclass(frozen=True, slots=True)
class Place:
    """What running notebooks have in common."""

    flavor: str
    pool: str
    auto_stop: AutoStop


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookSnapshot:
    """
    The notebooks of a project, counted; `storage` in bytes by phase and category.

    `oldest_created` is in milliseconds. `selected` have series of their own.
    `is_complete` is False if only those of the exporter's own user were listed.
    """

    statuses: Mapping[Status, int]
    running: Mapping[Place, int]
    storage: Mapping[tuple[Phase, str], int]
    oldest_created: Mapping[Phase, int]
    longest: Longest | None
    selected: Sequence[Notebook] = ()
    is_complete: bool = True
    partial_failures: tuple[Failure, ...] = ()

    @property
    def number(self) -> int:
        """The number of notebooks."""
        return sum(self.statuses.values())

    def overview(self, now: float, thresholds: Thresholds) -> Overview:
        """Return what the status page shows at the Unix time `now`."""
        phases: Counter[Phase] = Counter()
        for status, number in self.statuses.items():
            phases[status.phase] += number
        note = "" if self.is_complete else "Those of other users were not listed."
        return Overview(phases=phases, longest=self.longest, note=note)


def snapshot_of(
    notebooks: Sequence[Notebook],
    now: float,
    selected: Sequence[Notebook],
    partial_failures: tuple[Failure, ...],
) -> NotebookSnapshot:
    """Count `notebooks`, which exist at the Unix time `now`."""
    storage: Counter[tuple[Phase, str]] = Counter()
    oldest: dict[Phase, int] = {}
    for notebook in notebooks:
        phase = notebook.status.phase
        if notebook.storage_bytes is not None:
            storage[phase, notebook.storage_category] += notebook.storage_bytes
        if notebook.created is not None:
            oldest[phase] = min(notebook.created, oldest.get(phase, notebook.created))
    return NotebookSnapshot(
        statuses=Counter(notebook.status for notebook in notebooks),
        running=Counter(
            Place(notebook.flavor, notebook.pool, notebook.auto_stop)
            for notebook in notebooks
            if notebook.is_running
        ),
        storage=storage,
        oldest_created=oldest,
        longest=_longest(notebooks, now),
        selected=selected,
        is_complete=not partial_failures,
        partial_failures=partial_failures,
    )


def select_notebooks(notebooks: Iterable[Notebook], limit: int) -> list[Notebook]:
    """Return `limit` notebooks: the running ones first, of each the oldest."""
    return sorted(notebooks, key=_rank)[:limit]


def _longest(notebooks: Sequence[Notebook], now: float) -> Longest | None:
    running = [found for found in notebooks if found.is_running and found.created]
    oldest = min(running, key=_rank, default=None)
    if oldest is None or oldest.created is None:
        return None
    return Longest(
        oldest.name,
        f"notebook {oldest.notebook_id}",
        max(0.0, now - oldest.created / 1000),
        ends_by_itself=False,
    )


def _rank(notebook: Notebook) -> tuple[bool, float, str]:
    created = float("inf") if notebook.created is None else notebook.created
    return not notebook.is_running, created, notebook.notebook_id
