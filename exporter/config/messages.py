"""Parts of error messages: quoted values and suggestions."""

from __future__ import annotations

import difflib

from typing import Final


_LONG: Final = 60


def quoted(text: str) -> str:
    """Return `text` in quotes, truncated if long."""
    return f'"{text if len(text) <= _LONG else text[:_LONG] + "..."}"'


def suggestion(word: str, known: list[str]) -> str:
    """Return `; did you mean "…"?` if a known word is similar, else an empty text."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {quoted(near[0])}?" if near else ""
