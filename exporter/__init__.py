"""Prometheus exporter for ModelArts training and visualization jobs."""

from typing import Final


__version__: Final = "0.1.0"
