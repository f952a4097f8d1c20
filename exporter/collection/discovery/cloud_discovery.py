"""Lists one cloud's projects again and again, and keeps what is known of them."""

from __future__ import annotations

import asyncio

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from ...clock import Clock
from ...cloud.client import CloudClient
from ...cloud.discovery.project_list import ListOperation, ProjectLister
from ...deadline import Deadline
from ...errors import CollectionError, Failure, Reason
from .known_projects import NOT_BELIEVED, KnownProjects
from .refresher import Pause, Refresher


log: Final = structlog.get_logger(__name__)

FIRST_SECONDS: Final = 10.0
"""How long the first list may take: the exporter's start waits for it."""

_SECONDS: Final = 30.0

_INTERNAL_ERROR: Final = Failure(
    reason=Reason.RESPONSE,
    problem="an internal error of the exporter while it listed projects",
    advice="look for a traceback in the log, and report it",
)


@dataclass(frozen=True, slots=True)
class ListSettings:
    """
    What is listed of a cloud, and how often, in seconds.

    `names` are the projects to look up. Without discovery they are asked for one by one
    where no list is allowed, and without them, too, no project is listed.
    """

    has_discovery: bool
    names: tuple[str, ...]
    interval: float


@dataclass(frozen=True, slots=True)
class ListStatus:
    """
    How the last list of a cloud's projects went.

    `failure` is None if it succeeded. `succeeded_at` is the Unix time of the last one
    that did, and `operation` the call that answered it.
    """

    failure: Failure | None = None
    succeeded_at: float | None = None
    operation: ListOperation | None = None

    @property
    def is_up(self) -> bool:
        """Whether the last list succeeded."""
        return self.succeeded_at is not None and self.failure is None


class CloudDiscovery:
    """
    The projects of one cloud, listed in the background.

    `listed` is awaited after every list that succeeded.
    """

    def __init__(
        self,
        client: CloudClient,
        known: KnownProjects,
        settings: ListSettings,
        listed: Callable[[CloudDiscovery], Awaitable[None]],
        *,
        clock: Clock,
        pause: Pause,
    ) -> None:
        self.client = client
        self.known = known
        self.status = ListStatus()
        self._settings = settings
        self._listed = listed
        self._clock = clock
        self._lister = ProjectLister(client)
        self._refresher = Refresher(
            self._refresh, settings.interval, client.is_credential_changed, pause=pause
        )

    @property
    def name(self) -> str:
        """The cloud's name."""
        return self.client.cloud.name

    def configure(self, settings: ListSettings) -> None:
        """Use other settings from now on, and list the projects at once."""
        self._settings = settings
        self._refresher.interval = settings.interval
        self._refresher.refresh_now()

    async def attempted(self) -> None:
        """Wait until the first list has ended, successfully or not."""
        await self._refresher.attempted()

    async def aclose(self) -> None:
        """Cancel a list that is under way, and start no more."""
        await self._refresher.aclose()

    async def _refresh(self) -> bool:
        seconds = FIRST_SECONDS if self.status == ListStatus() else _SECONDS
        try:
            async with asyncio.timeout(seconds):
                operation = await self._list(Deadline(seconds))
            self._succeeded(operation)
            await self._listed(self)
        except CollectionError as error:
            self._failed(error.failure)
        except TimeoutError:
            self._failed(_timeout(seconds))
        except Exception:
            # An unexpected error must not end the refreshes.
            log.exception("internal error", cloud=self.name)
            self._failed(_INTERNAL_ERROR)
        return self.status.is_up

    async def _list(self, deadline: Deadline) -> ListOperation | None:
        settings = self._settings
        if not settings.has_discovery and not settings.names:
            return None
        names = () if settings.has_discovery else settings.names
        found = await self._lister.list_projects(deadline, names)
        self.known = self.known.after(found.projects)
        if self.known.doubted:
            raise CollectionError(NOT_BELIEVED)
        if not self.known.has_projects:
            log.warning(
                "the list has no project of the cloud's region",
                cloud=self.name,
                region=self.client.cloud.region,
                listed=len(found.projects),
                advice="give the exporter's user a role in projects, or check the region",
            )
        return found.operation

    def _succeeded(self, operation: ListOperation | None) -> None:
        if self.status.failure is not None:
            log.info("projects are listed again", cloud=self.name)
        self.status = ListStatus(None, self._clock(), operation)

    def _failed(self, failure: Failure) -> None:
        self.status = replace(self.status, failure=failure)
        log.warning(
            "projects cannot be listed",
            cloud=self.name,
            api=failure.operation,
            reason=failure.reason,
            method=failure.method,
            path=failure.path,
            status=failure.status,
            error_code=failure.error_code,
            request_id=failure.request_id,
            problem=failure.problem,
            advice=failure.advice,
        )


def _timeout(seconds: float) -> Failure:
    return Failure(
        reason=Reason.TIMEOUT,
        problem=f"no list of projects within {seconds:.0f} s",
        advice="check the network and the cloud's iam_url",
    )
