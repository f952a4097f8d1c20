"""Services as a product: their names, API versions and poller."""

from __future__ import annotations

from typing import Final

from ..base import Product
from .metric_families import service_families
from .poller import ServicePoller


SERVICES: Final = Product(
    name="services",
    kind="service",
    title="Services",
    noun="services",
    api_versions=("v1", "v2"),
    open=ServicePoller,
    families=service_families,
    is_default=False,
)
