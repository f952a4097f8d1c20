"""
Converts scalars of the file to types.

Each function raises `ValueError` with a message for the user.
"""

from __future__ import annotations

import re

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, TypeVar

from .document import Scalar
from .messages import quoted, suggestion


_DURATION: Final = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?"
)
_UNIT_SECONDS: Final = (31_536_000.0, 604_800.0, 86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

E = TypeVar("E", bound=StrEnum)


def as_text(value: Scalar) -> str:
    """Return text that is not blank and has no control characters."""
    if not value.text.strip():
        raise ValueError("is empty")
    if _CONTROL.search(value.text):
        raise ValueError("has a line break or another control character")
    return value.text


def as_member(choices: type[E]) -> Callable[[Scalar], E]:
    """Return a function that converts a scalar to a member of `choices`."""
    as_value = as_one_of([member.value for member in choices])

    def convert(value: Scalar) -> E:
        return choices(as_value(value))

    return convert


def as_one_of(known: Sequence[str]) -> Callable[[Scalar], str]:
    """Return a function that returns a scalar's text if it is `known`."""

    def convert(value: Scalar) -> str:
        if value.text not in known:
            hint = (
                suggestion(value.text, [*known]) or f"; it is one of {', '.join(known)}"
            )
            raise ValueError(f"{quoted(value.shown)} is not known here{hint}")
        return value.text

    return convert


def as_duration(value: Scalar) -> float:
    """Return the seconds of a duration in Prometheus's syntax."""
    if value.text == "0":
        return 0.0
    match = _DURATION.fullmatch(value.text)
    if not value.text or not match:
        raise ValueError(
            f"{quoted(value.shown)} is not a duration; write it like 9s, 500ms or 1h30m"
        )
    return sum(
        int(number) * unit
        for number, unit in zip(match.groups(), _UNIT_SECONDS, strict=True)
        if number
    )
