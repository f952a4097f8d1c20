"""The clock of whoever needs Unix time; durations and deadlines use the event loop's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias


Clock: TypeAlias = Callable[[], float]
"""Returns the Unix time in seconds: `time.time`, or a test's own."""
