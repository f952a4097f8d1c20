"""
The simulated IAM's lists of projects and accounts.

Source: IAM API reference, "Querying the List of Projects Accessible to Users",
"Querying Project Information Based on the Specified Criteria", "Querying a User Project
List" and "Querying the List of Domains Accessible to Users".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .access import Access, OwnProjects
from .endpoints import Call, Endpoint
from .identity import Identity
from .project import SimulatedProject
from .replies import Json, Reply, iam_error, json_reply


_HOST: Final = "https://iam.eu-de.otc.t-systems.com"
_LARGEST_PAGE: Final = 5000


@dataclass(slots=True)
class ListedProject:
    """A project that IAM lists and this ModelArts does not have."""

    project_id: str
    name: str
    enabled: bool = True


@dataclass(slots=True)
class ProjectLists:
    """
    What IAM lists: the projects of this ModelArts, `others`, and `rows` as they are.

    `rows` are on every list, whoever asks: for rows that are not as documented.
    """

    identity: Identity
    projects: Sequence[SimulatedProject]
    others: list[ListedProject] = field(default_factory=list)
    rows: list[Json] = field(default_factory=list)
    largest_page: int = _LARGEST_PAGE
    """Larger pages are cut to this size, without a word."""

    repeats_first_page: bool = False
    next_link: str | None = None

    def listed(self) -> list[ListedProject]:
        """Return all projects of the account."""
        own = [
            ListedProject(project.project_id, project.listed_name, project.enabled)
            for project in self.projects
        ]
        return own + self.others

    def rows_for(self, access: Access | None) -> list[Json]:
        """Return the rows of the projects with a role, or with None of all."""
        listed = self.listed()
        by_name = {project.name: project.project_id for project in listed}
        return [
            self._row(project, by_name)
            for project in listed
            if access is None or access.has_role_in(project.project_id)
        ] + self.rows

    def _row(self, project: ListedProject, by_name: dict[str, str]) -> Json:
        account = self.identity.account_id
        region, has_region, _ = project.name.partition("_")
        return {
            "id": project.project_id,
            "name": project.name,
            "domain_id": account,
            "parent_id": by_name.get(region, account) if has_region else account,
            "enabled": project.enabled,
            "is_domain": False,
            "description": "",
            "links": {"self": f"{_HOST}/v3/projects/{project.project_id}"},
        }


def _own(state: ProjectLists, call: Call) -> Reply:
    match call.access.own_projects:
        case OwnProjects.DENIED:
            return _denied(call)
        case OwnProjects.EMPTY:
            return _list(state, "/v3/auth/projects", [])
        case OwnProjects.LISTED:
            rows = state.rows_for(call.access)
            return _list(state, "/v3/auth/projects", rows)


def _account(state: ProjectLists, call: Call) -> Reply:
    if not call.access.lists_account:
        return _denied(call)
    found = state.rows_for(None)
    for name in ("name", "domain_id", "parent_id"):
        wanted = call.query.get(name)
        if wanted is not None:
            found = [row for row in found if row.get(name) == wanted]
    enabled = call.query.get("enabled")
    if enabled is not None:
        found = [row for row in found if row.get("enabled") == (enabled == "true")]
    try:
        found = _page(state, call, found)
    except ValueError:
        return _error(call, 400, "IAM.0011", "Invalid page or per_page.", "Bad Request")
    return _list(state, "/v3/projects", found)


def _page(state: ProjectLists, call: Call, rows: list[Json]) -> list[Json]:
    given = call.query.get("page"), call.query.get("per_page")
    if given == (None, None):
        return rows
    page, size = int(given[0] or ""), int(given[1] or "")
    if page < 1 or not 1 <= size <= _LARGEST_PAGE:
        raise ValueError(page)
    if state.repeats_first_page:
        page = 1
    size = min(size, state.largest_page)
    return rows[(page - 1) * size : page * size]


def _users(state: ProjectLists, call: Call) -> Reply:
    user_id = call.path["user_id"]
    known = [user.access for user in state.identity.users]
    known += [key.access for key in state.identity.keys]
    access = next((found for found in known if found.user_id == user_id), None)
    if access is not call.access and not call.access.lists_account:
        return _denied(call)
    if access is None:
        return _error(call, 404, "IAM.0004", f"Could not find {user_id}.", "Not Found")
    return _list(state, f"/v3/users/{user_id}/projects", state.rows_for(access))


def _accounts(state: ProjectLists, call: Call) -> Reply:
    names = [user.domain for user in state.identity.users] or ["account"]
    row: Json = {
        "id": state.identity.account_id,
        "name": names[0],
        "enabled": True,
        "description": "",
        "links": {"self": f"{_HOST}/v3/domains/{state.identity.account_id}"},
    }
    rows = [row] if call.access.sees_account else []
    links = {"self": f"{_HOST}/v3/auth/domains", "previous": None, "next": None}
    return json_reply(200, {"domains": rows, "links": links})


def _list(state: ProjectLists, path: str, rows: list[Json]) -> Reply:
    links = {"self": _HOST + path, "previous": None, "next": state.next_link}
    return json_reply(200, {"links": links, "projects": rows})


def _denied(call: Call) -> Reply:
    message = "You are not authorized to perform the requested action."
    return _error(call, 403, "IAM.0003", message, "Forbidden")


def _error(call: Call, status: int, code: str, message: str, title: str) -> Reply:
    if call.dialect.iam_codes:
        return json_reply(status, {"error_msg": message, "error_code": code})
    return iam_error(status, message, title)


ENDPOINTS: Final = (
    Endpoint("auth_projects", "/v3/auth/projects", _own),
    Endpoint("projects", "/v3/projects", _account),
    Endpoint("user_projects", "/v3/users/{user_id}/projects", _users),
    Endpoint("auth_domains", "/v3/auth/domains", _accounts),
)
