"""Builds gauges and samples, without unknown values."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.samples import Sample

from .labels import Labels


def gauge(
    name: str, documentation: str, samples: Iterable[tuple[Labels, float]]
) -> Metric:
    """Return a family of gauges."""
    family = Metric(name, documentation, "gauge")
    family.samples = [Sample(name, labels, value) for labels, value in samples]
    return family


def seconds(
    samples: Iterable[tuple[Labels, int | None]],
) -> list[tuple[Labels, float]]:
    """Convert milliseconds to seconds; drop samples without a value."""
    return [
        (labels, milliseconds / 1000)
        for labels, milliseconds in samples
        if milliseconds is not None
    ]


def known(
    samples: Iterable[tuple[Labels, float | None]],
) -> list[tuple[Labels, float]]:
    """Drop samples without a value."""
    return [(labels, float(value)) for labels, value in samples if value is not None]
