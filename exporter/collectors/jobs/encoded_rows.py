"""The rows of an answer before they are decoded: a JSON array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from .rows import Row


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """The JSON array of an answer's rows, which is valid JSON."""

    content: bytes
    decode: Callable[[bytes], Sequence[Row]]
    """Decodes an array of rows. Raises `JsonError`."""

    def rows(self, start: int = 0) -> Sequence[Row]:
        """Return all rows, or those after the one that ends at `start`. Raises `JsonError`."""
        if not start:
            return self.decode(self.content)
        rest = self.content[start:].lstrip()
        return self.decode(b"[" + rest.removeprefix(b","))

    def end_of(self, number: int) -> int:
        """Return where the first `number` rows, of at least one, end, in bytes."""
        # From the end: there are few rows after them.
        end = len(self.content) - 1
        for row in reversed(_raw_rows.decode(self.content)[number:]):
            end = self.content.rindex(row, 0, end)
        return len(self.content[:end].rstrip(b", \t\n\r"))

    def hash(self, end: int) -> int:
        """Return the hash of the array until `end`."""
        return hash(self.content[:end])


_raw_rows: Final = msgspec.json.Decoder(list[msgspec.Raw])
