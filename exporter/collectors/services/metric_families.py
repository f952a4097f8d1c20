"""Metric families of services: numbers, what has no end, what waits, single services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...metrics.family import Family
from ...metrics.labels import Labels
from ...metrics.samples import counter, gauge, known, seconds
from ..base import Reading
from .service import Service
from .snapshot import ServiceSnapshot


def service_families(readings: Sequence[Reading]) -> Iterator[Family]:
    """Yield the families of services of all API versions."""
    listed = [
        (_labels(reading), reading.snapshot)
        for reading in readings
        if isinstance(reading.snapshot, ServiceSnapshot)
    ]
    yield gauge(
        "modelarts_services",
        "Number of existing services, by type, the API's status and its phase.",
        [
            (
                own.plus(
                    type=kind.type,
                    status=kind.status.name,
                    phase=kind.status.phase.value,
                ),
                float(number),
            )
            for own, snapshot in listed
            for kind, number in snapshot.counts.items()
        ],
    )
    yield gauge(
        "modelarts_services_without_end",
        "Services that run and have no time at which they stop by themselves.",
        [
            (own.plus(type=of_type), float(number))
            for own, snapshot in listed
            for of_type, number in snapshot.without_end.items()
        ],
    )
    yield gauge(
        "modelarts_service_oldest_transition_timestamp_seconds",
        "Since when a service is in a status that it should leave, in Unix time.",
        seconds(
            (own.plus(type=kind.type, status=kind.status.name), changed)
            for own, snapshot in listed
            for kind, changed in snapshot.oldest_transition.items()
        ),
    )
    selected = [
        (own.plus(service_id=service.service_id), service)
        for own, snapshot in listed
        for service in snapshot.selected
    ]
    yield from _series(selected)


def _labels(reading: Reading) -> Labels:
    # The metrics' names say the kind.
    return Labels({name: own for name, own in reading.labels.items() if name != "kind"})


def _series(selected: Sequence[tuple[Labels, Service]]) -> Iterator[Family]:
    yield gauge(
        "modelarts_service_info",
        "1 for each service, if service_series is enabled.",
        [
            (
                labels.plus(
                    name=service.name,
                    type=service.kind.type,
                    status=service.kind.status.name,
                ),
                1.0,
            )
            for labels, service in selected
        ],
    )
    yield _counter(
        "modelarts_service_invocations",
        "Calls of a service since its creation, where the API reports them (v1).",
        selected,
        lambda service: service.invocations,
    )
    yield _counter(
        "modelarts_service_failed_invocations",
        "Calls of a service that failed, where the API reports them (v1).",
        selected,
        lambda service: service.failed_invocations,
    )


def _counter(
    name: str,
    documentation: str,
    selected: Sequence[tuple[Labels, Service]],
    number_of: Callable[[Service], int | None],
) -> Family:
    numbers = ((labels, number_of(service)) for labels, service in selected)
    return counter(name, documentation, known(numbers))
