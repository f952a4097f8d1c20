"""
Simulated inference services, of the v1 API and of Huawei Cloud's v2.

Sources: ModelArts API reference, "Obtaining Services", "Obtaining Service Monitoring" and
`ListInferServices`. The two versions list different services.
"""

from __future__ import annotations

import uuid

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from .endpoints import Call, Endpoint
from .item_pages import ItemPage
from .replies import Json, Reply, json_reply, product_error


_V1_MOST: Final = 1000
_V2_MOST: Final = 500


@dataclass(slots=True)
class Service:
    """
    A service; `type` and `status` are in the words of its API, times in Unix seconds.

    `due` is when it stops by itself; `instances` are the running and the wanted ones.
    """

    name: str = "service"
    status: str = "running"
    type: str = "real-time"
    created: float = 1_700_000_000.0
    changed: float | None = 1_700_000_000.0
    due: float | None = None
    owner: str = "somebody"
    workspace_id: str = "0"
    invocations: int = 0
    failures: int = 0
    progress: int | None = None
    instances: tuple[int, int] = (1, 1)
    frozen: str | None = None
    service_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(slots=True)
class Services:
    """
    A project's services of both versions, and how this cloud lists them.

    With a `plan`, that says how those of v1 are at a time.
    """

    v1: list[Service] = field(default_factory=list)
    v2: list[Service] = field(default_factory=list)
    plan: Callable[[float], Sequence[Service]] | None = None
    numbers_as_strings: bool = False
    offset_counts_pages: bool = False
    """In v1, whose documents and clients disagree."""

    times_in_seconds: bool = False
    """In v1, `publish_at` is in seconds, as in one sample of the reference."""

    workspace_as_number: bool = False

    def advance(self, now: float) -> None:
        """Let services be as the plan says for that time."""
        if self.plan is not None:
            self.v1 = list(self.plan(now))


def truth(state: Services, now: float) -> Json:
    """Return what is so: by version, the number of services by type and status."""
    state.advance(now)
    found: Json = {}
    for version, services in (("v1", state.v1), ("v2", state.v2)):
        counts = Counter((service.type, service.status) for service in services)
        found[version] = [
            {"type": of_type, "status": status, "count": count}
            for (of_type, status), count in sorted(counts.items())
        ]
    return found


def _list_v1(state: Services, call: Call) -> Reply:
    query = call.query
    try:
        page = ItemPage.read(call, default=_V1_MOST, most=_V1_MOST)
    except ValueError:
        return product_error(400, "ModelArts.3501", "Invalid offset or limit.")
    if state.offset_counts_pages:
        page = ItemPage(page.offset * page.limit, page.limit)
    state.advance(call.now)
    found = [
        service
        for service in state.v1
        if service.workspace_id == query.get("workspace_id", "0")
        and query.get("status", service.status) == service.status
        and query.get("infer_type", service.type) == service.type
        and query.get("service_id", service.service_id) == service.service_id
        and query.get("service_name", "") in service.name
    ]
    sort = _V1_SORTS.get(query.get("sort_by", "publish_at"))
    if sort is None:
        return product_error(400, "ModelArts.3501", "Invalid sort_by.")
    found.sort(key=sort, reverse=query.get("order", "desc") == "desc")
    rows = page.of([_v1_row(state, service) for service in found])
    return json_reply(
        200, {"total_count": len(found), "count": len(rows), "services": rows}
    )


_V1_SORTS: Final[dict[str, Callable[[Service], tuple[str, float]]]] = {
    "publish_at": lambda service: ("", service.created),
    "service_name": lambda service: (service.name, 0.0),
    "transition_at": lambda service: ("", service.changed or 0.0),
}


def _v1_row(state: Services, service: Service) -> Json:
    def number(value: int) -> object:
        return str(value) if state.numbers_as_strings else value

    published = service.created if state.times_in_seconds else service.created * 1000
    row: Json = {
        "service_id": service.service_id,
        "service_name": service.name,
        "description": "",
        "status": service.status,
        "infer_type": service.type,
        "owner": service.owner,
        "workspace_id": int(service.workspace_id)
        if state.workspace_as_number
        else service.workspace_id,
        "publish_at": number(round(published)),
        "invocation_times": number(service.invocations),
        "failed_times": number(service.failures),
        "is_shared": False,
        "is_free": False,
        "schedule": [],
    }
    if service.changed is not None:
        row["transition_at"] = number(round(service.changed * 1000))
    if service.due is not None:
        row["due_time"] = number(round(service.due * 1000))
        row["schedule"] = [{"type": "stop", "time_unit": "HOURS", "duration": 1}]
    if service.progress is not None:
        row["progress"] = number(service.progress)
    return row


def _monitor(state: Services, call: Call) -> Reply:
    state.advance(call.now)
    wanted = call.path["service_id"]
    service = next((found for found in state.v1 if found.service_id == wanted), None)
    if service is None:
        return product_error(404, "ModelArts.3502", "The service does not exist.")
    running, desired = service.instances
    return json_reply(
        200,
        {
            "service_id": service.service_id,
            "service_name": service.name,
            "req_count_per_min": 5,
            "service_instance_count": desired,
            "service_running_instance_count": running,
            "monitors": [],
        },
    )


def _list_v2(state: Services, call: Call) -> Reply:
    query = call.query
    sort_key = query.get("sort_key", "update_at")
    try:
        page = ItemPage.read(call, default=10, most=_V2_MOST)
    except ValueError:
        return product_error(400, "ModelArts.3501", "Invalid offset or limit.")
    if page.offset % page.limit or sort_key not in {"create_at", "update_at"}:
        return product_error(400, "ModelArts.3501", "Invalid offset or sort_key.")
    found = [
        service
        for service in state.v2
        if service.workspace_id == query.get("workspace_id", "0")
        and query.get("status", service.status) == service.status
        and query.get("type", service.type) == service.type
        and query.get("name", "") in service.name
    ]
    found.sort(
        key=lambda service: (
            service.created if sort_key == "create_at" else service.changed or 0.0
        ),
        reverse=query.get("sort_dir", "DESC").upper() == "DESC",
    )
    return json_reply(200, page.listing([_v2_row(service) for service in found]))


def _v2_row(service: Service) -> Json:
    schedule: list[Json] = []
    if service.due is not None:
        due = {"due_time": round(service.due * 1000), "processed": False}
        schedule.append({"type": "STOP", **due})
    frozen: list[Json] = []
    if service.frozen is not None:
        frozen.append({"scene": service.frozen, "effect": 1})
    return {
        "id": service.service_id,
        "name": service.name,
        "status": service.status,
        "version": "1.0.0",
        "version_count": 1,
        "description": "",
        "type": service.type,
        "deploy_type": "SINGLE",
        "task_type": "",
        "user_name": service.owner,
        "workspace_id": service.workspace_id,
        "create_at": round(service.created * 1000),
        "update_at": round((service.changed or service.created) * 1000),
        "schedule": schedule,
        "frozen_infos": frozen,
    }


ENDPOINTS: Final = (
    Endpoint("services", "/v1/{project_id}/services", _list_v1),
    Endpoint(
        "service_monitor", "/v1/{project_id}/services/{service_id}/monitor", _monitor
    ),
    Endpoint("services_v2", "/v2/{project_id}/services", _list_v2),
)
