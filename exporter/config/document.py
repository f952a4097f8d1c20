"""
Parses YAML into nodes with text and line numbers.

`yaml.safe_load` discards line numbers, accepts duplicate keys, and reads `no` as false
and `12e34` as a number. Here a file becomes PyYAML's node tree, whose scalars are still
text; `Section` converts them to types.
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
_LONE_SURROGATE: Final = (
    "has half of a surrogate pair (\\ud800 to \\udfff), which is not valid text"
)
_MAX_ERRORS: Final = 100
_MAX_MESSAGE: Final = 500


@dataclass(slots=True)
class Document:
    """
    A configuration file that is being read, with the errors found so far.

    `environment` provides the values of `${NAME}`; None disables substitution.
    `collectors` are the names that collectors can have in it.
    """

    file: str
    folder: Path
    environment: Mapping[str, str] | None
    collectors: tuple[str, ...] = ()
    errors: list[FileError] = field(default_factory=list)
    warnings: list[FileError] = field(default_factory=list)

    def warning(self, line: int, path: str, message: str) -> None:
        """Record a problem that does not prevent the use of the file."""
        self.warnings.append(FileError(line, path, message))

    def error(self, line: int, path: str, message: str) -> None:
        """
        Record an error; reading continues, so that all errors are reported at once.

        Raises `ConfigurationError` at 100 errors.
        """
        # Keys and values may contain line breaks, but an error is one line.
        texts = (_shortened(_UNPRINTABLE.sub("?", text)) for text in (path, message))
        self.errors.append(FileError(line, *texts))
        if len(self.errors) >= _MAX_ERRORS:
            self.errors.append(
                FileError(line, "", "too many errors; the rest was not checked")
            )
            self.finish()

    def finish(self) -> None:
        """Raise `ConfigurationError` if there are errors."""
        if self.errors:
            unique = dict.fromkeys(sorted(self.errors))
            raise ConfigurationError(self.file, tuple(unique))


@dataclass(frozen=True, slots=True)
class Scalar:
    """
    A single value: `text` after substitution of variables, `shown` for messages.

    `shown` is the text in the file: messages must not quote values from the environment,
    which may be secrets.
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
        # PyYAML may quote a value here, which may be a secret.
        message = "one document is expected, and a value that starts with * or & must be quoted"
        document.error(_line(error), "", f"not valid YAML: {message}")
    except yaml.MarkedYAMLError as error:
        document.error(_line(error), "", f"not valid YAML: {_problem(error)}")
    except yaml.reader.ReaderError:
        document.error(0, "", "not valid YAML: it has a character that YAML forbids")
    except (ValueError, OverflowError):
        # PyYAML raises these for an escape beyond Unicode, such as "\U00110000".
        document.error(0, "", "not valid YAML: it has an escape beyond Unicode")
    document.finish()
    return None


def _problem(error: yaml.MarkedYAMLError) -> str:
    if "'\\t'" in (error.problem or ""):
        return "it has a tab where only spaces are allowed"
    problem = re.sub(r" (['\"]).*?\1", "", error.problem or "cannot be parsed")
    return f"{problem}; check indentation and quotes"


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
    """Return the type of `node` in the user's terms."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "nothing" if is_empty(node) else "a single value"


def pairs(
    document: Document, node: yaml.MappingNode, path: str
) -> Iterator[tuple[str, int, yaml.Node]]:
    """Yield key, line and value; duplicate keys are errors."""
    seen: dict[str, int] = {}
    for key_node, value in node.value:
        line = line_of(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            document.error(line, path, f"a key must be text, not {describe(key_node)}")
            continue
        key = str(key_node.value)
        if _SURROGATE.search(key):
            document.error(line, join(path, key), _LONE_SURROGATE)
            continue
        if key in seen:
            document.error(
                line, join(path, key), f"given twice; first in line {seen[key]}"
            )
            continue
        seen[key] = line
        yield key, line, value


def scalar(document: Document, node: yaml.Node, path: str) -> Scalar | None:
    """Return the single value at `node`; record an error and return None if it is not one."""
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
        document.error(line, path, _LONE_SURROGATE)
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
            # Python represents bytes of a variable that are not UTF-8 as surrogates.
            problem = f"the environment variable {name} is not UTF-8 text"
            document.error(line, path, problem)
        else:
            return environment[name]
        return ""

    return _VARIABLE.sub(replacement, text)
