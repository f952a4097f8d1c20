"""Selects metrics by name, as the flags --metrics.allow and --metrics.deny say."""

from __future__ import annotations

import re

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from .family import Family


FamilyT = TypeVar("FamilyT", Family, Metric)


@dataclass(frozen=True, slots=True)
class NameFilter:
    """
    Regular expressions that match whole names of metrics.

    With `allow`, only what one of them matches is exported; with `deny`, all else.
    """

    allow: tuple[re.Pattern[str], ...] = ()
    deny: tuple[re.Pattern[str], ...] = ()

    def of(self, families: Iterable[FamilyT]) -> Iterator[FamilyT]:
        """Yield the families that are exported."""
        return (family for family in families if self._exports(_name(family)))

    def registry(self, registry: CollectorRegistry) -> CollectorRegistry:
        """Return a registry of what is exported of another."""
        if not (self.allow or self.deny):
            return registry
        filtered = CollectorRegistry(auto_describe=False)
        filtered.register(_Filtered(self, registry))
        return filtered

    def _exports(self, name: str) -> bool:
        if self.allow:
            return any(pattern.fullmatch(name) for pattern in self.allow)
        return not any(pattern.fullmatch(name) for pattern in self.deny)


EVERYTHING: Final = NameFilter()


class _Filtered(Collector):
    def __init__(self, names: NameFilter, registry: CollectorRegistry) -> None:
        self._names = names
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        return self._names.of(self._registry.collect())


def _name(family: Family | Metric) -> str:
    """Return the name that a family is documented and stored by."""
    return f"{family.name}_total" if family.type == "counter" else family.name
