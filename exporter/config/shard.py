"""One of several processes that share the projects of one configuration."""

from __future__ import annotations

import hashlib

from dataclasses import dataclass
from typing import Final


MAX_SHARDS: Final = 1000


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `number` parts of the projects; `index` counts from 0."""

    index: int
    number: int

    @property
    def is_valid(self) -> bool:
        """Whether there is such a shard, and no more than 1,000 of them."""
        return 0 <= self.index < self.number <= MAX_SHARDS

    def holds(self, key: str) -> bool:
        """Return whether the project with that `shard_key` belongs to this shard."""
        return self.index == self.owner(key)

    def owner(self, key: str) -> int:
        """
        Return the index of the shard to which the project with that `shard_key` belongs.

        Rendezvous hashing: a project belongs to the shard with the highest hash for it,
        whatever other projects exist. An additional shard moves projects only to itself.
        """
        return max(range(self.number), key=lambda index: _hash(index, key))


def _hash(index: int, key: str) -> bytes:
    return hashlib.sha256(f"{index}/{key}".encode()).digest()
