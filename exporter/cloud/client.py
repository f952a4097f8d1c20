"""The client of one cloud: authenticates, schedules and retries requests."""

from __future__ import annotations

import asyncio
import random

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import httpx

from ..clock import Clock
from ..config import Cloud, Project
from ..deadline import Deadline
from ..errors import CollectionError, Failure, Reason
from ..exchange import Observer, RequestRecord
from ..metrics.telemetry import Telemetry
from .auth import ProjectKey, new_credential, project_key
from .call import Call
from .error_codes import check
from .request_context import RequestContext, path_of
from .request_log import log_exchange
from .response_memory import ResponseMemory
from .scheduler import RequestScheduler
from .session import Session
from .transport import HEADERS, READ_SECONDS, CloudTransport, open_client, send


_MAX_RETRIES: Final = 2
_FIRST_BACKOFF_SECONDS: Final = 0.25
_MAX_BACKOFF_SECONDS: Final = 8.0

_JSON_HEADERS: Final = {**HEADERS, "Content-Type": "application/json"}


class CloudClient:
    """The APIs of one cloud, for all its projects."""

    def __init__(
        self,
        cloud: Cloud,
        scheduler: RequestScheduler,
        telemetry: Telemetry,
        memory: ResponseMemory,
        *,
        clock: Clock,
        observers: Sequence[Observer] = (),
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self.cloud = cloud
        self.clock = clock
        self._queue = scheduler.cloud(cloud.rate_limit)
        self._telemetry = telemetry
        telemetry.request_queue(
            cloud.name,
            in_flight=lambda: self._queue.in_flight,
            waiting=lambda: self._queue.waiting,
        )
        self._transport = CloudTransport(
            cloud,
            self._queue,
            memory,
            clock,
            (telemetry.observe, log_exchange, *observers),
            read_seconds=read_seconds,
        )
        self._cooldown_until: dict[tuple[ProjectKey, str], float] = {}
        self._credential = new_credential(
            cloud,
            open_client(self._transport),
            clock,
            partial(telemetry.credential_expiry, cloud.name),
        )

    def session(
        self, project: Project, deadline: Deadline, record: RequestRecord | None = None
    ) -> Session:
        """Return a session for requests of `project` before `deadline`."""
        return Session(project, deadline, self, record or RequestRecord())

    @property
    def user_id(self) -> str:
        """The ID of the user, once it has logged in; empty without a login."""
        return self._credential.user_id

    async def ask(
        self,
        project: Project | None,
        call: Call,
        deadline: Deadline,
        record: RequestRecord | None = None,
    ) -> httpx.Response:
        """
        Return the response to `call`, whose status is a success; note it in `record`.

        Without a project, it is a request of the account, to IAM.
        Raises `CollectionError` if no attempt before `deadline` succeeds.
        """
        attempt = 0
        while True:
            try:
                await self._wait_for_cooldown(call, project, deadline)
                response = await self._send(
                    project, call, attempt + 1, record or RequestRecord()
                )
                check(response)
            except CollectionError as error:
                if error.failure.retry_after is not None:
                    self._cooldown_until[project_key(project), call.api] = (
                        _now() + error.failure.retry_after
                    )
                delay = self._delay(error.failure, attempt, deadline)
                if delay is None:
                    raise
                operation = error.failure.operation or call.api
                self._telemetry.retry(self.cloud.name, operation, error.failure.reason)
            else:
                return response
            attempt += 1
            await asyncio.sleep(delay)

    async def retain(self, projects: Iterable[Project]) -> None:
        """Forget the tokens and cooldowns of all projects but these."""
        retained = list(projects)
        kept = {project_key(project) for project in (*retained, None)}
        for key in [key for key in self._cooldown_until if key[0] not in kept]:
            del self._cooldown_until[key]
        await self._credential.retain(retained)

    async def aclose(self) -> None:
        """Close all connections and cancel running logins."""
        await self._credential.aclose()
        await self._transport.aclose()
        self._queue.close()

    async def is_credential_changed(self) -> bool:
        """Return whether the credential is another one than was last sent."""
        return await self._credential.is_changed()

    def try_credentials_again(self) -> None:
        """Try rejected credentials once more: they may have been corrected."""
        self._credential.try_again()

    async def _send(
        self,
        project: Project | None,
        call: Call,
        attempt: int,
        record: RequestRecord,
    ) -> httpx.Response:
        context = RequestContext(
            operation=call.api,
            project="" if project is None else project.name,
            action=call.action,
            max_bytes=call.max_bytes,
            attempt=attempt,
            record=record,
        )
        request = httpx.Request(
            call.method,
            call.url,
            content=call.body,
            headers=_JSON_HEADERS if call.body else HEADERS,
            extensions=context.extensions(),
        )
        auth = self._credential.auth_for(project)
        return await send(self._transport, request, auth)

    async def _wait_for_cooldown(
        self, call: Call, project: Project | None, deadline: Deadline
    ) -> None:
        """Wait for the end of the operation's last `Retry-After` for this project."""
        cooldown = (
            self._cooldown_until.get((project_key(project), call.api), 0.0) - _now()
        )
        if cooldown <= 0:
            return
        if cooldown >= deadline.remaining:
            raise CollectionError(
                Failure(
                    reason=Reason.THROTTLED,
                    problem="the API throttles this account and accepts no such "
                    f"request for another {cooldown:.0f} s",
                    advice="set the cloud's rate_limit, or scrape less often",
                    operation=call.api,
                    method=call.method,
                    path=path_of(call.url),
                )
            )
        await asyncio.sleep(cooldown)

    def _delay(
        self, failure: Failure, attempt: int, deadline: Deadline
    ) -> float | None:
        throttled = failure.reason is Reason.THROTTLED
        backoff = min(_MAX_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2**attempt)
        # Not security: the jitter only keeps clients from retrying at the same time.
        delay = backoff * random.uniform(0.5, 1.0)  # noqa: S311
        if failure.retry_after is not None:
            delay += failure.retry_after
        if throttled:
            self._queue.pause(delay)
        if not failure.transient or (attempt >= _MAX_RETRIES and not throttled):
            return None
        return delay if delay < deadline.remaining else None


def _now() -> float:
    return asyncio.get_running_loop().time()
