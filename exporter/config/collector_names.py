"""Which collectors there are, and which of them a project has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


ALL_COLLECTORS: Final = "all"
"""In place of a list of `collectors`: every one."""


@dataclass(frozen=True, slots=True)
class CollectorNames:
    """The names of all collectors, and of those that projects have by default."""

    known: tuple[str, ...]
    default: tuple[str, ...]

    def of(self, given: tuple[str, ...] | None) -> tuple[str, ...]:
        """Return the names of the collectors of a project whose file says `given`."""
        if given is None:
            return self.default
        return self.known if given == (ALL_COLLECTORS,) else given
