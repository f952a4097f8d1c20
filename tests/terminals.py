"""Programs on a pseudo-terminal."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

from collections.abc import Sequence


ERASED = "\033[K"


class Terminal:
    """A terminal that runs a program; `output` has everything written so far."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self.output = ""
        self.process = process
        self._descriptor = descriptor

    def until(self, pattern: str) -> str:
        """Return the first match of `pattern` in the output, once it is there."""
        while not (found := re.search(pattern, self.output)):
            if not self._read():
                raise AssertionError(f"it ended without {pattern}: {self.output!r}")
        return found[0]

    def type(self, keys: str) -> None:
        """Type `keys`."""
        os.write(self._descriptor, keys.encode())

    def end(self) -> int:
        """Wait for the program to end; return its exit status."""
        while self._read():
            pass
        return self.process.wait()

    @property
    def screen(self) -> list[str]:
        """The visible lines, without colors; the last one has the cursor."""
        lines = []
        for line in re.sub(r"\033\[[0-9;]*m", "", self.output).split("\n"):
            seen = ""
            for part in line.split("\r"):
                text = part.removeprefix(ERASED)
                seen = text + ("" if text != part else seen[len(text) :])
            lines.append(seen.rstrip())
        return lines

    def _read(self) -> bool:
        try:
            read = os.read(self._descriptor, 65536)
        except OSError:  # The program has closed it.
            return False
        self.output += read.decode(errors="replace")
        return bool(read)


@contextlib.contextmanager
def on_terminal(command: Sequence[str], columns=120, **environment):
    """Run a program on a terminal of its own with that many columns."""
    descriptor, its_end = pty.openpty()
    size = struct.pack("4H", 24, columns, 0, 0)
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, size)
    with subprocess.Popen(
        ["setsid", "--ctty", *command],
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        env={**os.environ, "TERM": "xterm-256color", **environment},
    ) as process:
        os.close(its_end)
        try:
            yield Terminal(descriptor, process)
        finally:
            process.kill()
            os.close(descriptor)
