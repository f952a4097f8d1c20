"""Pools as a product: their name, API version and poller."""

from __future__ import annotations

from typing import Final

from ..base import Product
from .assumptions import POOL_ASSUMPTIONS
from .metric_families import pool_families
from .poller import PoolPoller


POOLS: Final = Product(
    name="pools",
    kind="pool",
    title="Resource pools",
    noun="pools",
    api_versions=("v2",),
    open=PoolPoller,
    families=pool_families,
    is_default=False,
    assumptions=POOL_ASSUMPTIONS,
)
