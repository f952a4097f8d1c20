"""Runs the command line in the tests' process, since starting one is slow."""

import contextlib
import io

from dataclasses import dataclass

import pytest

from unchanged_logging import unchanged_logging

from exporter.cli import main


@dataclass(frozen=True, slots=True)
class Ended:
    """The output and exit status of a command."""

    returncode: int
    stdout: str
    stderr: str


def ended(*arguments: str) -> Ended:
    """Run the command to its end."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with (
        unchanged_logging(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        main(arguments)
    return Ended(int(end.value.code or 0), *map(_text, (out, err)))


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
