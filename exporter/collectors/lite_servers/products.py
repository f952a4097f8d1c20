"""Lite Servers as a product: their names, API version and poller."""

from __future__ import annotations

from typing import Final

from ..base import Product
from .metric_families import lite_server_families
from .poller import LiteServerPoller


LITE_SERVERS: Final = Product(
    name="lite_servers",
    kind="lite_server",
    title="Lite Servers",
    noun="Lite Servers",
    api_versions=("v1",),
    open=LiteServerPoller,
    families=lite_server_families,
    is_default=False,
)
