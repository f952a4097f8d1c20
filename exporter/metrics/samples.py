"""Builds families of gauges and counters, without unknown values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from .family import Family, Lines, number
from .labels import Labels


_LINES: Final = 1000
"""Lines that are made at once."""


def gauge(
    name: str, documentation: str, samples: Iterable[tuple[Labels, float]]
) -> Family:
    """Return a family of gauges."""
    return Family(name, documentation, "gauge", _lines(name, samples))


def counter(
    name: str, documentation: str, samples: Iterable[tuple[Labels, float]]
) -> Family:
    """Return a family of counters; `name` is without `_total`."""
    return Family(name, documentation, "counter", _lines(f"{name}_total", samples))


def seconds(
    samples: Iterable[tuple[Labels, int | None]],
) -> Iterator[tuple[Labels, float]]:
    """Convert milliseconds to seconds; drop samples without a value."""
    return (
        (labels, milliseconds / 1000)
        for labels, milliseconds in samples
        if milliseconds is not None
    )


def known(
    samples: Iterable[tuple[Labels, float | None]],
) -> Iterator[tuple[Labels, float]]:
    """Drop samples without a value."""
    return ((labels, float(value)) for labels, value in samples if value is not None)


def _lines(name: str, samples: Iterable[tuple[Labels, float]]) -> Iterator[Lines]:
    rest = iter(samples)
    while some := list(islice(rest, _LINES)):
        lines = [f"{name}{labels.text} {number(value)}\n" for labels, value in some]
        yield Lines(name, "".join(lines))
