"""
Simulated scheduled events, the maintenance of nodes to come (Huawei Cloud only).

Source: ModelArts API reference, `ListScheduledEvents`.
"""

from __future__ import annotations

import uuid

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from .endpoints import Call, Endpoint
from .item_pages import ItemPage
from .replies import Json, Reply, json_reply, product_error, utc_time


_LARGEST_PAGE: Final = 100


@dataclass(slots=True)
class ScheduledEvent:
    """An event; times in Unix seconds. Without `not_before` it begins at once."""

    type: str = "system-maintenance"
    state: str = "scheduled"
    pool: str | None = None
    node: str = "os-node-1"
    instance_type: str = "standard"
    catalog: str = "hardware"
    published: float = 1_700_000_000.0
    not_before: float | None = None
    started: float | None = None
    finished: float | None = None
    workspace_id: str = "0"
    event_id: str = field(default_factory=lambda: f"event-{uuid.uuid4()}")


@dataclass(slots=True)
class ScheduledEvents:
    """A project's events. With a `plan`, that says which there are at a time."""

    events: list[ScheduledEvent] = field(default_factory=list)
    plan: Callable[[float], Sequence[ScheduledEvent]] | None = None

    def advance(self, now: float) -> None:
        """Let there be what the plan says for that time."""
        if self.plan is not None:
            self.events = list(self.plan(now))


def truth(state: ScheduledEvents, now: float) -> Json:
    """Return what is so: the number of events by type and state, and the next ones."""
    state.advance(now)
    counts = Counter((event.type, event.state) for event in state.events)
    coming: dict[str, float] = {}
    for event in state.events:
        if event.state in {"inquiring", "scheduled"} and event.not_before is not None:
            pool = event.pool or ""
            coming[pool] = min(coming.get(pool, event.not_before), event.not_before)
    return {
        "events": [
            {"type": of_type, "state": of_state, "count": count}
            for (of_type, of_state), count in sorted(counts.items())
        ],
        "next": coming,
    }


def _list(state: ScheduledEvents, call: Call) -> Reply:
    query = call.query
    try:
        page = ItemPage.read(call, default=_LARGEST_PAGE, most=_LARGEST_PAGE)
    except ValueError:
        return product_error(400, "ModelArts.50004000", "Invalid offset or limit.")
    state.advance(call.now)
    states, types = query.getlist("state"), query.getlist("type")
    found = [
        event
        for event in state.events
        if (not states or event.state in states)
        and (not types or event.type in types)
        and event.workspace_id == query.get("workspaceId", "0")
        and query.get("poolName", event.pool) == event.pool
        and query.get("nodeName", event.node) == event.node
    ]
    rows = page.of([_row(event) for event in found])
    # Of another form than elsewhere, and longer.
    request_id = f"{uuid.uuid4()}-{round(call.now)}-modelarts-event-7d9f8"
    content: Json = {"events": rows, "count": len(found)}
    return json_reply(200, content, x_request_id=request_id)


def _row(event: ScheduledEvent) -> Json:
    row: Json = {
        "id": event.event_id,
        "catalog": event.catalog,
        "type": event.type,
        "description": "",
        "state": event.state,
        "instanceType": event.instance_type,
        "instanceId": event.node,
        "nodeName": event.node,
        "publishTime": utc_time(event.published),
    }
    if event.pool is not None:
        row["poolName"] = event.pool
    times = {
        "notBefore": event.not_before,
        "startTime": event.started,
        "finishTime": event.finished,
    }
    reported = {name: utc_time(at) for name, at in times.items() if at is not None}
    return row | reported


ENDPOINTS: Final = (
    Endpoint("scheduled_events", "/v1/{project_id}/scheduled-events", _list),
)
