"""
Reads a mapping of the configuration file key by key into types.

For a missing or invalid value, a getter records an error of the document and returns a
placeholder, so that reading continues and the user sees all errors at once. A document
with errors is never used.
"""

from __future__ import annotations

import re

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import yaml

from ..errors import SecretError
from .document import Document, Scalar, describe, is_empty, join, line_of, pairs, scalar
from .files import read_file
from .messages import suggestion
from .scalars import as_any_text, as_integer, as_member, as_text
from .secret import Secret


_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Section:
    """A mapping; `close` reports the keys that no getter has read."""

    def __init__(self, document: Document, node: yaml.Node | None, path: str) -> None:
        self.document = document
        self.path = path
        self.line = line_of(node) if node is not None else 0
        self._read_keys: list[str] = []
        self._holds_secrets = False
        self._lines: dict[str, int] = {}
        self._values: dict[str, yaml.Node] = {}
        if isinstance(node, yaml.MappingNode):
            for key, line, value in pairs(document, node, path):
                self._lines[key] = line
                self._values[key] = value
        elif node is not None and not is_empty(node):
            self.error(f"expected a mapping, got {describe(node)}")

    def error(self, message: str, key: str | None = None) -> None:
        """Record an error of the section, or of a key in it or below it."""
        path = self.path if key is None else join(self.path, key)
        self.document.error(self._line(key), path, message)

    def warning(self, message: str, key: str) -> None:
        """Record that a key does not do, or likely does not, what was meant."""
        self.document.warning(self._line(key), join(self.path, key), message)

    def _line(self, key: str | None) -> int:
        if key is None:
            return self.line
        above = re.split(r"[.\[]", key, maxsplit=1)[0]
        return self._lines.get(key, self._lines.get(above, self.line))

    def close(self) -> None:
        """Record an error for every key that was not read."""
        for key in self._values:
            if key in self._read_keys:
                continue
            hint = suggestion(key, self._read_keys)
            if hint or (_NAME.fullmatch(key) and not self._holds_secrets):
                self.error(f"unknown key{hint}", key)
            else:
                # A typo in punctuation can turn a secret into a key.
                line = self._lines[key]
                path = join(self.path, "...")
                self.document.error(line, path, "unknown key (not repeated here)")

    def __contains__(self, key: str) -> bool:
        self._read_keys.append(key)
        return key in self._values

    def is_blank(self, key: str) -> bool:
        """Return whether a key is absent, or its value is null or empty."""
        node = self._values.get(key) if key in self else None
        return node is None or is_empty(node) or node.value == ""

    def value(self, key: str, default: T, convert: Callable[[Scalar], T]) -> T:
        """Return the converted value; `convert` raises `ValueError` with a message."""
        return self._value(key, default, convert, default)

    def shown(self, key: str) -> str:
        """Return the value before substitution of variables, for messages."""
        return str(getattr(self._values.get(key), "value", ""))

    def text(self, key: str, default: str | None = None) -> str:
        """Return non-empty text without control characters."""
        return self._value(key, default, as_text, "")

    def block(self, key: str) -> str:
        """Return text that may have several lines; empty if absent."""
        return self._value(key, "", as_any_text, "")

    def words(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, which may be empty or absent."""
        return () if self.is_blank_list(key) else tuple(self.listed(key, as_text))

    def is_list(self, key: str) -> bool:
        """Return whether the value of a key is a list."""
        return isinstance(
            self._values.get(key) if key in self else None, yaml.SequenceNode
        )

    def is_text(self, key: str) -> bool:
        """Return whether a key has a single value that is not empty."""
        node = self._values.get(key) if key in self else None
        return isinstance(node, yaml.ScalarNode) and not is_empty(node)

    def is_blank_list(self, key: str) -> bool:
        """Return whether a key is absent, or its value is null or an empty list."""
        node = self._values.get(key) if key in self else None
        return node is None or is_empty(node) or node.value == []

    def choice(self, key: str, choices: type[E], default: E | None = None) -> E | None:
        """Return a member of `choices`; None if the value is not one."""
        return self._value(key, default, as_member(choices), None)

    def integer(self, key: str, default: int, minimum: int, maximum: int) -> int:
        """Return a whole number between `minimum` and `maximum`."""
        return self._value(key, default, as_integer(minimum, maximum), default)

    def readable_file(self, key: str) -> Path | None:
        """Return the path of a readable file; relative paths start at this file's folder."""
        if key not in self:
            return None
        path = self.document.folder / self.text(key)
        try:
            read_file(path)
        except OSError as error:
            self.error(f"{self.shown(key)}: {error.strerror}", key)
        return path

    def secret(self, key: str) -> Secret | None:
        """Return the secret given as `key` or in the file `key_file`, if there is one."""
        self._holds_secrets = True
        file_key = f"{key}_file"
        if key in self and file_key in self:
            self.error(f"give {key} or {file_key}, not both", key)
        if file_key in self:
            secret = Secret.from_file(self.document.folder / self.text(file_key))
            try:
                secret.reveal()
            except SecretError as error:
                self.error(f"{self.shown(file_key)}: {error.problem}", file_key)
            return secret
        return Secret(self.text(key)) if key in self else None

    def required_secret(self, key: str) -> Secret:
        """Return the secret given as `key` or in the file `key_file`."""
        secret = self.secret(key)
        if secret is None:
            self.error(f"missing; give it, or {key}_file", key)
        return secret or Secret()

    def section(self, key: str) -> Section | None:
        """Return the mapping at `key`, or None if it is absent or empty."""
        if key not in self or is_empty(self._values[key]):
            return None
        return self._inner(key, self._values[key])

    def filled_section(self, key: str) -> Section | None:
        """Return the mapping at `key`, or None if it is absent or has no keys."""
        section = self.section(key)
        return None if key in self and self._values[key].value == [] else section

    def possibly_empty_section(self, key: str) -> Section:
        """Return the mapping at `key`, which may be absent or empty."""
        return self._inner(key, self._values[key] if key in self else None)

    def sections(self) -> Iterator[tuple[str, Section]]:
        """Yield every key with the mapping at it."""
        for key, node in self._values.items():
            self._read_keys.append(key)
            yield key, self._inner(key, node)

    def items(self, key: str) -> list[Section]:
        """Return the mappings in the list at `key`."""
        return [
            self._inner(f"{key}[{index}]", node)
            for index, node in enumerate(self._nodes(key))
        ]

    def texts(self) -> list[tuple[str, str]]:
        """Return every key with its text; empty text must be quoted."""
        return self.entries(as_any_text)

    def entries(
        self,
        convert: Callable[[Scalar], T],
        check_name: Callable[[str], None] | None = None,
    ) -> list[tuple[str, T]]:
        """Return every key with its converted value; `check_name` raises `ValueError`."""
        found = []
        for key, node in self._values.items():
            self._read_keys.append(key)
            value = self._convert(node, join(self.path, key), convert)
            try:
                if check_name is not None:
                    check_name(key)
            except ValueError as error:
                self.error(str(error), key)
            if value is not None:
                found.append((key, value))
        return found

    def _value(
        self,
        key: str,
        default: T | None,
        convert: Callable[[Scalar], T],
        placeholder: T,
    ) -> T:
        if key not in self:
            if default is None:
                self.error("missing", key)
            return placeholder if default is None else default
        converted = self._convert(self._values[key], join(self.path, key), convert)
        return placeholder if converted is None else converted

    def listed(self, key: str, convert: Callable[[Scalar], T]) -> list[T]:
        """Return the converted values of a list, which must have some."""
        path = join(self.path, key)
        found = [
            self._convert(node, f"{path}[{index}]", convert)
            for index, node in enumerate(self._nodes(key))
        ]
        return [value for value in found if value is not None]

    def _inner(self, key: str, node: yaml.Node | None) -> Section:
        return type(self)(self.document, node, join(self.path, key))

    def _nodes(self, key: str) -> list[yaml.Node]:
        if key not in self:
            self.error("missing", key)
            return []
        node = self._values[key]
        if not isinstance(node, yaml.SequenceNode):
            is_mapping = isinstance(node, yaml.MappingNode)
            hint = "; begin each entry with -" if is_mapping else ""
            self.error(f"expected a list, got {describe(node)}{hint}", key)
            return []
        if not node.value:
            self.error("the list is empty", key)
        return list(node.value)

    def _convert(
        self, node: yaml.Node, path: str, convert: Callable[[Scalar], T]
    ) -> T | None:
        errors = len(self.document.errors)
        value = scalar(self.document, node, path)
        if value is None or len(self.document.errors) > errors:
            return None
        try:
            if value.empty:
                raise ValueError("has no value")  # noqa: TRY301 - handled below with other errors
            return convert(value)
        except ValueError as error:
            self.document.error(value.line, path, str(error))
            return None
