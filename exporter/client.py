"""Asks one cloud for pages of jobs: authenticated, in turn, and again where that helps."""

from __future__ import annotations

import asyncio
import random
import time

from functools import lru_cache
from typing import Final
from urllib.parse import urlencode

import httpx
import msgspec

from .apis import V1_LISTINGS, Api
from .budget import Budget, Deadline
from .config import AccessKeyAuth, Cloud, EcsAgencyAuth, PasswordAuth, Project
from .credentials import (
    AccessKeys,
    AgencyKeys,
    ConfiguredKeys,
    Logins,
    SignatureAuth,
    TokenAuth,
)
from .errors import CollectionError, Failure, Reason
from .jobs import Kind
from .listing import Answer
from .payloads import Page, page_decoder
from .refusals import check, check_success, http_date
from .telemetry import Telemetry
from .wire import open_client


_MOST_RETRIES: Final = 2
_FIRST_BACKOFF_SECONDS: Final = 0.25
_LONGEST_BACKOFF_SECONDS: Final = 8.0

_PATHS: Final = {
    Api.TRAINING_JOBS: "training-jobs",
    Api.VISUALIZATION_JOBS: "visualization-jobs",
}


class CloudClient:
    """The APIs of one cloud, for all its projects."""

    def __init__(self, cloud: Cloud, budget: Budget, telemetry: Telemetry) -> None:
        self.cloud = cloud
        self._budget = budget.cloud(cloud.rate_limit)
        self._telemetry = telemetry
        self._http = open_client(cloud, self._budget, telemetry)
        self._auths: dict[str, httpx.Auth] = {}
        self._rests_until: dict[tuple[str, Api], float] = {}
        self._credential = self._new_credential(cloud)

    async def page(
        self, project: Project, kind: Kind, deadline: Deadline, number: int, size: int
    ) -> Answer:
        """
        Return page `number`, from 1, of a project's jobs, `size` to a page.

        Jobs are sorted by creation time, oldest first. Raises `CollectionError`.
        """
        api = V1_LISTINGS[kind]
        url = _page_url(
            f"{self.cloud.modelarts_url}/v1/{project.project_id}/{_PATHS[api]}",
            project.workspace_id,
            number,
            size,
        )
        response = await self._get(api, project, url, deadline)
        return Answer(
            _decode(api, response),
            http_date(response.headers.get("Date", "")) or time.time(),
        )

    async def aclose(self) -> None:
        """Close all connections and give up logins that are under way."""
        for auth in self._auths.values():
            if isinstance(auth, TokenAuth):
                await auth.aclose()
        if isinstance(self._credential, AccessKeys):
            await self._credential.source.aclose()
        await self._http.aclose()
        self._budget.close()

    async def _get(
        self, api: Api, project: Project, url: httpx.URL, deadline: Deadline
    ) -> httpx.Response:
        attempt = 0
        while True:
            try:
                await self._rest(api, project, deadline)
                response = await self._http.get(
                    url,
                    auth=self._auth(project),
                    extensions={"api": api, "party": project.name},
                )
                # httpx's stream and response refer to each other: that would keep every
                # page's content until the garbage collector comes by.
                response.stream = httpx.ByteStream(b"")
                check(api, response)
            except CollectionError as error:
                if error.failure.retry_after is not None:
                    until = _now() + error.failure.retry_after
                    self._rests_until[project.name, api] = until
                delay = self._delay(error.failure, attempt, deadline)
                if delay is None:
                    raise
                reason = error.failure.reason
                self._telemetry.retry(self.cloud.name, error.failure.api or api, reason)
            else:
                return response
            attempt += 1
            await asyncio.sleep(delay)

    async def _rest(self, api: Api, project: Project, deadline: Deadline) -> None:
        """Wait as long as the API's last `Retry-After` for this project asks for."""
        rest = self._rests_until.get((project.name, api), 0.0) - _now()
        if rest <= 0:
            return
        if rest >= deadline.remaining:
            raise CollectionError(
                Failure(
                    reason=Reason.THROTTLED,
                    problem="the API throttles this account and wants no such request "
                    f"for another {rest:.0f} s",
                    advice="set the cloud's rate_limit, or scrape less often",
                    api=api,
                )
            )
        await asyncio.sleep(rest)

    def _delay(
        self, failure: Failure, attempt: int, deadline: Deadline
    ) -> float | None:
        throttled = failure.reason is Reason.THROTTLED
        backoff = min(_LONGEST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2**attempt)
        # Not security: the jitter only keeps clients from coming back together.
        delay = backoff * random.uniform(0.5, 1.0)  # noqa: S311
        if failure.retry_after is not None:
            delay += failure.retry_after
        if throttled:
            self._budget.throttled(delay)
        if not failure.transient or (attempt >= _MOST_RETRIES and not throttled):
            return None
        return delay if delay < deadline.remaining else None

    def _auth(self, project: Project) -> httpx.Auth:
        auth = self._auths.get(project.name)
        if auth is None:
            auth = self._auths[project.name] = self._new_auth(project)
        return auth

    def _new_credential(self, cloud: Cloud) -> Logins | AccessKeys:
        match cloud.auth:
            case PasswordAuth():
                return Logins(cloud.auth, cloud.iam_url, self._http, time.time)
            case AccessKeyAuth():
                return AccessKeys(ConfiguredKeys(cloud.auth))
            case EcsAgencyAuth(metadata_url=url):
                return AccessKeys(AgencyKeys(url, time.time))

    def _new_auth(self, project: Project) -> httpx.Auth:
        def expiry_changed(timestamp: float) -> None:
            self._telemetry.credential_expiry(self.cloud.name, project.name, timestamp)

        if isinstance(self._credential, AccessKeys):
            return SignatureAuth(self._credential, project.project_id, expiry_changed)
        return TokenAuth(
            self._credential, project.project_id, project.name, expiry_changed
        )


@lru_cache(maxsize=4096)
def _page_url(base: str, workspace_id: str, number: int, size: int) -> httpx.URL:
    # Kept, because httpx takes longer to parse a URL than to send it.
    query = {
        "order": "asc",
        "page": number,
        "per_page": size,
        "sortBy": "create_time",
    }
    if workspace_id != "0":
        query["workspace_id"] = workspace_id
    return httpx.URL(f"{base}?{urlencode(query)}")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _decode(api: Api, response: httpx.Response) -> Page:
    try:
        page = page_decoder.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CollectionError(_unexpected(api, response, _words(error))) from None
    check_success(api, page.failed, page.error_code)
    if page.jobs is None and page.total is None:
        raise CollectionError(_unexpected(api, response, "it holds no list of jobs"))
    return page


def _words(error: Exception) -> str:
    # msgspec tells types and places, never the text that was decoded.
    return str(error) if isinstance(error, msgspec.DecodeError) else "it is not UTF-8"


def _unexpected(api: Api, response: httpx.Response, why: str) -> Failure:
    return Failure(
        reason=Reason.RESPONSE,
        problem=f"HTTP {response.status_code}, but the answer is not a job list: {why}",
        advice="check the cloud's modelarts_url, or the proxy between here and there",
        api=api,
        status=response.status_code,
    )
