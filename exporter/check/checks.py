"""Queries every configured API once, and reports problems with advice."""

from __future__ import annotations

import asyncio
import traceback

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from ..cloud.client import CloudClient
from ..cloud.response_memory import ResponseMemory
from ..cloud.scheduler import RequestScheduler
from ..cloud.session import Session
from ..collectors.jobs.api import ALL_JOBS
from ..collectors.jobs.contradictions import length_of_pages, raise_if_contradictory
from ..collectors.jobs.pages import Page
from ..collectors.jobs.paginator import SMALL_PAGE, may_accept_small_pages
from ..collectors.jobs.versions import jobs_api
from ..config import Configuration, Project, TrainingApi
from ..deadline import Deadline
from ..errors import CollectionError, Failure, Reason
from ..kinds import Kind
from ..metrics.telemetry import Telemetry
from .connectivity import Connectivity, check_connectivity
from .findings import NOT_REACHED, Finding, Problem, Result, Step


_SECONDS: Final = 20.0
_ROW_SECONDS: Final = 60.0
"""For all requests of a project and collector, in case a response never ends."""

_CLOCK_TOLERANCE_SECONDS: Final = 300.0
"""A third of the skew at which signatures are rejected."""


_FAILED_STEP: Final = {
    Reason.AUTHENTICATION: Step.CREDENTIALS,
    Reason.PERMISSION: Step.PERMISSION,
}


async def check_all(
    configuration: Configuration, progress: Callable[[str], None]
) -> list[Finding]:
    """
    Return a finding for each project and collector; `progress` gets a line for each.
    """
    telemetry = Telemetry()
    settings = configuration.collection
    scheduler = RequestScheduler(settings.max_concurrent_requests)
    memory = ResponseMemory()
    connectivity = {}
    for cloud in configuration.clouds:
        progress(f"cloud {cloud.name}")
        connectivity[cloud.name] = await check_connectivity(cloud)
    clients = {
        cloud.name: CloudClient(cloud, scheduler, telemetry, memory)
        for cloud in configuration.clouds
    }
    wanted = [
        (project, kind) for project in configuration.projects for kind in project.kinds
    ]
    done = 0

    async def check(project: Project, kind: Kind) -> Finding:
        nonlocal done
        check_one = _Check(project, kind, clients[project.cloud.name], telemetry)
        finding = await check_one.run(
            connectivity[project.cloud.name], settings.page_size
        )
        done += 1
        progress(f"{done} of {len(wanted)}: {finding.project} {finding.collector}")
        return finding

    try:
        return list(await asyncio.gather(*(check(*target) for target in wanted)))
    finally:
        for client in clients.values():
            await client.aclose()


class _Check:
    def __init__(
        self, project: Project, kind: Kind, client: CloudClient, telemetry: Telemetry
    ) -> None:
        self._project = project
        self._kind = kind
        self._client = client
        self._telemetry = telemetry
        self._steps = dict.fromkeys(Step, NOT_REACHED)
        self._problems: list[Problem] = []

    async def run(self, connectivity: Connectivity, page_size: int) -> Finding:
        self._steps[Step.NAME], self._steps[Step.TLS] = (
            connectivity.name,
            connectivity.tls,
        )
        if connectivity.problem is not None:
            self._problems.append(connectivity.problem)
        if connectivity.name.ok is not False and connectivity.tls.ok is not False:
            await self._ask_in_time(page_size)
        return Finding(
            self._project.name,
            f"{self._kind}_jobs",
            self._steps,
            tuple(self._problems),
        )

    async def _ask_in_time(self, page_size: int) -> None:
        try:
            async with asyncio.timeout(_ROW_SECONDS):
                await self._ask(page_size)
        except TimeoutError:
            self._failed(
                Failure(
                    reason=Reason.TIMEOUT,
                    problem=f"no complete response within {_ROW_SECONDS:.0f} s",
                    advice="look for a slow or hanging API or proxy",
                )
            )
        # An unexpected error must not affect the other rows.
        except Exception as error:  # noqa: BLE001
            self._failed(_internal_error(error))

    async def _ask(self, page_size: int) -> None:
        api = jobs_api(self._project, self._kind)
        size = min(page_size, api.largest_page)
        try:
            try:
                page = await api.page(self._session(), ALL_JOBS, 1, size)
            except CollectionError as error:
                if not may_accept_small_pages(size, error.failure):
                    raise
                page = await api.page(self._session(), ALL_JOBS, 1, SMALL_PAGE)
                self._steps[Step.PAGE_SIZE] = Result(
                    True, f"{SMALL_PAGE} ({size} rejected)"
                )
            else:
                self._steps[Step.PAGE_SIZE] = Result(True, str(size))
            raise_if_contradictory(page, 1, length_of_pages(page, size))
        except CollectionError as error:
            self._failed(error.failure)
            return
        self._steps[Step.CREDENTIALS] = self._steps[Step.PERMISSION] = Result(
            True, "ok"
        )
        self._check_clock()
        number = len(page.rows) if page.total is None else page.total
        self._steps[Step.JOBS] = Result(True, str(number))
        try:
            await api.quota(self._session())
        except CollectionError as error:
            self._steps[Step.PERMISSION] = Result(False, "no quota")
            failure = error.failure
            self._problems.append(
                Problem(f"no quota: {failure.problem}", failure.advice)
            )
        if not number and self._kind is Kind.TRAINING:
            await self._look_at_the_other_api()

    def _failed(self, failure: Failure) -> None:
        step = _FAILED_STEP.get(failure.reason, Step.JOBS)
        if step is Step.PERMISSION:
            self._steps[Step.CREDENTIALS] = Result(True, "ok")
        self._steps[step] = Result(False, "FAILED")
        self._check_clock()
        self._problems.append(Problem(failure.problem, failure.advice))

    def _check_clock(self) -> None:
        skew = self._telemetry.registry.get_sample_value(
            "modelarts_exporter_clock_skew_seconds", {"cloud": self._project.cloud.name}
        )
        if skew is None:
            return
        is_good = abs(skew) < _CLOCK_TOLERANCE_SECONDS
        self._steps[Step.CLOCK] = Result(is_good, f"{skew:+.0f} s")
        if not is_good:
            self._problems.append(
                Problem(
                    f"this machine's clock differs from the API's by {skew:+.0f} s",
                    "synchronize it, for instance with NTP: signatures are rejected above 900 s",
                )
            )

    def _session(self) -> Session:
        return self._client.session(self._project, Deadline(_SECONDS))

    async def _look_at_the_other_api(self) -> None:
        mine = self._project.training_api
        other = TrainingApi.V2 if mine is TrainingApi.V1 else TrainingApi.V1
        project = replace(self._project, training_api=other)
        api = jobs_api(project, self._kind)
        try:
            page: Page = await api.page(self._session(), ALL_JOBS, 1, 1)
        except CollectionError:
            # The other version may not exist here, which is not a configuration error.
            return
        if page.total or page.rows:
            self._steps[Step.JOBS] = Result(
                False, f"0 ({page.total or 'some'} in {other})"
            )
            self._problems.append(
                Problem(
                    f"{mine} lists no training jobs, but {other} has some",
                    f"set training_api: {other} for this project",
                )
            )


def _internal_error(error: Exception) -> Failure:
    # Without its text, which may contain a secret.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return Failure(
        reason=Reason.RESPONSE,
        problem=f"an internal error in the exporter: {type(error).__name__} in "
        f"{Path(place.filename).name}, line {place.lineno}",
        advice="report it with this line",
    )
