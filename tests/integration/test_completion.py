"""Completion of the command line, in the real shells."""

import os
import re
import shlex
import subprocess
import sys

from pathlib import Path

import pytest

from terminals import on_terminal


pytestmark = pytest.mark.slow

PROGRAM = "modelarts-exporter"

# How each shell is started, and set up.
SHELLS = {
    "bash": (["bash", "--norc", "-i"], "source ./script"),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -U compinit; compinit -u -D; eval "$(cat script)"',
    ),
}

# What is typed before Tab, and what Tab adds to it.
COMPLETED = {
    "che": "ck",
    "completion z": "sh",
    "check --assu": "mptions",
    "--config.file=mode": "larts.yml",
    "--config.file mode": "larts.yml",
    "once --web.config.file=mode": "larts.yml",
    "once --web.config.file=my": r"\ file",
    "check --log.level=w": "arn",
    "--log.format json proj": "ects",
    "--config.file=modelarts.yml proj": "ects",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files and a command that prints its words, for the shells."""
    (tmp_path / "modelarts.yml").touch()
    (tmp_path / "my file").touch()
    program = tmp_path / "bin" / PROGRAM
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "ran: $(printf \'<%s>\' "$@")"\n')
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path


def script_of(shell):
    """Return the script that the command prints for `shell`."""
    command = [sys.executable, "-m", "exporter", "completion", shell]
    root = Path(__file__).parents[2]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=root
    ).stdout


@pytest.mark.needs("zsh")
@pytest.mark.parametrize("shell", SHELLS)
def test_tab(folder, shell):
    """Tab completes commands, flags, files and choices, also after `=`."""
    command, setup = SHELLS[shell]
    (folder / "script").write_text(script_of(shell))
    with on_terminal(command) as terminal:
        terminal.type(f"{setup}; PS1=re''ady:\n")
        for typed, added in COMPLETED.items():
            terminal.until("ready:")
            terminal.output = ""
            terminal.type(f"{PROGRAM} {typed}\t")
            terminal.until(re.escape(added))
            terminal.type("\n")
            words = "".join(f"<{word}>" for word in shlex.split(typed + added))

            assert terminal.until(r"ran: .*>") == f"ran: {words}"


@pytest.mark.needs("fish")
def test_fish(folder):
    """fish completes the same, and prints its suggestions on request."""
    (folder / "script").write_text(script_of("fish"))
    asked = "; ".join(f"complete -C '{PROGRAM} {typed}'" for typed in COMPLETED)
    found = subprocess.run(
        ["fish", "--no-config", "-c", f"source ./script; {asked}"],
        capture_output=True,
        text=True,
        check=True,
    )
    words = [line.split("\t")[0] for line in found.stdout.splitlines()]

    assert found.stderr == ""
    assert words == [
        shlex.split(typed + added)[-1] for typed, added in COMPLETED.items()
    ]


@pytest.mark.parametrize("arguments", [["completion"], ["check", "bash"]], ids=str)
def test_a_shell_belongs_to_the_command(arguments):
    """The shell is required for this command, and rejected for others."""
    command = [sys.executable, "-m", "exporter", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 2
    assert "give a shell with completion, and only there: bash, zsh, fish" in (
        result.stderr
    )
