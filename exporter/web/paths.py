"""The exporter's own HTTP paths; only that of the metrics can be chosen."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class OwnPath(StrEnum):
    """A path that the exporter answers, beside the one of the metrics."""

    PAGE = "/"
    """The status page; the metrics can replace it."""

    PROBE = "/probe"
    DISCOVERY = "/sd"
    OWN_METRICS = "/exporter-metrics"
    HEALTHY = "/-/healthy"
    READY = "/-/ready"
    RELOAD = "/-/reload"


OPEN_PATHS: Final = frozenset((OwnPath.HEALTHY, OwnPath.READY))
"""Outside authentication."""
