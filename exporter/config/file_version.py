"""Detects changes of a file without reading it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias


FileVersion: TypeAlias = tuple[int, int, int, int]


def file_version(file: Path) -> FileVersion:
    """Return a value that differs after the file was written or replaced. Raises `OSError`."""
    stat = file.stat()
    # st_ctime detects changes that keep st_mtime: cp -p, and new permissions.
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size
