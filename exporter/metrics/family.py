"""
Metric families, whose samples are lines of text from the start.

Unlike those of `prometheus_client`, they are written piece by piece: what is in memory
at a time are the lines of some samples, not all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from prometheus_client.utils import floatToGoString

from .labels import Labels


_MILLION: Final = 1_000_000.0
_SMALL: Final = "%d.0\n"
"""The format of a count below a million."""


class Lines(NamedTuple):
    """Lines of samples of the same name, as both text formats have them."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family; its samples can be read once, unless they are kept."""

    name: str
    documentation: str
    type: str
    samples: Iterable[Lines]

    def kept(self) -> Family:
        """Return the family with its samples in memory, to be read more than once."""
        return replace(self, samples=tuple(self.samples))


class CountLines:
    """The lines of samples that differ in nothing but their counts between scrapes."""

    def __init__(self, name: str, labels: Iterable[Labels]) -> None:
        self._name = name
        texts = [found.text.replace("%", "%%") for found in labels]
        self._text = "".join(f"{name}{text} {_SMALL}" for text in texts)

    def lines(self, counts: Sequence[int]) -> Lines:
        """Return the lines with `counts`, one for each."""
        if max(counts) < _MILLION:
            return Lines(self._name, self._text % tuple(counts))
        # No label has a line break, so that only values are replaced.
        text = self._text.replace(_SMALL, "%s\n")
        return Lines(self._name, text % tuple(map(number, map(float, counts))))


def line(name: str, labels: Labels, value: float) -> Lines:
    """Return the line of one sample."""
    return Lines(name, f"{name}{labels.text} {number(value)}\n")


def number(value: float) -> str:
    """Return `value` as Go writes it."""
    # Below a million, Go writes a float as Python does.
    return repr(value) if -_MILLION < value < _MILLION else floatToGoString(value)
