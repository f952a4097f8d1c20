"""How many jobs may run and exist."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobQuota:
    """
    What the API says of limits, None where it says nothing or "unlimited".

    `running` jobs may run at the same time, `created` exist, and `remaining` more can
    be created.
    """

    running: int | None = None
    created: int | None = None
    remaining: int | None = None
