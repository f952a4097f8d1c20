"""The labels of the series that every target has, made once for all scrapes."""

from __future__ import annotations

from ..collectors.base import Target
from ..errors import Reason


class TargetLabels:
    """The labels of one target: its own, and with each reason of a failure."""

    def __init__(self, target: Target) -> None:
        self.own = target.labels()
        self.reasons = {reason: self.own.plus(reason=reason.value) for reason in Reason}
