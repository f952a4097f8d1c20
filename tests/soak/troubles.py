"""The troubles of a soak: faults of the cloud, and what clients do in the meantime."""

from __future__ import annotations

import random

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


Fault = dict[str, object]
"""A fault as the simulator's `/simulator/faults` takes it."""

JOB_APIS = ("training_jobs", "training_job_searches", "visualization_jobs")
ODD = ("html", "truncated", "not_successful", "endless", "repeating", "redirect")


@dataclass(frozen=True)
class Trouble:
    """
    A kind of trouble, with the faults that the cloud has during it.

    With `changes`, new faults are drawn several times a second. Clients may disconnect,
    and all projects may have to log in again.
    """

    name: str
    faults: Callable[[random.Random, Sequence[str]], list[Fault]]
    changes: bool = False
    clients_disconnect: bool = False
    logs_in_again: bool = False


def _everywhere(*faults: Mapping[str, object]) -> list[Fault]:
    return [{**fault, "api": api} for fault in faults for api in JOB_APIS]


def _odd(chance: random.Random, projects: Sequence[str]) -> list[Fault]:
    return [
        {"effect": chance.choice(ODD), "project_id": project, "status": 200}
        for project in projects
    ]


def _large(chance: random.Random, projects: Sequence[str]) -> list[Fault]:
    # These also cost the simulator much, so they are few, and not repeated.
    large = [
        {"effect": effect, "project_id": project, "times": 2}
        for effect in ("oversized", "bomb")
        for project in chance.sample(projects, 3)
    ]
    return large + [
        {"effect": effect, "project_id": project}
        for effect in ("gzip", "cookie")
        for project in chance.sample(projects, 10)
    ]


def _mixed(chance: random.Random, projects: Sequence[str]) -> list[Fault]:
    any_of: list[Fault] = [
        {"effect": "hang"},
        {"effect": "delay", "seconds": 0.5},
        {"effect": "delay", "seconds": 2.0},
        {"effect": "reset"},
        {"effect": "break"},
        {"effect": "status", "status": 500},
        {"effect": "status", "status": 503},
        {"effect": "status", "status": 429},
        {"effect": "status", "status": 429, "retry_after": "1"},
        {"effect": "status", "status": 403},
        *({"effect": effect, "status": 200} for effect in ODD),
        {"effect": "gzip"},
    ]
    return [
        {**chance.choice(any_of), "project_id": project, "times": chance.choice((2, 9))}
        for project in projects
    ]


def _one_of(chance: random.Random, projects: Sequence[str]) -> list[Fault]:
    return _everywhere(chance.choice(_mixed(chance, projects)) | {"project_id": None})


def _some_hang(chance: random.Random, projects: Sequence[str]) -> list[Fault]:
    chosen = chance.sample(projects, len(projects) // 4)
    return [{"effect": "hang", "project_id": project} for project in chosen]


def _just(*faults: Mapping[str, object]) -> Callable[..., list[Fault]]:
    return lambda chance, projects: _everywhere(*faults)


def _logins(**fault: object) -> Callable[..., list[Fault]]:
    return lambda chance, projects: [{**fault, "api": "auth_tokens"}]


# The ones that take the most memory come first, so that it is in the figures after the
# warm-up.
TROUBLES = (
    Trouble("large answers", _large),
    Trouble("all at once", _mixed, clients_disconnect=True),
    Trouble("slow cloud", _just({"effect": "delay", "seconds": 2.0})),
    Trouble("clients disconnect", lambda *_: [], clients_disconnect=True),
    Trouble("hanging cloud", _just({"effect": "hang"})),
    Trouble("throttled", _just({"effect": "status", "status": 429})),
    Trouble(
        "slow cloud, clients disconnect",
        _just({"effect": "delay", "seconds": 2.0}),
        clients_disconnect=True,
    ),
    Trouble(
        "throttled with Retry-After",
        _just({"effect": "status", "status": 429, "retry_after": "2"}),
        clients_disconnect=True,
    ),
    Trouble("connections reset", _just({"effect": "reset"})),
    Trouble("connections break", _just({"effect": "break"})),
    Trouble("500", _just({"effect": "status", "status": 500})),
    Trouble("denied", _just({"effect": "status", "status": 403})),
    Trouble("odd answers", _odd),
    Trouble("a quarter hangs", _some_hang, clients_disconnect=True),
    Trouble(
        "logins hang",
        _logins(effect="hang"),
        clients_disconnect=True,
        logs_in_again=True,
    ),
    Trouble("logins fail", _logins(effect="status", status=500), logs_in_again=True),
    Trouble("by turns", _one_of, changes=True, clients_disconnect=True),
)
