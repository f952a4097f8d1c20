"""
YAML as text with positions.

`yaml.safe_load` forgets line numbers, lets the last of two equal keys win and reads
`no` as false and `12e34` as a number. Here a file becomes PyYAML's node tree, whose
scalars are still the text that the user wrote; `Section` gives them their types.
"""

from __future__ import annotations

import re

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from ..errors import ConfigurationError, FileError
from .yaml_limits import limit_exceeded


_VARIABLE: Final = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SCALAR_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge")
)
_NULL_TAG: Final = "tag:yaml.org,2002:null"
_NO_CHARACTER: Final = "has half of a character (\\ud800 to \\udfff), which is no text"
_MAX_MISTAKES: Final = 100
_MAX_MESSAGE: Final = 500


@dataclass(slots=True)
class Document:
    """
    A configuration file while it is read: its folder, and the errors so far.

    `environment` gives `${NAME}` its value; None where `${` has no meaning.
    """

    file: str
    folder: Path
    environment: Mapping[str, str] | None
    errors: list[FileError] = field(default_factory=list)
    warnings: list[FileError] = field(default_factory=list)

    def warning(self, line: int, path: str, message: str) -> None:
        """Remember what does not keep the file from being used."""
        self.warnings.append(FileError(line, path, message))

    def error(self, line: int, path: str, message: str) -> None:
        """
        Remember an error and go on, so that all are shown at once.

        Raises `ConfigurationError` when there are so many that nobody reads them.
        """
        # Keys and values may have line breaks; an error is one line.
        texts = (_shortened(_UNPRINTABLE.sub("?", text)) for text in (path, message))
        self.errors.append(FileError(line, *texts))
        if len(self.errors) >= _MAX_MISTAKES:
            self.errors.append(FileError(line, "", "too many errors; not read further"))
            self.finish()

    def finish(self) -> None:
        """Raise `ConfigurationError` if there was any error."""
        if self.errors:
            unique = dict.fromkeys(sorted(self.errors))
            raise ConfigurationError(self.file, tuple(unique))


@dataclass(frozen=True, slots=True)
class Scalar:
    """
    A single value: `text` with the environment's values in it, `shown` for messages.

    `shown` is what stands in the file: a message must not print what came from the
    environment, which may be a secret.
    """

    text: str
    shown: str
    line: int
    empty: bool


def parse(document: Document, source: str) -> yaml.Node | None:
    """
    Return the root node of `source`, or None if it is empty.

    Raises `ConfigurationError` if it is not YAML.
    """
    exceeded = limit_exceeded(source)
    if exceeded is not None:
        line, limit = exceeded
        document.error(line, "", f"not read: {limit}")
        document.finish()
    try:
        return yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.composer.ComposerError as error:
        # What PyYAML quotes here can be a value, and so a secret.
        message = "one document is expected, and a value that starts with * or & must be quoted"
        document.error(_line(error), "", f"not valid YAML: {message}")
    except yaml.MarkedYAMLError as error:
        problem = re.sub(r" (['\"]).*?\1", "", error.problem or "cannot be parsed")
        document.error(
            _line(error), "", f"not valid YAML: {problem}; check indentation and quotes"
        )
    except yaml.reader.ReaderError:
        document.error(0, "", "not valid YAML: it has a character that YAML forbids")
    except (ValueError, OverflowError):
        # PyYAML's own, for an escape beyond Unicode: "\U00110000".
        document.error(0, "", "not valid YAML: it has an escape beyond Unicode")
    document.finish()
    return None


def _line(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 0


def line_of(node: yaml.Node) -> int:
    """Return the line on which `node` starts, from 1."""
    return int(node.start_mark.line) + 1


def is_empty(node: yaml.Node) -> bool:
    """Return whether `node` is YAML's null: nothing, `~` or `null`, not quoted."""
    return node.tag == _NULL_TAG


def describe(node: yaml.Node) -> str:
    """Return what `node` is in a user's words."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "nothing" if is_empty(node) else "a single value"


def pairs(
    document: Document, node: yaml.MappingNode, path: str
) -> Iterator[tuple[str, int, yaml.Node]]:
    """Yield key, its line and its value, each key once; others are errors."""
    seen: dict[str, int] = {}
    for key_node, value in node.value:
        line = line_of(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            document.error(line, path, f"a key must be text, not {describe(key_node)}")
            continue
        key = str(key_node.value)
        if _SURROGATE.search(key):
            document.error(line, join(path, key), _NO_CHARACTER)
            continue
        if key in seen:
            document.error(
                line, join(path, key), f"given twice; first in line {seen[key]}"
            )
            continue
        seen[key] = line
        yield key, line, value


def scalar(document: Document, node: yaml.Node, path: str) -> Scalar | None:
    """Return the single value at `node`; None, and an error, if it is none."""
    line = line_of(node)
    if not isinstance(node, yaml.ScalarNode):
        document.error(line, path, f"expected a single value, got {describe(node)}")
        return None
    if node.tag not in _SCALAR_TAGS:
        document.error(
            line, path, "YAML tags are not used here; quote a value that starts with !"
        )
        return None
    shown = str(node.value)
    if _SURROGATE.search(shown):
        document.error(line, path, _NO_CHARACTER)
        return None
    return Scalar(_substitute(document, shown, line, path), shown, line, is_empty(node))


def join(path: str, key: str) -> str:
    """Return the path of `key` in the section at `path`."""
    return f"{path}.{key}" if path else key


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}..."


def _substitute(document: Document, text: str, line: int, path: str) -> str:
    environment = document.environment
    if environment is None:
        return text

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return "${"
        if not match.group().endswith("}") or not _VARIABLE_NAME.fullmatch(name):
            document.error(
                line,
                path,
                "${ starts a variable like ${NAME}; for a literal ${ write $${",
            )
        elif name not in environment:
            document.error(line, path, f"the environment variable {name} is not set")
        elif _SURROGATE.search(environment[name]):
            # So Python hands on the bytes of a variable that are not UTF-8.
            problem = f"the environment variable {name} is not UTF-8 text"
            document.error(line, path, problem)
        else:
            return environment[name]
        return ""

    return _VARIABLE.sub(replacement, text)
