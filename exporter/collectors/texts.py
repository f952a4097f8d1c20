"""Texts that a cloud chooses, such as names, as they may become labels."""

from __future__ import annotations

import re

from typing import Final


_LONGEST: Final = 256
"""Far above what names of jobs and flavors have."""

# Controls but for a tab and a new line, surrogates, and what else ends a line.
_ODD: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def plain(text: str) -> str:
    """Return a text with a `\ufffd` for each odd character, shortened if very long."""
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return text if text.isprintable() else _ODD.sub("\ufffd", text)
