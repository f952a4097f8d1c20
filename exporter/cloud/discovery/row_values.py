"""IDs and names in lists: they come from outside and end in paths and labels."""

from __future__ import annotations

import re

from typing import Final, TypeAlias


RowValue: TypeAlias = str | int | float | None
"""What is decoded: a number instead of a text is no reason to lose the other rows."""

_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_MAX_NAME: Final = 256


def to_id(value: RowValue) -> str | None:
    """Return `value` if it can be an ID, else None."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def to_name(value: RowValue) -> str:
    """Return `value` if it can be a name, else an empty text."""
    if not isinstance(value, str) or len(value) > _MAX_NAME or not value.isprintable():
        return ""
    return value
