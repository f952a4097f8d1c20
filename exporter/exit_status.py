"""The exit statuses of the commands, and what they mean."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitStatus(IntEnum):
    """How a command ended."""

    SUCCEEDED = 0
    FAILED = 1
    BAD_CONFIGURATION = 2
    INTERRUPTED = 130


EXIT_STATUSES: Final = {
    "serve, demo, simulator": "0 after SIGTERM or SIGINT, 1 if the address cannot be used",
    "once": "0 if everything was collected, otherwise 1",
    "check": "0 if everything can be collected, otherwise 1; with --assumptions, 1 if an "
    "assumption did not hold, otherwise 0",
    "projects": "0 if each cloud lists its projects, otherwise 1",
    "completion": "0",
    "all": "2 if the flags or the configuration have errors; once, check and projects: "
    "130 after Ctrl-C, as by the signal",
}
"""What they mean, by command."""
