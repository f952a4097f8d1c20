"""Makes texts from a cloud, such as job names, safe for labels."""

from __future__ import annotations

import re

from typing import Final


_MAX_LENGTH: Final = 256
"""Far longer than names of jobs and flavors."""

# Control characters except tab and newline, surrogates, and other line breaks.
_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def plain(text: str) -> str:
    """Return `text` with `\ufffd` for unsafe characters, truncated if very long."""
    if len(text) > _MAX_LENGTH:
        text = text[: _MAX_LENGTH - 1] + "…"
    return text if text.isprintable() else _UNSAFE.sub("\ufffd", text)
