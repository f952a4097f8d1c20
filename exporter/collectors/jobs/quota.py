"""The limits of running and existing jobs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobQuota:
    """
    The limits and the number of jobs; None if not reported or unlimited.

    At most `running` jobs may run at a time, `created` jobs exist, and `remaining` more
    can be created.
    """

    running: int | None = None
    created: int | None = None
    remaining: int | None = None
