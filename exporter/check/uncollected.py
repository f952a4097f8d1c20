"""Finds what credentials can read although no collector asks for it."""

from __future__ import annotations

import asyncio

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from ..cloud.client import CloudClient
from ..collectors.base import Registry, Target
from ..config import ALL_COLLECTORS, CollectionSettings, Configuration
from .clients import examine as examine_target
from .findings import Uncollected


_SECONDS: Final = 4.0


async def find_uncollected(
    configuration: Configuration,
    registry: Registry,
    clients: Mapping[str, CloudClient],
    readable: AbstractSet[str],
) -> list[Uncollected]:
    """Return what the projects named `readable` have, as far as answers come in time."""
    targets = [
        target
        for target in _uncollected(configuration, registry)
        if target.project.name in readable
    ]
    return await _examine(targets, clients, configuration.collection)


def _uncollected(configuration: Configuration, registry: Registry) -> list[Target]:
    all_targets = registry.targets(
        replace(project, collectors=(ALL_COLLECTORS,))
        for project in configuration.projects
    )
    collected = {
        (target.project.name, target.product.name)
        for target in registry.targets(configuration.projects)
    }
    return [
        target
        for target in all_targets
        if (target.project.name, target.product.name) not in collected
    ]


async def _examine(
    targets: Sequence[Target],
    clients: Mapping[str, CloudClient],
    settings: CollectionSettings,
) -> list[Uncollected]:
    async def examine_one(target: Target) -> Uncollected | None:
        client = clients[target.project.cloud.name]
        try:
            async with asyncio.timeout(_SECONDS):
                found = await examine_target(target, client, settings)
        # What cannot be read is not missed: nobody has asked for it.
        except Exception:  # noqa: BLE001
            return None
        if found.failure is not None or not found.number:
            return None
        return Uncollected(target.project.name, target.product.name, found.number)

    found = await asyncio.gather(*map(examine_one, targets))
    return [each for each in found if each is not None]
