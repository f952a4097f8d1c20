"""What a user or an access key may do."""

from __future__ import annotations

import secrets

from dataclasses import dataclass, field
from enum import StrEnum


class OwnProjects(StrEnum):
    """What the list of one's own projects answers; for agencies it is undocumented."""

    LISTED = "listed"
    EMPTY = "empty"
    DENIED = "denied"


@dataclass(slots=True)
class Access:
    """What a user or key may do; by default, everything."""

    user_id: str = field(default_factory=lambda: secrets.token_hex(16))
    projects: set[str] | None = None
    """IDs of the projects in which it has a role; None for all."""

    lists_account: bool = True
    """Whether it may list all projects of the account."""

    sees_account: bool = True
    """Whether the list of its accounts has the account."""

    own_projects: OwnProjects = OwnProjects.LISTED
    denied: set[str] = field(default_factory=set)
    """ModelArts' APIs, by the names of their endpoints, that it has no permission for."""

    def has_role_in(self, project_id: str) -> bool:
        """Return whether it has a role in a project."""
        return self.projects is None or project_id in self.projects
