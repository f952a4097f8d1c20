"""What the status page shows of a collection, whatever the product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .alerts import Alert
from .phases import Phase


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """How much of a limit is used."""

    title: str
    used: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Longest:
    """The object that has run longest; `reference` is its noun and ID."""

    name: str
    reference: str
    seconds: float
    ends_by_itself: bool = True
    """Whether such objects do, so that a long time means something."""


@dataclass(frozen=True, slots=True)
class BarPart:
    """A part of a bar, in the color of a phase."""

    name: str
    phase: Phase
    amount: float


@dataclass(frozen=True, slots=True)
class Bar:
    """What something consists of, shown as a bar."""

    title: str
    parts: tuple[BarPart, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What an alert is about; `words` complete a sentence that begins with the title."""

    alert: Alert
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """
    What one collection found.

    `phases` has the number of objects by phase; `note` is a sentence about how they
    were collected.
    """

    phases: Mapping[Phase, int]
    quotas: tuple[QuotaUse, ...] = ()
    bars: tuple[Bar, ...] = ()
    longest: Longest | None = None
    problems: tuple[Problem, ...] = ()
    note: str = ""
