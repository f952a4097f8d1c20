"""
Converts scalars of the file to types.

Each function raises `ValueError` with a message for the user.
"""

from __future__ import annotations

import re

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import SplitResult, urlsplit

from .document import Scalar
from .messages import quoted, suggestion, unknown
from .secret import Secret


_DURATION: Final = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?"
)
_UNIT_SECONDS: Final = (31_536_000.0, 604_800.0, 86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_BOOLEANS: Final = {"true": True, "false": False}
_IDENTIFIER: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_PATTERN: Final = re.compile(r"[0-9A-Za-z_*?-]+")
_REGION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LABEL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

E = TypeVar("E", bound=StrEnum)


def as_text(value: Scalar) -> str:
    """Return text that is not blank and has no control characters."""
    if not value.text.strip():
        raise ValueError("is empty")
    if _CONTROL.search(value.text):
        raise ValueError("has a line break or another control character")
    return value.text


def as_any_text(value: Scalar) -> str:
    """Return text that may be blank and have several lines."""
    return value.text


def as_identifier(value: Scalar) -> str:
    """Return an ID that is safe in a URL's path."""
    if not _IDENTIFIER.fullmatch(as_text(value)):
        raise ValueError("letters, digits, - and _ are allowed, 64 at most")
    return value.text


def as_region(value: Scalar) -> str:
    """Return the name of a region."""
    if not _REGION.fullmatch(as_text(value)):
        lower = value.shown.strip().lower()
        hint = f"; did you mean {quoted(lower)}?" if _REGION.fullmatch(lower) else ""
        raise ValueError(f"not a region name such as eu-de{hint}")
    return value.text


def as_pattern(value: Scalar) -> str:
    """Return a shell pattern of names of projects."""
    if not _PATTERN.fullmatch(as_text(value)):
        raise ValueError(
            "not a pattern of project names: letters, digits, -, _, * and ? are allowed"
        )
    return value.text


def check_label_name(name: str) -> None:
    """Refuse what is not the name of a label."""
    if not _LABEL_NAME.fullmatch(name) or name.startswith("__"):
        raise ValueError(
            "not a label name: letters, digits and _, not first a digit or __"
        )


def as_endpoint(value: Scalar) -> str:
    """Return the URL of an API, without a slash at its end."""
    url = _url(value, "https", "http")
    if url.query or url.fragment or "@" in url.netloc:
        raise ValueError("must be a scheme, a host and optionally a path")
    return value.text.rstrip("/")


def as_metadata_url(value: Scalar) -> str:
    """Return the URL of a metadata service, without a slash at its end."""
    _url(value, "http", "https")
    return value.text.rstrip("/")


def as_proxy_url(value: Scalar) -> Secret:
    """Return the URL of a proxy; it may have a password."""
    _url(value, "http", "https")
    return Secret(value.text)


def _url(value: Scalar, *schemes: str) -> SplitResult:
    # Messages do not quote the text: a URL can contain a password.
    try:
        url = urlsplit(as_text(value))
        usable = url.scheme in schemes and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        starts = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"not a URL that starts with {starts}")
    return url


def as_boolean(value: Scalar) -> bool:
    """Return the boolean of `true` or `false`; YAML's other spellings are errors."""
    if value.text not in _BOOLEANS:
        raise ValueError(f"{quoted(value.shown)} is neither true nor false")
    return _BOOLEANS[value.text]


def as_integer(minimum: int, maximum: int) -> Callable[[Scalar], int]:
    """Return a function that converts a scalar to a number from `minimum` to `maximum`."""

    def convert(value: Scalar) -> int:
        if not re.fullmatch(r"-?\d{1,12}", value.text):
            raise ValueError(f"{quoted(value.shown)} is not a whole number")
        number = int(value.text)
        if not minimum <= number <= maximum:
            raise ValueError(f"{number} is not between {minimum} and {maximum}")
        return number

    return convert


def as_positive(value: Scalar) -> float:
    """Return a number above zero; fractions are allowed."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value.text):
        raise ValueError(f"{quoted(value.shown)} is not a number like 20 or 0.5")
    if float(value.text) == 0:
        raise ValueError("it must be above 0")
    return float(value.text)


def as_one_of(known: Sequence[str]) -> Callable[[Scalar], str]:
    """Return a function that returns a scalar's text if it is `known`."""

    def convert(value: Scalar) -> str:
        if value.text not in known:
            raise ValueError(unknown(value.shown, value.text, known))
        return value.text

    return convert


def as_instead(word: str, known: Sequence[str]) -> Callable[[Scalar], str]:
    """Return a function that takes nothing but `word` for a list of `known` names."""

    def convert(value: Scalar) -> str:
        if value.text == word:
            return word
        hint = suggestion(value.text, [word])
        if value.text in known:
            hint = f"; write [{value.text}]"
        raise ValueError(f"{quoted(value.shown)} is neither a list nor {word}{hint}")

    return convert


def as_member(choices: type[E]) -> Callable[[Scalar], E]:
    """Return a function that converts a scalar to a member of `choices`."""
    as_value = as_one_of([member.value for member in choices])

    def convert(value: Scalar) -> E:
        return choices(as_value(value))

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
