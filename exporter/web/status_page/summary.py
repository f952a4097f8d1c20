"""The numbers at the top of the status page: how many projects have which problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .findings import Level
from .projects import ProjectStatus
from .view import Show


@dataclass(frozen=True, slots=True)
class Tile:
    """A number of projects; `show` is the filter for them."""

    title: str
    number: int
    show: Show
    level: Level = Level.FINE


def tiles(projects: Sequence[ProjectStatus]) -> Iterator[Tile]:
    """Yield the numbers; they count projects, whatever is shown of them."""
    yield Tile("Projects", len(projects), Show.ALL)
    yield Tile("Collected", sum(one.is_collected for one in projects), Show.COLLECTED)
    uncollected = sum(one.is_shown(Show.UNCOLLECTED) for one in projects)
    if uncollected:
        title = "Not collected yet"
        yield Tile(title, uncollected, Show.UNCOLLECTED, Level.UNCOLLECTED)
    for title, show, level in (
        ("Failing", Show.FAILING, Level.FAILING),
        ("Quota full", Show.QUOTA, Level.WARNING),
        ("Almost full", Show.CAPACITY, Level.WARNING),
        ("Waiting long", Show.WAITING, Level.WARNING),
        ("Running long", Show.RUNNING, Level.WARNING),
        ("Unhealthy", Show.HEALTH, Level.WARNING),
    ):
        yield Tile(title, sum(one.is_shown(show) for one in projects), show, level)
