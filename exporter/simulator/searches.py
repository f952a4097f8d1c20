"""
The simulated ModelArts v2: searches for training jobs, and their quota.

Source: ModelArts API reference, "Querying a Training Job List" (`ListTrainingJobs`)
and "Querying Training Quotas" (`ShowTrainingQuotas`).
"""

from __future__ import annotations

import uuid

from collections.abc import Callable
from typing import Final

import msgspec

from ..collectors.jobs.statuses import V1_STATUSES
from ..collectors.phases import Phase
from .dialect import Dialect
from .endpoints import Call, Endpoint
from .project import SimulatedProject
from .replies import Json, Reply, gateway_error, json_reply, modelarts_error
from .state import Flavor, Jobs, SimulatedJob


_MAX_PAGE_SIZE: Final = 50
_MAX_FILTERS: Final = 20
_SORTS: Final = ("create_time", "name")

_BY_PHASE: Final = {
    Phase.PENDING: "Creating",
    Phase.RUNNING: "Running",
    Phase.STOPPING: "Terminating",
    Phase.SUCCEEDED: "Completed",
    Phase.FAILED: "Failed",
    Phase.STOPPED: "Terminated",
    Phase.UNKNOWN: "Unknown",
}
_BY_NUMBER: Final = {7: "Pending", 14: "Abnormal", 3: "Abnormal", 5: "Abnormal"}


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


def phase_of(job: SimulatedJob) -> str:
    """Return what v2 calls a job's status."""
    status = V1_STATUSES.get(job.status)
    phase = Phase.UNKNOWN if status is None else status.phase
    return _BY_NUMBER.get(job.status, _BY_PHASE[phase])


def uuid_of(job: SimulatedJob) -> str:
    """Return a job's ID in v2."""
    return str(uuid.UUID(int=job.job_id << 64 | 0x4000_8000_0000_0000_0000))


def search_jobs(jobs: Jobs, body: bytes, now: float, dialect: Dialect) -> Reply:
    """Answer `POST /v2/{project_id}/training-job-searches`."""
    try:
        search = msgspec.json.decode(body or b"{}", type=_Search)
        conditions = [_condition(entry) for entry in search.filters]
    except (msgspec.DecodeError, ValueError):
        return _refusal("body")
    if conditions and dialect.refuses_filters:
        return _refusal("filters")
    if dialect.without_workspaces:
        search.workspace_id = "0"
    if not 1 <= search.limit <= _MAX_PAGE_SIZE or search.offset < 0:
        return _refusal("limit" if search.offset >= 0 else "offset")
    if search.sort_by not in _SORTS or search.order not in {"asc", "desc"}:
        return _refusal("sort_by")
    everything = jobs.select(
        ("workspace", search.workspace_id),
        lambda job: job.workspace_id == search.workspace_id,
    )
    found = everything
    if conditions and not dialect.ignores_filters:
        key = ("search", search.workspace_id, msgspec.json.encode(search.filters))
        found = jobs.select(
            key,
            lambda job: (
                job.workspace_id == search.workspace_id
                and all(condition(job) for condition in conditions)
            ),
        )
    if search.sort_by == "name":
        found = sorted(found, key=lambda job: job.name)
    # The offset counts pages, not jobs.
    items = page_of(found, search.offset, search.limit, search.order == "desc")
    answer: Json = {
        "total": len(everything),
        "count": len(found),
        "limit": search.limit,
        "offset": search.offset,
        "sort_by": search.sort_by,
        "order": search.order,
        "group_by": "",
        "workspace_id": search.workspace_id,
        "ai_project": "default-ai-project",
        "items": [_item(job, now) for job in items],
    }
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
    if not descending:
        return jobs[page * size : (page + 1) * size]
    end = len(jobs) - page * size
    return jobs[max(0, end - size) : max(0, end)][::-1]


def _refusal(what: str) -> Reply:
    return modelarts_error(400, "ModelArts.2788", f"Invalid parameter({what}).")


def _condition(condition: _Filter) -> Callable[[SimulatedJob], bool]:
    values = condition.value
    match condition.key, condition.operator:
        case ["phase", "in"]:
            return lambda job: phase_of(job) in values
        case ["phase", "not"]:
            return lambda job: phase_of(job) not in values
        case ["name", "like"]:
            return lambda job: any(value in job.name for value in values)
        case ["name", "in"]:
            return lambda job: job.name in values
        case ["create_time", "between"]:
            first, last = map(int, values)
            return lambda job: first <= round(job.created * 1000) <= last
        case _:
            raise ValueError(condition.key)


def _item(job: SimulatedJob, now: float) -> Json:
    duration = job.duration(now)
    started = job.started
    return {
        "kind": "job",
        "metadata": {
            "id": uuid_of(job),
            "name": job.name,
            "description": "",
            "create_time": round(job.created * 1000),
            "workspace_id": job.workspace_id,
            "ai_project": "default-ai-project",
            "user_name": "",
            "annotations": {"job_template": "Template DL", "key_task": "worker"},
        },
        "status": {
            "phase": phase_of(job),
            "secondary_phase": phase_of(job),
            "duration": 0 if duration is None else round(duration * 1000),
            "start_time": 0 if started is None else round(started * 1000),
            "node_count_metrics": None,
            "tasks": [f"worker-{number}" for number in range(job.nodes)],
        },
        "algorithm": _ALGORITHM,
        "spec": {
            "resource": _resource(job.flavor, job.nodes),
            "log_export_path": {"obs_url": "/bucket/logs/"},
            "is_hosted_log": True,
        },
        "endpoints": {"ssh": {"key_pair_names": [], "task_urls": []}},
    }


def _resource(flavor: Flavor | None, nodes: int) -> Json:
    if flavor is None:
        return {"policy": "regular", "pool_id": "pool1", "node_count": nodes}
    info: Json = {
        "max_num": 16,
        "cpu": {"arch": "x86", "core_num": 8},
        "memory": {"size": 64, "unit": "GB"},
    }
    if flavor.units:
        part = "npu" if flavor.kind == "Ascend" else "gpu"
        info[part] = {"unit_num": flavor.units, "product_name": flavor.product}
    return {
        "policy": "regular",
        "flavor_id": flavor.flavor_id,
        "flavor_name": flavor.flavor_id,
        "node_count": nodes,
        "flavor_detail": {
            "flavor_type": flavor.kind,
            "billing": {"code": flavor.flavor_id, "unit_num": 1},
            "flavor_info": info,
        },
    }


# As long as a real one's.
_ALGORITHM: Final[Json] = {
    "code_dir": "/bucket/code/",
    "boot_file": "/bucket/code/train.py",
    "parameters": [
        {
            "name": f"parameter_{number}",
            "description": "",
            "value": "0.001",
            "constraint": {"type": "Float", "editable": True, "required": False},
        }
        for number in range(12)
    ],
    "engine": {"engine_name": "PyTorch", "engine_version": "pytorch_1.8"},
    "environments": {"OMP_NUM_THREADS": "8"},
}


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
