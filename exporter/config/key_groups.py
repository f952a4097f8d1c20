"""Reads a mapping of the file into the dataclass that declares its keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

from .declaration import DeclaredKey, Form, Group, KeyGroup, Shape, keys_of
from .document import Scalar
from .scalars import (
    as_boolean,
    as_duration,
    as_instead,
    as_integer,
    as_member,
    as_one_of,
    as_positive,
    as_text,
)
from .section import Section


_CONVERTERS: Final[dict[Form, Callable[[Scalar], object]]] = {
    Form.TEXT: as_text,
    Form.BOOLEAN: as_boolean,
    Form.NUMBER: as_positive,
    Form.DURATION: as_duration,
}


def read_group(section: Section, group: type[Group]) -> Group:
    """
    Return the values of `section`, and record its errors.

    A missing or wrong value has a placeholder: a document with errors is never used.
    """
    errors = section.document.errors
    is_right = True
    values: dict[str, object] = {}
    for key in keys_of(group):
        before = len(errors)
        values[key.name] = _value(section, key)
        is_right = is_right and (len(errors) == before or key.form is Form.GROUP)
    section.close()
    found = group(**values)
    if is_right:
        for name, message in found.problems():
            section.error(message, name or None)
    return found


def _value(section: Section, key: DeclaredKey) -> object:
    if key.form is Form.SECRET:
        read = section.required_secret if key.required else section.secret
        return read(key.name)
    if key.name not in section:
        if key.required:
            section.error("missing", key.name)
        return _placeholder(key)
    if key.form is Form.GROUP:
        return _inner(section, key, key.kind)
    if key.form is Form.FILE:
        return section.readable_file(key.name)
    return _values(section, key)


def _placeholder(key: DeclaredKey) -> object:
    return key.kind() if key.required else key.default


def _inner(section: Section, key: DeclaredKey, group: type[KeyGroup]) -> object:
    inner = section.possibly_empty_section(key.name)
    needs_keys = any(one.required for one in keys_of(group))
    if needs_keys and section.is_blank(key.name):
        return key.default
    return read_group(inner, group)


def _values(section: Section, key: DeclaredKey) -> object:
    convert = key.key.convert or _converter(section, key)
    if key.shape is Shape.MAPPING:
        inner = section.possibly_empty_section(key.name)
        return tuple(inner.entries(convert, key.key.check_name))
    if key.shape is Shape.SINGLE:
        return section.value(key.name, _placeholder(key), convert)
    if key.key.instead and section.is_text(key.name):
        as_word = as_instead(key.key.instead, section.document.collectors)
        return (section.value(key.name, "", as_word),)
    if key.default == () and section.is_blank_list(key.name):
        return ()
    found_list = section.listed(key.name, convert)
    if key.form is Form.COLLECTOR and len(set(found_list)) < len(found_list):
        section.error("an entry is given twice", key.name)
    return tuple(found_list)


def _converter(section: Section, key: DeclaredKey) -> Callable[[Scalar], object]:
    if key.form is Form.COLLECTOR:
        return _as_collector(key.key.instead, section.document.collectors)
    if key.form is Form.INTEGER:
        return as_integer(*key.key.between)
    if issubclass(key.kind, StrEnum):
        return as_member(key.kind)
    return _CONVERTERS[key.form]


def _as_collector(word: str, known: Sequence[str]) -> Callable[[Scalar], str]:
    as_name = as_one_of(known)

    def convert(value: Scalar) -> str:
        if value.text == word:
            raise ValueError(f"{word} stands alone, in place of the list")
        return as_name(value)

    return convert
