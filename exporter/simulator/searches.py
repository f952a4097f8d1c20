"""
The simulated ModelArts v2: searches for training jobs, and their quota.

Source: ModelArts API reference, "Querying a Training Job List" (`ListTrainingJobs`)
and "Querying Training Quotas" (`ShowTrainingQuotas`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from .dialect import Dialect
from .endpoints import Call, Endpoint
from .job_items import job_item, phase_of
from .project import SimulatedProject
from .replies import Json, Reply, gateway_error, json_reply, modelarts_error
from .state import Jobs, SimulatedJob


_MAX_PAGE_SIZE: Final = 50
_SORTS: Final = ("create_time", "name")
_TRAIN_TYPES: Final = (None, "job", "ftjob")


class _Filter(msgspec.Struct):
    key: str
    operator: str
    value: list[str]


class _Search(msgspec.Struct):
    offset: int = 0
    limit: int = 10
    sort_by: str = "create_time"
    order: str = "desc"
    filters: list[_Filter] = []
    workspace_id: str = "0"
    unified_jobs: bool = False
    train_type: str | None = None

    def invalid(self, dialect: Dialect) -> str | None:
        """Return the name of an invalid parameter; None if there is none."""
        valid = {
            "filters": not (self.filters and dialect.refuses_filters),
            "unified_jobs": not (self.unified_jobs and dialect.refuses_unified_jobs),
            "train_type": self.train_type in _TRAIN_TYPES,
            "offset": self.offset >= 0,
            "limit": 1 <= self.limit <= _MAX_PAGE_SIZE,
            "sort_by": self.sort_by in _SORTS,
            "order": self.order in {"asc", "desc"},
        }
        return next((name for name, is_valid in valid.items() if not is_valid), None)

    def shows(self, job: SimulatedJob) -> bool:
        """Return whether a job is listed, whatever the filters are."""
        if job.workspace_id != self.workspace_id:
            return False
        if not self.unified_jobs:
            return not job.fine_tuning
        wanted = {None: None, "job": False, "ftjob": True}[self.train_type]
        return wanted in {None, job.fine_tuning}


def search_jobs(jobs: Jobs, body: bytes, now: float, dialect: Dialect) -> Reply:
    """Answer `POST /v2/{project_id}/training-job-searches`."""
    try:
        search = msgspec.json.decode(body or b"{}", type=_Search)
        conditions = [_condition(entry, dialect) for entry in search.filters]
    except (msgspec.DecodeError, ValueError):
        return _refusal("body")
    invalid = search.invalid(dialect)
    if invalid is not None:
        return _refusal(invalid)
    if dialect.without_workspaces:
        search.workspace_id = "0"
    shown = (search.workspace_id, search.unified_jobs, search.train_type)
    everything = jobs.select(("shown", *shown), search.shows)
    found = everything
    if conditions and not dialect.ignores_filters:
        found = jobs.select(
            ("search", *shown, msgspec.json.encode(search.filters), dialect),
            *conditions,
            among=everything,
        )
    if search.sort_by == "name":
        found = sorted(found, key=lambda job: job.name)
    descending = search.order == "desc" or dialect.ignores_order
    # Elsewhere, the offset counts pages, not jobs.
    if dialect.offset_counts_items:
        items = slice_of(found, search.offset, search.limit, descending)
    else:
        items = page_of(found, search.offset, search.limit, descending)
    answer: Json = {
        "total": len(everything),
        "count": len(everything if dialect.total_ignores_filters else found),
        "limit": search.limit,
        "offset": search.offset,
        "sort_by": search.sort_by,
        "order": search.order,
        "group_by": "",
        "workspace_id": search.workspace_id,
        "ai_project": "default-ai-project",
        "items": [job_item(job, now) for job in items],
    }
    if dialect.extra_fields:
        answer["novelty"] = True
    return json_reply(200, answer)


def show_quotas(jobs: Jobs) -> Reply:
    """Answer `GET /v2/{project_id}/training-quotas`."""
    quota = -1 if jobs.capacity is None else jobs.capacity
    used = len(jobs.jobs)
    quotas = [
        {"resource": "job-num", "quota": quota, "used": used},
        {"resource": "visual-job-num", "quota": 5, "used": 0},
    ]
    return json_reply(200, {"quotas": quotas})


def page_of(
    jobs: list[SimulatedJob], page: int, size: int, descending: bool
) -> list[SimulatedJob]:
    """Return a page, counted from 0."""
    return slice_of(jobs, page * size, size, descending)


def slice_of(
    jobs: list[SimulatedJob], start: int, size: int, descending: bool
) -> list[SimulatedJob]:
    """Return `size` jobs from the one at `start`."""
    if not descending:
        return jobs[start : start + size]
    end = len(jobs) - start
    return jobs[max(0, end - size) : max(0, end)][::-1]


def _refusal(what: str) -> Reply:
    return modelarts_error(400, "ModelArts.2788", f"Invalid parameter({what}).")


def _condition(condition: _Filter, dialect: Dialect) -> Callable[[SimulatedJob], bool]:
    values = condition.value
    match condition.key, condition.operator:
        case ["phase", "in"]:
            return lambda job: phase_of(job) in values
        case ["phase", "not"]:
            return lambda job: phase_of(job) not in values
        case ["name", "like"] if not dialect.matches_whole_names:
            return lambda job: any(value in job.name for value in values)
        case ["name", "in" | "like"]:
            return lambda job: job.name in values
        case ["create_time", "between"]:
            first, last = map(int, values)
            return lambda job: first <= round(job.created * 1000) <= last
        case _:
            raise ValueError(condition.key)


def _search(project: SimulatedProject, call: Call) -> Reply:
    jobs = project.training_of("v2")
    jobs.advance(call.now)
    return search_jobs(jobs, call.body, call.now, call.dialect)


def _quotas(project: SimulatedProject, call: Call) -> Reply:
    if call.dialect.without_quota_api:
        return gateway_error(404, "APIG.0101", "The API does not exist")
    jobs = project.training_of("v2")
    jobs.advance(call.now)
    return show_quotas(jobs)


ENDPOINTS: Final = (
    Endpoint(
        "training_job_searches",
        "/v2/{project_id}/training-job-searches",
        _search,
        method="POST",
    ),
    Endpoint("training_quotas", "/v2/{project_id}/training-quotas", _quotas),
)
