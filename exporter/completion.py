"""Writes the script that completes the command line in a shell."""

from __future__ import annotations

import argparse

from string import Template
from typing import Final

import shtab

from .flags import COMMANDS, Command, Shell, build_parser, flag_parser


_FILE: Final = "FILE"
"""The placeholder of the flags whose value is a file."""

# The library's function expects a flag and its value in two words. In bash,
# --flag=value is three, the second of which is "=".
_BASH_EQUALS: Final = Template("""

_${name}() {
  local -a words=()
  local index cursor=$$COMP_CWORD
  for index in "$${!COMP_WORDS[@]}"; do
    if [[ $${COMP_WORDS[index]} != "=" ]]; then
      words+=("$${COMP_WORDS[index]}")
    elif (( index == COMP_CWORD )); then
      words+=("")
    elif (( index < COMP_CWORD )); then
      (( cursor -= 1 ))
    fi
  done
  local -a COMP_WORDS=("$${words[@]}")
  local COMP_CWORD=$$cursor
  _shtab_${name} "$$@"
}

complete -o bashdefault -F _${name} ${program}""")


def completion_script(shell: Shell) -> str:
    """Return what `shell` has to read to complete commands, flags, files and choices."""
    parser = _with_subcommands()
    script = shtab.complete(parser, shell)
    if shell is Shell.BASH:
        name = parser.prog.replace("-", "_")
        script += _BASH_EQUALS.substitute(program=parser.prog, name=name)
    if shell is Shell.FISH:
        # Or it looks for a file whose name begins with --flag=.
        script = script.replace(f'-xka "{shtab.FILE["fish"]}"', "-rF")
    if shell is Shell.ZSH:
        # With --flag value, --flag=value.
        for action in flag_parser()._actions:  # noqa: SLF001 - argparse tells nobody
            if action.nargs is None:
                flag = action.option_strings[0]
                script = script.replace(f'"{flag}[', f'"{flag}=[')
    return script


def _with_subcommands() -> argparse.ArgumentParser:
    """Return a parser of the same commands and flags, with subparsers for completion."""
    flags = flag_parser()
    for action in flags._actions:  # noqa: SLF001
        if action.metavar == _FILE:
            # The library's own way to say it.
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    parser = argparse.ArgumentParser(prog=build_parser().prog, parents=[flags])
    commands = parser.add_subparsers()
    for command, words in COMMANDS.items():
        sub = commands.add_parser(command, help=words, parents=[flags])
        if command is Command.COMPLETION:
            sub.add_argument("shell", choices=list(Shell))
    return parser
