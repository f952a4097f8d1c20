"""Assumptions that code makes about an API, and whether they hold on a cloud."""

from __future__ import annotations

import re

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..errors import Failure
from .session import Session


_PUBLISHABLE: Final = re.compile(r"[A-Za-z][A-Za-z_]{0,31}|-?[0-9]{1,4}")
"""A status, which is a word or a small number; nothing else is repeated."""

_MAX_WORDS: Final = 10


class Answer(StrEnum):
    """Whether an assumption holds."""

    HELD = "held"
    DID_NOT_HOLD = "did not hold"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Whether an assumption holds, and what was seen.

    `seen` may be published: it has no ID, name, token or host of the user's.
    """

    answer: Answer
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """
    What code relies on although no cloud has confirmed it.

    `why` says what is wrong if it does not hold, `otherwise` what the exporter does then.
    """

    name: str
    text: str
    why: str
    otherwise: str
    test: Callable[[Session], Awaitable[Verdict]]
    """Sends a few requests that only read. Raises `CollectionError`."""


def verdict(holds: bool, seen: str) -> Verdict:
    """Return that an assumption held, or that it did not."""
    return Verdict(Answer.HELD if holds else Answer.DID_NOT_HOLD, seen)


def undecided(why: str) -> Verdict:
    """Return that the assumption could be neither confirmed nor refuted."""
    return Verdict(Answer.UNDECIDED, why)


def outcome(failure: Failure) -> str:
    """Return a failure in words that may be published."""
    status = "" if failure.status is None else f" HTTP {failure.status}"
    return f"{failure.reason}{status} {failure.error_code or ''}".rstrip()


def published(words: set[str]) -> str:
    """Return statuses that were seen, without what may be no status."""
    shown = sorted(word for word in words if _PUBLISHABLE.fullmatch(word))[:_MAX_WORDS]
    hidden = len(words) - len(shown)
    return ", ".join([*shown, *([f"{hidden} that are not shown"] if hidden else [])])
