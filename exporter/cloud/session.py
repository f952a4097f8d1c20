"""The requests of one project within a deadline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from ..config import Project
from ..deadline import Deadline


if TYPE_CHECKING:
    from .client import Call, CloudClient


@dataclass(frozen=True, slots=True)
class Session:
    """What a collector is handed: a project, a deadline, and the client of its cloud."""

    project: Project
    deadline: Deadline
    client: CloudClient = field(repr=False)

    async def ask(self, call: Call) -> httpx.Response:
        """
        Return the response to `call`, whose status is a success.

        Raises `CollectionError` if no attempt before the deadline succeeds.
        """
        return await self.client.ask(self.project, call, self.deadline)
