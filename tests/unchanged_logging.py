"""Logging as it was before: else all later tests log as one of them does."""

import contextlib
import logging

from collections.abc import Iterator


@contextlib.contextmanager
def unchanged_logging() -> Iterator[None]:
    """Log as before at the end of the block."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
