"""Checks that an answer is about the workspace that was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ..cloud.session import Answer
from .numbers import Number


T = TypeVar("T")


def check_workspaces(answer: Answer[T], found: Iterable[Number], wanted: str) -> None:
    """
    Raise `CollectionError` if `answer` has objects `found` in other workspaces.

    Where a cloud spells the parameter differently, it lists the default workspace.
    """
    if wanted == "0":
        return
    if any(workspace is not None and str(workspace) != wanted for workspace in found):
        raise answer.unexpected("it is about another workspace than requested")
