"""
The rows of IAM's project lists, checked.

Source: IAM API reference, "Querying the List of Projects Accessible to Users".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from ...config import is_in_region
from ..decoding import JsonError, decode_json
from .row_values import RowValue, to_id, to_name


MAX_PROJECTS: Final = 10_000
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""800 bytes for each project; they have about 450."""

AUTH_PROJECTS_OPERATION: Final = "auth_projects"
"""The operation that lists the credential's own projects."""

AUTH_PROJECTS_PATH: Final = "/v3/auth/projects"
LIST_ACTION: Final = "iam:projects:listProjects"


@dataclass(frozen=True, slots=True, order=True)
class ListedProject:
    """A project as IAM lists it; `name` is empty if it has none that can be used."""

    name: str
    project_id: str
    is_enabled: bool = True

    def is_in(self, region: str) -> bool:
        """
        Return whether the project is one of `region`, judged by its name.

        Without a region, every project is.
        """
        return not region or is_in_region(self.name, region)


class _Row(msgspec.Struct):
    id: RowValue = None
    name: RowValue = None
    enabled: bool | None = None
    is_domain: bool | None = None


class _Answer(msgspec.Struct):
    projects: list[_Row]


_decoder: Final = msgspec.json.Decoder(_Answer)


def read_rows(content: bytes) -> tuple[ListedProject, ...]:
    """
    Return the projects in an answer, by name, each ID once.

    Rows without a usable ID are left out. Raises `JsonError` if the answer is no list
    of projects; the message quotes nothing of it.
    """
    rows = decode_json(_decoder, content).projects
    if len(rows) > MAX_PROJECTS:
        raise JsonError(f"it lists more than {MAX_PROJECTS:,} projects")
    listed = [
        ListedProject(to_name(row.name), project_id, row.enabled is not False)
        for row in rows
        if not row.is_domain and (project_id := to_id(row.id)) is not None
    ]
    if rows and not listed:
        raise JsonError("none of its rows is a project with an ID")
    # Of an ID's rows, one with a name and one that is enabled come last and stay.
    by_id = {project.project_id: project for project in sorted(listed)}
    return tuple(sorted(by_id.values()))
