"""Samples of metric families, without those that are not known."""

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
    """Return milliseconds in seconds, without what is not known."""
    return [
        (labels, milliseconds / 1000)
        for labels, milliseconds in samples
        if milliseconds is not None
    ]


def known(
    samples: Iterable[tuple[Labels, float | None]],
) -> list[tuple[Labels, float]]:
    """Return samples without those that are not known."""
    return [(labels, float(value)) for labels, value in samples if value is not None]
