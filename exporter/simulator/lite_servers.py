"""
Simulated Lite Servers, whole machines that are rented (Huawei Cloud only).

Source: ModelArts API reference, `ListAllDevServers` and `ListDevServers`.
"""

from __future__ import annotations

import uuid

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from .endpoints import Call, Endpoint
from .item_pages import ItemPage
from .replies import Json, Reply, json_reply, product_error


_LARGEST_PAGE: Final = 1024


@dataclass(slots=True)
class LiteServer:
    """A server; one of a supernode has that node's ID in `supernode`."""

    name: str = "server"
    status: str = "RUNNING"
    flavor: str = "physical.kat2e.48xlarge.8"
    charging_mode: str = "POST_PAID"
    category: str = "SERVER"
    type: str = "BMS"
    created: float = 1_700_000_000.0
    owner_id: str = "somebody"
    supernode: str | None = None
    server_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(slots=True)
class LiteServers:
    """A project's servers."""

    servers: list[LiteServer] = field(default_factory=list)


def truth(state: LiteServers, now: float) -> Json:
    """Return what is so: the number of servers by flavor, charging and status."""
    counts = Counter(
        (server.flavor, server.charging_mode, server.status) for server in state.servers
    )
    servers = [
        {"flavor": flavor, "charging_mode": mode, "status": status, "count": count}
        for (flavor, mode, status), count in sorted(counts.items())
    ]
    return {"servers": servers}


def _list_all(state: LiteServers, call: Call) -> Reply:
    # This list is not paged.
    everything = ItemPage(0, max(1, len(state.servers)))
    rows = [_row(server) for server in state.servers]
    return json_reply(200, everything.listing(rows, first_number=1))


def _list_own(state: LiteServers, call: Call) -> Reply:
    try:
        page = ItemPage.read(call, default=10, most=_LARGEST_PAGE)
    except ValueError:
        return product_error(400, "ModelArts.0104", "Invalid offset or limit.")
    rows = [
        _row(server)
        for server in state.servers
        if server.owner_id == call.access.user_id
    ]
    return json_reply(200, page.listing(rows, first_number=1))


def _row(server: LiteServer) -> Json:
    row: Json = {
        "id": server.server_id,
        "name": server.name,
        "status": server.status,
        "flavor": server.flavor,
        "charging_mode": server.charging_mode,
        "category": server.category,
        "cloud_server": {"id": server.server_id, "type": server.type},
        "create_at": round(server.created * 1000),
        "update_at": round(server.created * 1000),
        "key_pair_name": "somebody",
        "endpoints": [],
    }
    if server.supernode is not None:
        row["server_hps"] = {"id": server.supernode, "name": "supernode"}
    return row


ENDPOINTS: Final = (
    Endpoint("lite_servers", "/v1/{project_id}/dev-servers/all", _list_all),
    Endpoint("own_lite_servers", "/v1/{project_id}/dev-servers", _list_own),
)
