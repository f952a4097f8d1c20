"""The kinds of jobs that are collected, as configuration and labels name them."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What sort of job: each has its own listing, quota and limit."""

    TRAINING = "training"
    VISUALIZATION = "visualization"
