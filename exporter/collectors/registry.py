"""The products that the exporter collects: a line for each folder beside this module."""

from __future__ import annotations

from typing import Final

from .base import Registry
from .jobs.products import JOBS
from .lite_servers.products import LITE_SERVERS
from .notebooks.products import NOTEBOOKS
from .pools.products import POOLS
from .scheduled_events.products import SCHEDULED_EVENTS
from .services.products import SERVICES


REGISTRY: Final = Registry(
    (
        *JOBS,
        POOLS,
        NOTEBOOKS,
        SERVICES,
        LITE_SERVERS,
        SCHEDULED_EVENTS,
    )
)
