"""Writes durations for people."""

from __future__ import annotations

from typing import Final


_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def span(seconds: float) -> str:
    """Return a duration as text, with two units at most, such as `1 h 30 min`."""
    left = max(0, round(seconds))
    words = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words[:2]) or "0 s"
