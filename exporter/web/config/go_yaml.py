"""
Converts values as Go's YAML library does, for exporter-toolkit files.

Each function raises `ValueError` with a message for the user.
"""

from __future__ import annotations

import re

from fractions import Fraction
from typing import Final

from ...config.document import Scalar
from ...config.messages import quoted


_TRUE: Final = frozenset(("y", "yes", "true", "on"))
_FALSE: Final = frozenset(("n", "no", "false", "off"))
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_DURATION: Final = re.compile(
    r"\+?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+"
)
_PART: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_INTEGER: Final = re.compile(r"[0-9]+")
_MAX_LENGTH: Final = 40
_MAX_NANOSECONDS: Final = 2**63 - 1


def as_boolean(value: Scalar) -> bool:
    """Return the value of a YAML 1.1 boolean."""
    word = value.text
    if word in {word.lower(), word.title(), word.upper()}:
        if word.lower() in _TRUE:
            return True
        if word.lower() in _FALSE:
            return False
    raise ValueError(f"{quoted(value.shown)} is neither true nor false")


def as_duration(value: Scalar) -> float:
    """Return the seconds of Go's `time.ParseDuration`; a bare number is nanoseconds."""
    text = value.text
    nanoseconds = None
    if len(text) <= _MAX_LENGTH:
        if _INTEGER.fullmatch(text):
            nanoseconds = int(text)
        elif _DURATION.fullmatch(text):
            parts = _PART.findall(text)
            nanoseconds = int(
                sum(Fraction(n) * _NANOSECONDS[unit] for n, unit in parts)
            )
    if nanoseconds is None or nanoseconds > _MAX_NANOSECONDS:
        raise ValueError(
            f"{quoted(value.shown)} is not a duration; write it like 1.5s, 500ms or 1h30m"
        )
    return nanoseconds / 1e9
