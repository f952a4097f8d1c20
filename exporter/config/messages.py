"""Parts of error messages: quoted values and suggestions."""

from __future__ import annotations

import difflib

from collections.abc import Sequence
from typing import Final


_LONG: Final = 60


def quoted(text: str) -> str:
    """Return `text` in quotes, truncated if long."""
    return f'"{text if len(text) <= _LONG else text[:_LONG] + "..."}"'


def suggestion(word: str, known: Sequence[str]) -> str:
    """Return `; did you mean "…"?` if a known word is similar, else an empty text."""
    lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(word.lower(), lower, n=1)
    return f"; did you mean {quoted(lower[near[0]])}?" if near else ""


def unknown(shown: str, word: str, known: Sequence[str]) -> str:
    """Say that `word` is none of `known`, and call it as `shown` does."""
    hint = suggestion(word, known) or f"; it is one of {', '.join(known)}"
    return f"{quoted(shown)} is not known here{hint}"
