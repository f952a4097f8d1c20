"""Keeps a series at 0 once nothing has its labels, so that its end is seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar


KeyT = TypeVar("KeyT")


class RememberedCounts(Generic[KeyT]):
    """What was counted so far, and `keys` from the start."""

    def __init__(self, keys: Iterable[KeyT] = ()) -> None:
        self._keys = dict.fromkeys(keys)

    def added_to(self, counts: Mapping[KeyT, int]) -> dict[KeyT, int]:
        """Return `counts`, with 0 for what was counted before and no longer is."""
        self._keys |= dict.fromkeys(counts)
        return {key: counts.get(key, 0) for key in self._keys}
