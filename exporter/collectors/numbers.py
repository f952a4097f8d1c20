"""Converts numbers and times from the forms that the APIs use."""

from __future__ import annotations

from datetime import UTC, datetime
from types import NoneType
from typing import Annotated, Final, TypeAlias, cast

from msgspec import Meta

from ..errors import CollectionError, Failure, Reason


MAX_EXACT: Final = 2**53
"""Up to here, a float represents every integer exactly."""

Number: TypeAlias = (
    Annotated[int, Meta(ge=-MAX_EXACT, le=MAX_EXACT)]
    | Annotated[float, Meta(ge=-float(MAX_EXACT), le=float(MAX_EXACT))]
    | str
    | None
)

DecodedId: TypeAlias = (
    Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
    | Annotated[str, Meta(max_length=128)]
)
"""A job's ID; never truncated, since it must stay unique."""

# 2001 to 2286, in milliseconds: other values are not plausible creation times.
_MIN_MILLIS: Final = 10**12
_MAX_MILLIS: Final = 10**13
_MAX_SHOWN: Final = 20

_INTEGER: Final[set[type]] = {int}
_INTEGER_OR_NONE: Final[set[type]] = {int, NoneType}


def to_int(number: Number, field: str) -> int | None:
    """
    Return a whole number, also from a text; None if it is not a number.

    Raises `CollectionError`, which names `field`, if it is out of range.
    """
    if isinstance(number, int):
        return number
    if not isinstance(number, str):
        return None if number is None else int(number)
    try:
        # The float first: int fails on very long texts, float does not.
        if not abs(float(number)) <= MAX_EXACT:
            raise out_of_range(number, field)
        return int(number)
    except ValueError:
        return None


def to_limit(number: Number, field: str) -> int | None:
    """
    Return a count or limit; None if absent or negative, which means unlimited.

    Raises `CollectionError`, which names `field`, if it is out of range.
    """
    found = to_int(number, field)
    return found if found is not None and found >= 0 else None


def to_amount(number: Number, field: str) -> float | None:
    """
    Return an amount, fractions included, also from a text; None if absent or negative.

    Raises `CollectionError`, which names `field`, if it is out of range.
    """
    if number is None:
        return None
    try:
        amount = float(number)
    except ValueError:
        return None
    if not abs(amount) <= MAX_EXACT:
        raise out_of_range(str(number), field)
    return amount if amount >= 0 else None


def to_ints(numbers: list[Number], field: str) -> list[int]:
    """
    Return the whole numbers among `numbers`.

    Raises `CollectionError`, which names `field`, if one is out of range.
    """
    # Called for pages of a thousand jobs: the common case must be fast.
    types = set(map(type, numbers))
    if types <= _INTEGER:
        return cast("list[int]", numbers)
    if types <= _INTEGER_OR_NONE:
        return [
            number for number in cast("list[int | None]", numbers) if number is not None
        ]
    found = (to_int(number, field) for number in numbers)
    return [number for number in found if number is not None]


def to_millis_list(numbers: list[Number], field: str) -> list[int]:
    """
    Return the plausible times among `numbers`, in milliseconds since the epoch.

    Raises `CollectionError`, which names `field`, if one is out of range.
    """
    times = to_ints(numbers, field)
    if times and min(times) >= _MIN_MILLIS and max(times) < _MAX_MILLIS:
        return times
    return [time for time in times if _MIN_MILLIS <= time < _MAX_MILLIS]


def to_millis(number: Number, field: str) -> int | None:
    """
    Return a time, in milliseconds since the epoch; None if it is implausible.

    Raises `CollectionError`, which names `field`, if it is out of range.
    """
    found = to_int(number, field)
    return found if found is not None and _MIN_MILLIS <= found < _MAX_MILLIS else None


def to_unix_time(text: str | None) -> float | None:
    """Return the Unix time of a time in RFC 3339; None if it is none, or implausible."""
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    found = time.timestamp()
    return found if _MIN_MILLIS <= found * 1000 < _MAX_MILLIS else None


def out_of_range(text: str, field: str) -> CollectionError:
    """Return the error for a number beyond those that are exact; it names `field`."""
    shown = text.strip()
    if len(shown) > _MAX_SHOWN:
        shown = f"{shown[:_MAX_SHOWN]}... ({len(text)} characters)"
    return _unusable(f"the answer's {field} is out of range: {shown}")


def _unusable(problem: str) -> CollectionError:
    return CollectionError(
        Failure(
            reason=Reason.RESPONSE,
            problem=problem,
            advice="report it to the cloud's support",
        )
    )
