"""Writes the manual page, from what --help says."""

from __future__ import annotations

import argparse
import re
import textwrap

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from exporter.exit_status import EXIT_STATUSES
from exporter.flags import COMMANDS, build_parser


MAN_PAGE: Final = Path(__file__).parents[1] / "deploy/man/modelarts-exporter.1"


def man_page() -> str:
    """Return the manual page, in the language of man(7)."""
    parser = build_parser()
    actions = parser._actions  # noqa: SLF001 - argparse tells nobody
    flags = [action for action in actions if action.option_strings]
    summary = (parser.description or "").removesuffix(".")
    title = parser.prog.upper()
    lines = [
        '.\\" Written by make docs.',
        f'.TH {_escaped(title)} 1 "" "{_escaped(parser.prog)}" "User Commands"',
        ".SH NAME",
        f"{_escaped(parser.prog)} \\-",
        *_lines(summary),
        ".SH SYNOPSIS",
        f".B {_escaped(parser.prog)}",
        "[\\fIcommand\\fR] [\\fIflag\\fR ...]",
        ".br",
        f".B {_escaped(parser.prog)} completion",
        "\\fIshell\\fR",
        ".SH COMMANDS",
        *_entries((_bold(name), words) for name, words in COMMANDS.items()),
        ".SH OPTIONS",
        *_entries((_flag(action), action.help or "") for action in flags),
        ".SH EXIT STATUS",
        *_entries((_bold(name), words) for name, words in EXIT_STATUSES.items()),
    ]
    return "\n".join([*lines, ""])


def _entries(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    for head, words in entries:
        yield from (".TP", head, *_lines(words))


def _lines(text: str) -> list[str]:
    return [_escaped(line) for line in textwrap.wrap(text, 72, break_on_hyphens=False)]


def _flag(action: argparse.Action) -> str:
    names = ", ".join(map(_bold, action.option_strings))
    return (
        names
        if action.nargs == 0
        else f"{names}=\\fI{_escaped(f'{action.metavar}')}\\fR"
    )


def _bold(text: str) -> str:
    return f"\\fB{_escaped(text)}\\fR"


def _escaped(text: str) -> str:
    """Return `text` with hyphens that are copied as such, and no control lines."""
    return re.sub(r"^([.'])", r"\\&\1", text.replace("\\", "\\e").replace("-", "\\-"))
