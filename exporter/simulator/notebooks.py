"""
Simulated notebook instances, and the lists of everybody's and of one's own.

Source: ModelArts API reference, "Querying All Notebook Instances" (`ListAllNotebooks`)
and "Querying Notebook Instances" (`ListNotebooks`).
"""

from __future__ import annotations

import uuid

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from .endpoints import Call, Endpoint
from .item_pages import ItemPage
from .replies import Json, Reply, json_reply, product_error


NOTEBOOK_TOKEN: Final = "canary-notebook-token-2c9e"  # noqa: S105 - what must not leak
"""The credential in every notebook's row and address, which exporters must not repeat."""

_PAGE_SIZES: Final = (10, 20, 50)
_LARGEST_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Lease:
    """
    A notebook's automatic stop, as the API writes it; times in Unix seconds.

    Upper case occurs in `type`, and with None it is left out, which means timing.
    """

    created: float
    duration: float = 3600.0
    enabled: bool = True
    type: str | None = "timing"


@dataclass(slots=True)
class Notebook:
    """A notebook instance; `capacity` of its volume in GB."""

    name: str = "notebook"
    status: str = "RUNNING"
    flavor: str = "modelarts.vm.cpu.8u"
    user: str = "somebody"
    user_id: str = "somebody"
    lease: Lease | None = None
    pool: tuple[str, str] | None = None
    """ID and name of the dedicated pool that it runs in."""

    category: str = "EVS"
    capacity: int | None = 50
    workspace_id: str = "0"
    feature: str = "NOTEBOOK"
    custom_spec: Json | None = None
    notebook_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def auto_stop(self) -> str:
        """What stops it by itself: timing, idle, or off."""
        if self.lease is None or not self.lease.enabled:
            return "off"
        return (self.lease.type or "timing").lower()


@dataclass(slots=True)
class Notebooks:
    """
    A project's notebooks, and how this cloud lists them.

    With a `plan`, that says which there are at a time.
    """

    notebooks: list[Notebook] = field(default_factory=list)
    plan: Callable[[float], Sequence[Notebook]] | None = None
    denies_all: bool = False
    """Only one's own notebooks may be listed."""

    clamps_pages: bool = False
    """Other sizes of pages than 10, 20 and 50 are cut to 50 instead of refused."""

    workspace_parameters: tuple[str, ...] = ("workspaceId", "workspace_id")
    """How the parameter may be spelled; other spellings are ignored."""

    first_page_number: int = 0

    def advance(self, now: float) -> None:
        """Let there be what the plan says for that time."""
        if self.plan is not None:
            self.notebooks = list(self.plan(now))


def truth(state: Notebooks, now: float) -> Json:
    """Return what is so: numbers by status, what runs, and storage in GB."""
    state.advance(now)
    listed = [found for found in state.notebooks if found.feature == "NOTEBOOK"]
    running = Counter(
        (found.flavor, found.pool[0] if found.pool else "", found.auto_stop)
        for found in listed
        if found.status == "RUNNING"
    )
    storage: Counter[tuple[str, str]] = Counter()
    for found in listed:
        storage[found.status, found.category] += found.capacity or 0
    return {
        "statuses": Counter(found.status for found in listed),
        "running": [
            {"flavor": flavor, "pool": pool, "auto_stop": auto_stop, "count": count}
            for (flavor, pool, auto_stop), count in sorted(running.items())
        ],
        "storage": [
            {"status": status, "category": category, "capacity": capacity}
            for (status, category), capacity in sorted(storage.items())
        ],
    }


def _list_all(state: Notebooks, call: Call) -> Reply:
    if state.denies_all:
        message = "The user is not authorized to list all notebooks."
        return product_error(403, "ModelArts.0108", message)
    return _list(state, call, lambda _: True)


def _list_own(state: Notebooks, call: Call) -> Reply:
    return _list(state, call, lambda found: found.user_id == call.access.user_id)


def _list(state: Notebooks, call: Call, is_shown: Callable[[Notebook], bool]) -> Reply:
    query = call.query
    try:
        page = ItemPage.read(call, default=10, most=10_000)
    except ValueError:
        return product_error(400, "ModelArts.6309", "Invalid offset or limit.")
    if page.limit not in _PAGE_SIZES:
        if not state.clamps_pages:
            return product_error(400, "ModelArts.6309", "Invalid limit.")
        page = replace(page, limit=min(page.limit, _LARGEST_PAGE))
    state.advance(call.now)
    spelled = (query[name] for name in state.workspace_parameters if name in query)
    workspace_id = next(spelled, "0")
    found = [
        notebook
        for notebook in state.notebooks
        if is_shown(notebook)
        and notebook.workspace_id == workspace_id
        and notebook.feature == query.get("feature", "NOTEBOOK")
        and query.get("status", notebook.status) == notebook.status
        and query.get("owner", notebook.user_id) == notebook.user_id
    ]
    if query.get("sort_dir", "DESC") == "DESC":
        found.reverse()
    rows = [_row(notebook) for notebook in found]
    return json_reply(200, page.listing(rows, state.first_page_number))


def _row(notebook: Notebook) -> Json:
    host = "https://notebook.example.com"
    row: Json = {
        "id": notebook.notebook_id,
        "name": notebook.name,
        "description": "",
        "status": notebook.status,
        "flavor": notebook.flavor,
        "feature": notebook.feature,
        "billing_items": ["STORAGE", "COMPUTE"],
        "fail_reason": "",
        "image": {"id": notebook.notebook_id, "name": "pytorch"},
        "token": NOTEBOOK_TOKEN,
        "url": f"{host}/{notebook.notebook_id}/?token={NOTEBOOK_TOKEN}",
        "user": {
            "id": notebook.user_id,
            "name": notebook.user,
            "domain": {"id": "0" * 32, "name": "account"},
        },
        "workspace_id": notebook.workspace_id,
    }
    if notebook.lease is not None:
        row["lease"] = _lease(notebook.lease)
    if notebook.pool is not None:
        row["pool"] = {"id": notebook.pool[0], "name": notebook.pool[1]}
    if notebook.capacity is not None:
        row["volume"] = {
            "capacity": notebook.capacity,
            "category": notebook.category,
            "ownership": "MANAGED",
            "mount_path": "/home/ma-user/work/",
            "status": "MOUNTED",
        }
    if notebook.custom_spec is not None:
        row["custom_spec"] = notebook.custom_spec
    return row


def _lease(lease: Lease) -> Json:
    reported: Json = {
        "create_at": round(lease.created * 1000),
        "duration": round(lease.duration * 1000),
        "enable": lease.enabled,
        "update_at": round(lease.created * 1000),
    }
    return reported if lease.type is None else reported | {"type": lease.type}


ENDPOINTS: Final = (
    Endpoint("notebooks", "/v1/{project_id}/notebooks/all", _list_all),
    Endpoint("own_notebooks", "/v1/{project_id}/notebooks", _list_own),
)
