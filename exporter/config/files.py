"""
Reads a configuration's files: regular ones, of a bounded size, without blocking.

A named pipe would block the exporter until something writes to it, and a pipe cannot be
read again when its secret or certificate is needed again. So only regular files are
accepted; a shell's `<(...)` is rejected, too.
"""

from __future__ import annotations

import errno
import os
import stat

from pathlib import Path
from typing import Final


MAX_FILE_BYTES: Final = 4 * 1024 * 1024

_KINDS: Final = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_file(path: Path) -> bytes:
    """
    Return the contents of `path`.

    Raises `OSError` with a `strerror` for the user, also if it is not a regular file or
    larger than `MAX_FILE_BYTES`.
    """
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except PermissionError as error:
        raise PermissionError(error.errno, _why_denied(path)) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            kind = _KINDS.get(stat.S_IFMT(mode), "something else")
            raise OSError(errno.EINVAL, f"this is {kind}, not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_FILE_BYTES:
        mebibytes = MAX_FILE_BYTES // 1024**2
        raise OSError(errno.EFBIG, f"larger than {mebibytes} MiB")
    return content


def _why_denied(path: Path) -> str:
    """Say which user may not read a file that belongs to which: in containers, they differ."""
    user = f"permission denied for uid {os.geteuid()}"
    try:
        status = path.stat()
    except OSError:
        return f"{user}: it may not enter the folder"
    mode = stat.S_IMODE(status.st_mode)
    return f"{user}: the file belongs to uid {status.st_uid} and has mode {mode:03o}"
