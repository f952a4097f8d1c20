"""
What a v2 job runs on: its nodes, and the accelerators of each.

Source: ModelArts API reference, "Querying a Training Job List" (`ListTrainingJobs`).
Only public pools have a `flavor_detail`. A job in a dedicated pool says how many
accelerators it has in one of several places, of which `pool_info` is undocumented.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from ..numbers import Number, to_amount, to_limit
from ..texts import plain
from .job import Resources


_ACCELERATORS_BY_FLAVOR: Final = {
    "modelarts.pool.visual.xlarge": 1.0,
    "modelarts.pool.visual.2xlarge": 2.0,
    "modelarts.pool.visual.4xlarge": 4.0,
    "modelarts.pool.visual.8xlarge": 8.0,
}


class _Accelerator(msgspec.Struct):
    # A number for GPUs, a text for NPUs.
    unit_num: Number = None
    product_name: str | None = None


class _FlavorInfo(msgspec.Struct):
    gpu: _Accelerator | None = None
    npu: _Accelerator | None = None

    @property
    def accelerator(self) -> _Accelerator | None:
        return self.gpu or self.npu


class _FlavorDetail(msgspec.Struct):
    flavor_type: str | None = None
    flavor_info: _FlavorInfo | None = None


class _Allocated(msgspec.Struct):
    accelerator_num: Number = None
    accelerator_type: str | None = None


class _PoolInfo(msgspec.Struct):
    accelerator_num: Number = None
    pool_resource_flavor: str | None = None


class V2Resource(msgspec.Struct):
    """The resources of an item of a search."""

    flavor_id: str | None = None
    pool_id: str | None = None
    node_count: Number = None
    flavor_detail: _FlavorDetail | None = None
    main_container_allocated_resources: _Allocated | None = None
    main_container_customized_flavor: _Allocated | None = None
    pool_info: _PoolInfo | None = None

    def resources(self, user: str, *, has_alike_nodes: bool) -> Resources | None:
        """
        Return nodes and accelerators of a job of `user`; None without a number of nodes.

        Of nodes that are not alike, the accelerators are not known. Raises
        `CollectionError`.
        """
        nodes = to_limit(self.node_count, "node_count")
        if not nodes:
            return None
        return Resources(
            nodes,
            plain(self._flavor),
            plain(self._accelerator),
            next(self._units(), None) if has_alike_nodes else None,
            plain(self.pool_id or ""),
            user,
        )

    @property
    def _flavor_info(self) -> _FlavorInfo | None:
        return self.flavor_detail.flavor_info if self.flavor_detail else None

    @property
    def _containers(self) -> tuple[_Allocated, ...]:
        found = (
            self.main_container_allocated_resources,
            self.main_container_customized_flavor,
        )
        return tuple(container for container in found if container is not None)

    @property
    def _flavor(self) -> str:
        of_pool = self.pool_info.pool_resource_flavor if self.pool_info else None
        return self.flavor_id or of_pool or ""

    @property
    def _accelerator(self) -> str:
        info, detail = self._flavor_info, self.flavor_detail
        if info is not None and info.accelerator is not None:
            kind = detail.flavor_type if detail else None
            return info.accelerator.product_name or kind or ""
        types = (container.accelerator_type for container in self._containers)
        return next(filter(None, types), "")

    def _units(self) -> Iterator[float]:
        """Yield the accelerators of a node, by each source that has their number."""
        info = self._flavor_info
        if info is not None and info.accelerator is None:
            yield 0.0
        reported = [info.accelerator.unit_num] if info and info.accelerator else []
        reported += [container.accelerator_num for container in self._containers]
        if self.pool_info is not None:
            reported.append(self.pool_info.accelerator_num)
        for number in reported:
            units = to_amount(number, "accelerators")
            if units is not None:
                yield units
        if self.flavor_id in _ACCELERATORS_BY_FLAVOR:
            yield _ACCELERATORS_BY_FLAVOR[self.flavor_id]
