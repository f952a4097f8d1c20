"""The products of the simulated cloud: a line for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from . import (
    lite_servers,
    modelarts,
    notebooks,
    pool_usage,
    pools,
    scheduled_events,
    searches,
    services,
    workspaces,
)
from .endpoints import Call, Endpoint, State
from .project import SimulatedProject
from .replies import Json, Reply


@dataclass(frozen=True, slots=True)
class Product:
    """A product's endpoints, and what is so of a project at a time."""

    name: str
    endpoints: Sequence[Endpoint[SimulatedProject]]
    truth: Callable[[SimulatedProject, float], Json]


def _product(
    name: str,
    endpoints: Sequence[Endpoint[State]],
    state: Callable[[SimulatedProject], State],
    truth: Callable[[State, float], Json],
) -> Product:
    """Return a product that keeps its `state` in each project."""

    def of_project(endpoint: Endpoint[State]) -> Endpoint[SimulatedProject]:
        def answer(project: SimulatedProject, call: Call) -> Reply:
            return endpoint.answer(state(project), call)

        return Endpoint(endpoint.api, endpoint.path, answer, endpoint.method)

    return Product(
        name,
        [of_project(endpoint) for endpoint in endpoints],
        lambda project, now: truth(state(project), now),
    )


_JOBS: Final = (*modelarts.ENDPOINTS, *searches.ENDPOINTS)
_POOLS: Final = (*pools.ENDPOINTS, *pool_usage.ENDPOINTS)

PRODUCTS: Final = (
    _product("jobs", _JOBS, lambda project: project, modelarts.truth),
    _product("pools", _POOLS, lambda project: project.pools, pools.truth),
    _product("notebooks", notebooks.ENDPOINTS, lambda p: p.notebooks, notebooks.truth),
    _product("services", services.ENDPOINTS, lambda p: p.services, services.truth),
    _product(
        "lite_servers",
        lite_servers.ENDPOINTS,
        lambda p: p.lite_servers,
        lite_servers.truth,
    ),
    _product(
        "scheduled_events",
        scheduled_events.ENDPOINTS,
        lambda p: p.scheduled_events,
        scheduled_events.truth,
    ),
    _product(
        "workspaces", workspaces.ENDPOINTS, lambda p: p.workspaces, workspaces.truth
    ),
)
