"""Notebooks as a product: their names, API version and poller."""

from __future__ import annotations

from typing import Final

from ..base import Product
from .assumptions import NOTEBOOK_ASSUMPTIONS
from .metric_families import notebook_families
from .poller import NotebookPoller


NOTEBOOKS: Final = Product(
    name="notebooks",
    kind="notebook",
    title="Notebooks",
    noun="notebooks",
    api_versions=("v1",),
    open=NotebookPoller,
    families=notebook_families,
    assumptions=NOTEBOOK_ASSUMPTIONS,
    is_default=False,
)
