"""What the status page says of each target: a card of the project's details."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ...collection.offers import Absent
from ...collection.results import Latest
from ...collectors.alerts import Thresholds
from ...collectors.base import Target
from ...collectors.overview import Bar, Overview
from ...collectors.phases import Phase
from ...collectors.spans import span
from ...errors import Failure


class State(StrEnum):
    """How the last collection of a target went."""

    UP = "up"
    DOWN = "down"
    WAITING = "not collected yet"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar, in percent of its width."""

    phase: Phase
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """A bar, and what it shows in words."""

    title: str
    words: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """
    The last collection of a target, as of `now`.

    `age` is how many seconds ago it ended, and `success_age` how many ago one succeeded.
    """

    target: Target
    state: State
    age: float | None = None
    seconds: float = 0.0
    success_age: float | None = None
    failure: Failure | None = None
    absence: Absent | None = None
    overview: Overview | None = None
    partial_failures: Sequence[Failure] = ()

    @property
    def title(self) -> str:
        """The product's title, with the API version if there are several."""
        return self.target.title

    @property
    def noun(self) -> str:
        """What the objects are called, in the plural."""
        return self.target.product.noun

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing, and nothing to say about that."""
        overview = self.overview
        if overview is None or overview.problems or self.partial_failures:
            return False
        return not any(overview.phases.values()) and not overview.bars

    @property
    def when(self) -> str:
        """When it was collected, and for how long."""
        if self.age is None:
            return "Collected when Prometheus scrapes."
        words = f"Last collected {span(self.age)} ago ({self.seconds:.2f} s)."
        if self.failure is not None and self.success_age is not None:
            words += f" Last success {span(self.success_age)} ago."
        if self.overview is not None and self.overview.note:
            words += f" {self.overview.note}"
        return words

    @property
    def phases(self) -> Sequence[tuple[int, Phase]]:
        """The number of objects in each phase that has some."""
        if self.overview is None:
            return ()
        numbers = self.overview.phases
        return [(numbers[phase], phase) for phase in Phase if numbers.get(phase)]

    @property
    def bar(self) -> DrawnBar:
        """The phases as a bar."""
        words = ", ".join(f"{number} {phase}" for number, phase in self.phases)
        parts = _parts((phase, number) for number, phase in self.phases)
        return DrawnBar("", words, list(parts))

    @property
    def bars(self) -> Sequence[DrawnBar]:
        """The product's own bars."""
        return [_drawn(bar) for bar in self.overview.bars] if self.overview else ()


def target_status(latest: Latest, now: float) -> TargetStatus:
    """Return what is known of a target at the Unix time `now`."""
    target, outcome = latest.target, latest.outcome
    if outcome is None:
        return TargetStatus(target=target, state=State.WAITING)
    age = now - latest.collected_at
    result = outcome.result
    if isinstance(result, Absent):
        return TargetStatus(
            target=target,
            state=State.ABSENT,
            age=age,
            seconds=outcome.seconds,
            absence=result,
        )
    if isinstance(result, Failure):
        success = latest.last_success
        return TargetStatus(
            target=target,
            state=State.DOWN,
            age=age,
            seconds=outcome.seconds,
            success_age=None if success is None else now - success,
            failure=result,
        )
    return TargetStatus(
        target=target,
        state=State.UP,
        age=age,
        seconds=outcome.seconds,
        overview=result.overview(now, Thresholds(dict(target.project.labels))),
        partial_failures=result.partial_failures,
    )


def _drawn(bar: Bar) -> DrawnBar:
    parts = [part for part in bar.parts if part.amount > 0]
    return DrawnBar(
        bar.title,
        ", ".join(f"{part.amount:.12g} {part.name}" for part in parts),
        list(_parts((part.phase, part.amount) for part in parts)),
    )


def _parts(amounts: Iterable[tuple[Phase, float]]) -> Iterator[Part]:
    shown = [(phase, amount) for phase, amount in amounts if amount]
    start = 0.0
    total = sum(amount for _, amount in shown)
    for phase, amount in shown:
        width = 100 * amount / total
        yield Part(phase, round(start, 3), round(width, 3))
        start += width
