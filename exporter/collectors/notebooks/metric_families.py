"""Metric families of notebooks: numbers, what runs, storage, ages, single notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...metrics.family import Family
from ...metrics.samples import gauge, seconds
from ..base import Reading
from ..readings import by_project
from .snapshot import NotebookSnapshot


def notebook_families(readings: Sequence[Reading]) -> Iterator[Family]:
    """Yield the families of notebooks."""
    listed = by_project(readings, NotebookSnapshot)
    yield gauge(
        "modelarts_notebooks",
        "Number of existing notebooks, by the API's status and the phase it belongs to.",
        [
            (
                project.plus(status=status.name, phase=status.phase.value),
                float(number),
            )
            for project, snapshot in listed
            for status, number in sorted(
                snapshot.statuses.items(), key=lambda item: item[0].name
            )
        ],
    )
    yield gauge(
        "modelarts_running_notebooks",
        "Notebooks that run, by flavor, dedicated pool and what stops them by itself.",
        [
            (
                project.plus(
                    flavor=place.flavor,
                    pool=place.pool,
                    auto_stop=place.auto_stop.value,
                ),
                float(number),
            )
            for project, snapshot in listed
            for place, number in snapshot.running.items()
        ],
    )
    yield gauge(
        "modelarts_notebook_storage_bytes",
        "Capacity of the notebooks' volumes, which cost until the notebook is deleted.",
        [
            (project.plus(phase=phase.value, category=category), float(size))
            for project, snapshot in listed
            for (phase, category), size in snapshot.storage.items()
        ],
    )
    yield gauge(
        "modelarts_notebook_oldest_created_timestamp_seconds",
        "When the oldest notebook of a phase was created, in Unix time.",
        seconds(
            (project.plus(phase=phase.value), created)
            for project, snapshot in listed
            for phase, created in snapshot.oldest_created.items()
        ),
    )
    selected = [
        (project.plus(notebook_id=notebook.notebook_id), notebook)
        for project, snapshot in listed
        for notebook in snapshot.selected
    ]
    yield gauge(
        "modelarts_notebook_info",
        "1 for each notebook, if notebook_series is enabled.",
        [
            (
                labels.plus(
                    name=notebook.name,
                    user=notebook.user,
                    flavor=notebook.flavor,
                    pool=notebook.pool,
                    status=notebook.status.name,
                    auto_stop=notebook.auto_stop.value,
                ),
                1.0,
            )
            for labels, notebook in selected
        ],
    )
    yield gauge(
        "modelarts_notebook_auto_stop_timestamp_seconds",
        "When a running notebook stops by itself, in Unix time.",
        seconds(
            (labels, notebook.stops_at)
            for labels, notebook in selected
            if notebook.is_running
        ),
    )
