"""Statuses of objects that the APIs write as words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .phases import Phase
from .texts import label_word


@dataclass(frozen=True, slots=True)
class Status:
    """A status, with its name in the label `status`, and its phase."""

    name: str
    phase: Phase


UNRECOGNIZED: Final = Status("unrecognized", Phase.UNKNOWN)
"""For every status that is not in the API reference."""


class Statuses:
    """All statuses in an API's reference; `words` has those of each phase."""

    def __init__(self, words: dict[Phase, str]) -> None:
        self._known = {
            name: Status(name, phase)
            for phase, names in words.items()
            for name in names.split()
        }

    def __iter__(self) -> Iterator[Status]:
        """Yield the statuses, without the one for others."""
        return iter(self._known.values())

    @property
    def representatives(self) -> tuple[Status, ...]:
        """One status of each phase, the first."""
        by_phase = {found.phase: found for found in reversed([*self, UNRECOGNIZED])}
        return tuple(by_phase.values())

    def of(self, api_status: str | None) -> Status:
        """Return the status for the API's word, in upper or lower case."""
        return self._known.get(label_word(api_status or ""), UNRECOGNIZED)
