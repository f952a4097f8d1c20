"""How to tell that a file has changed, without reading it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias


Stamp: TypeAlias = tuple[int, int, int]


def stamp_of(file: Path) -> Stamp:
    """Return what is another when a file was written or replaced. Raises `OSError`."""
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
