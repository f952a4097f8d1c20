"""
Jobs as searches of v2 list them.

Source: ModelArts API reference, "Querying a Training Job List" (`ListTrainingJobs`).
"""

from __future__ import annotations

import uuid

from typing import Final

from ..collectors.jobs.statuses import V1_STATUSES
from ..collectors.phases import Phase
from .replies import Json
from .state import AcceleratorsAs, Flavor, Placement, SimulatedJob


_BY_PHASE: Final = {
    Phase.PENDING: "Creating",
    Phase.RUNNING: "Running",
    Phase.STOPPING: "Terminating",
    Phase.SUCCEEDED: "Completed",
    Phase.FAILED: "Failed",
    Phase.STOPPED: "Terminated",
    Phase.UNKNOWN: "Unknown",
}
_BY_NUMBER: Final = {
    **{number: _BY_PHASE[status.phase] for number, status in V1_STATUSES.items()},
    7: "Pending",
    14: "Abnormal",
    3: "Abnormal",
    5: "Abnormal",
}


def phase_of(job: SimulatedJob) -> str:
    """Return what v2 calls a job's status."""
    return _BY_NUMBER.get(job.status, "Unknown")


def uuid_of(job: SimulatedJob) -> str:
    """Return a job's ID in v2."""
    return str(uuid.UUID(int=job.job_id << 64 | 0x4000_8000_0000_0000_0000))


def job_item(job: SimulatedJob, now: float) -> Json:
    """Return a job as a search of v2 lists it."""
    duration = job.duration(now)
    started = job.started
    spec: Json = {
        "resource": _resource(job),
        "log_export_path": {"obs_url": "/bucket/logs/"},
        "is_hosted_log": True,
    }
    if job.priority is not None:
        spec["schedule_policy"] = {"priority": job.priority, "preemptible": False}
    item: Json = {
        "kind": "hetero_job" if job.roles else "job",
        "metadata": {
            "id": uuid_of(job),
            "name": job.name,
            "description": "",
            "create_time": round(job.created * 1000),
            "workspace_id": job.workspace_id,
            "ai_project": "default-ai-project",
            "user_name": job.user,
            "annotations": {"job_template": "Template DL", "key_task": "worker"},
        },
        "status": {
            "phase": phase_of(job),
            "secondary_phase": phase_of(job),
            "duration": 0 if duration is None else round(duration * 1000),
            "start_time": 0 if started is None else round(started * 1000),
            "node_count_metrics": None,
            "tasks": [f"worker-{number}" for number in range(job.nodes)],
            **_restarts(job, now),
        },
        "algorithm": _ALGORITHM,
        "spec": spec,
        "endpoints": {"ssh": {"key_pair_names": [], "task_urls": []}},
    }
    if job.roles:
        # Of a task's nodes, neither a flavor's detail nor a number is reported.
        item["tasks"] = [
            {"role": role, "task_resource": {"flavor_id": "", "max_num": 16}}
            for role in job.roles
        ]
    return item


def _restarts(job: SimulatedJob, now: float) -> Json:
    if not job.restarts or job.started is None:
        return {}
    step = (job.duration(now) or 0.0) / (job.restarts + 1)
    starts = [round(job.started + run * step) for run in range(job.restarts + 1)]
    ends = [*starts[1:], round(job.ended or 0.0)]
    records = [
        {"start_at": start, "end_at": end, "end_reason": "node_fault" if end else ""}
        for start, end in zip(starts, ends, strict=True)
    ]
    return {"running_records": records}


def _resource(job: SimulatedJob) -> Json:
    resource: Json = {"policy": "regular", "node_count": job.nodes}
    if job.placement is not None:
        return resource | _placed(job.placement)
    if job.flavor is None:
        return resource | {"pool_id": "pool1"}
    return resource | _of_flavor(job.flavor)


def _placed(placement: Placement) -> Json:
    """Describe resources of a pool; how many accelerators is reported in one place or none."""
    cards: Json = {"accelerator_num": placement.accelerators}
    found: Json = {"pool_id": placement.pool_id}
    if placement.pool_name:
        found["pool_name"] = placement.pool_name
    match placement.told_as:
        case AcceleratorsAs.ALLOCATED:
            of_type: Json = {"accelerator_type": placement.accelerator}
            found["main_container_allocated_resources"] = (
                cards | of_type | {"cpu_core_num": 8.0, "mem_size": 64.0}
            )
        case AcceleratorsAs.CUSTOMIZED:
            found["main_container_customized_flavor"] = cards | {"cpu_core_num": 8.0}
        case AcceleratorsAs.POOL_INFO:
            flavor: Json = {"pool_resource_flavor": placement.accelerator}
            found["pool_info"] = cards | flavor
        case AcceleratorsAs.FLAVOR_ID:
            size = {1: "", 2: "2", 4: "4", 8: "8"}[round(placement.accelerators)]
            found["flavor_id"] = f"modelarts.pool.visual.{size}xlarge"
        case AcceleratorsAs.NOTHING:
            pass
    return found


def _of_flavor(flavor: Flavor) -> Json:
    info: Json = {
        "max_num": 16,
        "cpu": {"arch": "x86", "core_num": 8},
        "memory": {"size": 64, "unit": "GB"},
    }
    if flavor.units and flavor.kind == "Ascend":
        # A text, as in the reference; of a GPU it is a number.
        info["npu"] = {"unit_num": str(flavor.units), "product_name": flavor.product}
    elif flavor.units:
        info["gpu"] = {"unit_num": flavor.units, "product_name": flavor.product}
    return {
        "flavor_id": flavor.flavor_id,
        "flavor_name": flavor.flavor_id,
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
