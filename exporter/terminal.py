"""Shows progress and colors, where the output is a terminal and nowhere else."""

from __future__ import annotations

import os
import sys
import threading

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, TextIO


if TYPE_CHECKING:
    from tqdm import tqdm


Paint = Callable[[str, bool | None], str]
"""Returns a text in the color of good news (True), of bad news (False), or in none."""

_GREEN: Final = "\033[32m"
_RED: Final = "\033[31m"
_DEFAULT_COLOR: Final = "\033[39m"

_ERASE_LINE: Final = "\r\033[K"
_REFRESH_SECONDS: Final = 0.2
_UNCOUNTED: Final = "{desc}  {elapsed}"
_COUNTED: Final = "{desc}: {n_fmt} of {total_fmt} {bar:20} {elapsed}"


def plain(text: str, is_good: bool | None) -> str:
    """Return `text` as it is."""
    return text


def colored(text: str, is_good: bool | None) -> str:
    """Return `text` in green or red."""
    if is_good is None:
        return text
    return f"{_GREEN if is_good else _RED}{text}{_DEFAULT_COLOR}"


def paint_of(stream: TextIO) -> Paint:
    """Return how to color what is written to `stream`; `NO_COLOR` is respected."""
    has_colors = _is_capable(stream) and not os.environ.get("NO_COLOR")
    return colored if has_colors else plain


def _is_capable(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that knows control sequences."""
    return stream.isatty() and os.environ.get("TERM") not in {None, "", "dumb"}


@dataclass(frozen=True, slots=True)
class Progress:
    """
    The terminal's last line, which says how far a command is.

    It is written to standard error, and only if that is a terminal.
    """

    _line: tqdm[NoReturn] | None

    @property
    def is_shown(self) -> bool:
        """Whether there is such a line."""
        return self._line is not None

    def announce(self, words: str) -> None:
        """Say what is done now; without a terminal, as a line of its own."""
        if self._line is None:
            print(words, file=sys.stderr, flush=True)
        else:
            self._line.set_description_str(words, refresh=False)

    def count(self, done: int, total: int) -> None:
        """Say how much of it is done."""
        if self._line is not None:
            self._line.n, self._line.total = done, total
            self._line.bar_format = _COUNTED

    def print(self, text: str, file: TextIO | None = None) -> None:
        """Print `text` to `file` or the standard output, above that line."""
        line = self._line
        # The library's object has no truth value until something is counted.
        with nullcontext() if line is None else line.external_write_mode():
            print(text, file=file, flush=True)


@contextmanager
def progress(words: str) -> Iterator[Progress]:
    """
    Say on a terminal that `words` is what happens, until the end of the block.

    What takes but a moment is not mentioned. Log messages appear above the line.
    """
    if not _is_capable(sys.stderr):
        yield Progress(None)
        return
    # Most who run this package serve, without a terminal.
    from tqdm import tqdm  # noqa: PLC0415
    from tqdm.contrib.logging import logging_redirect_tqdm  # noqa: PLC0415

    # The library's own lock and thread are for several processes, and for loops.
    tqdm.set_lock(threading.RLock())
    tqdm.monitor_interval = 0
    with (
        tqdm(
            desc=words,
            bar_format=_UNCOUNTED,
            delay=_REFRESH_SECONDS,
            dynamic_ncols=True,
            leave=False,
        ) as line,
        logging_redirect_tqdm(),
        _refreshed(line),
    ):
        yield Progress(line)


@contextmanager
def _refreshed(line: tqdm[NoReturn]) -> Iterator[None]:
    """Draw `line` again and again, so that its time goes on; erase it at the end."""
    ended = threading.Event()

    def refresh() -> None:
        while not ended.wait(_REFRESH_SECONDS):
            line.refresh()

    thread = threading.Thread(target=refresh, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        # All of the line: it may have a ^C after what the library knows to clear.
        print(_ERASE_LINE, end="", file=sys.stderr, flush=True)
