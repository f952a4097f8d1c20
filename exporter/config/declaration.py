"""How the keys of the configuration file are declared: as fields of dataclasses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields
from enum import Enum, StrEnum, auto
from inspect import get_annotations
from pathlib import Path
from types import NoneType
from typing import Final, TypeVar, get_args, get_origin, get_type_hints

from .document import Scalar
from .secret import Secret


class Form(Enum):
    """What the value of a key is."""

    TEXT = auto()
    SECRET = auto()
    FILE = auto()
    BOOLEAN = auto()
    INTEGER = auto()
    NUMBER = auto()
    DURATION = auto()
    CHOICE = auto()
    COLLECTOR = auto()
    GROUP = auto()


class Shape(Enum):
    """Whether a key has one value, a list of them, or a mapping to them."""

    SINGLE = auto()
    LIST = auto()
    MAPPING = auto()


@dataclass(frozen=True, slots=True)
class Key:
    """
    What the type of a field does not say of its key. Goes into `Annotated`.

    `help` and `default`, if the field's own default does not say it, are Markdown.
    `instead` is a word that may replace a list, and is read as a list of that word.
    `convert`, and `check_name` for the names of a mapping, raise `ValueError`.
    """

    help: str
    default: str = ""
    form: Form | None = None
    between: tuple[int, int] = (0, 0)
    convert: Callable[[Scalar], object] | None = None
    check_name: Callable[[str], None] | None = None
    instead: str = ""


class KeyGroup:
    """
    Base of the dataclasses that declare the keys of a mapping.

    Each field is a key, with an `Annotated[type, Key]`. A float is a number above zero
    unless its `Key` says that it is a duration, in seconds.
    """

    __slots__ = ()

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Yield what is wrong with the values together: a key, or nothing, and a message.

        Only asked if each value is right by itself.
        """
        yield from ()


Group = TypeVar("Group", bound=KeyGroup)


@dataclass(frozen=True, slots=True)
class DeclaredKey:
    """A key as its field declares it; `default` is of no use if it is `required`."""

    name: str
    key: Key
    form: Form
    shape: Shape
    kind: type
    required: bool
    default: object


_FORMS: Final = {
    str: Form.TEXT,
    Secret: Form.SECRET,
    Path: Form.FILE,
    bool: Form.BOOLEAN,
    int: Form.INTEGER,
    float: Form.NUMBER,
}


_KEYS: Final[dict[type[KeyGroup], tuple[DeclaredKey, ...]]] = {}


def keys_of(group: type[KeyGroup]) -> tuple[DeclaredKey, ...]:
    """Return the keys that `group` declares."""
    if group not in _KEYS:
        hints = get_type_hints(group, include_extras=True)
        found = fields(group)  # type: ignore[arg-type]  # each is a dataclass
        # Its own keys first, then those that it inherits.
        own = get_annotations(group)
        _KEYS[group] = tuple(
            _declared(field.name, field.default, hints[field.name])
            for field in sorted(found, key=lambda field: field.name not in own)
        )
    return _KEYS[group]


def _declared(name: str, default: object, hint: object) -> DeclaredKey:
    annotated, key = get_args(hint)
    shape, kind = _shape(annotated)
    return DeclaredKey(
        name=name,
        key=key,
        form=key.form or _form(kind),
        shape=shape,
        kind=kind,
        required=default is MISSING,
        default=default,
    )


def _shape(hint: object) -> tuple[Shape, type]:
    """Take `X | None`, `tuple[X, ...]` and `tuple[tuple[str, X], ...]` apart."""
    alternatives = get_args(hint)
    if NoneType in alternatives:
        return _shape(alternatives[0])
    if get_origin(hint) is not tuple:
        return Shape.SINGLE, _type(hint)
    (element, _) = alternatives
    if get_origin(element) is tuple:
        return Shape.MAPPING, _type(get_args(element)[1])
    return Shape.LIST, _type(element)


def _type(hint: object) -> type:
    if not isinstance(hint, type):
        raise TypeError(f"a key cannot have the type {hint}")
    return hint


def _form(kind: type) -> Form:
    if issubclass(kind, StrEnum):
        return Form.CHOICE
    return Form.GROUP if issubclass(kind, KeyGroup) else _FORMS[kind]
