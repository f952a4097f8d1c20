"""The kinds of jobs, as the label `kind` names them."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """A kind of job, with its own listing, quota and limit."""

    TRAINING = "training"
    VISUALIZATION = "visualization"
