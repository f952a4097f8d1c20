"""Scheduled events as a product: their names, API version and poller."""

from __future__ import annotations

from typing import Final

from ..base import Product
from .metric_families import event_families
from .poller import EventPoller


SCHEDULED_EVENTS: Final = Product(
    name="scheduled_events",
    kind="scheduled_event",
    title="Scheduled events",
    noun="events",
    api_versions=("v1",),
    open=EventPoller,
    families=event_families,
    is_default=False,
)
