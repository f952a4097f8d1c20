"""Restores logging, so that later tests are not affected."""

import contextlib
import logging

from collections.abc import Iterator


@contextlib.contextmanager
def unchanged_logging() -> Iterator[None]:
    """Restore the root logger's handlers and level at the end of the block."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
