"""Makes labels of texts from a cloud, such as job names and statuses."""

from __future__ import annotations

import re

from typing import Final


_MAX_LENGTH: Final = 256
"""Far longer than names of jobs and flavors."""

# Control characters except tab and newline, surrogates, and other line breaks.
_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")

_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def plain(text: str) -> str:
    """Return `text` with `\ufffd` for unsafe characters, truncated if very long."""
    if len(text) > _MAX_LENGTH:
        text = text[: _MAX_LENGTH - 1] + "…"
    return text if text.isprintable() else _UNSAFE.sub("\ufffd", text)


def label_word(text: str) -> str:
    """Return the API's word as labels have it: `CreationFailed` as `creation_failed`."""
    return plain(_WORD_START.sub("_", text.strip()).lower())
