"""Queries every configured API once, and reports problems with advice."""

from __future__ import annotations

import asyncio
import time
import traceback

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ..clock import Clock
from ..cloud.client import CloudClient
from ..cloud.response_memory import ResponseMemory
from ..cloud.scheduler import RequestScheduler
from ..collection.offers import NotOffered, judged, required
from ..collectors.base import Registry, Target
from ..collectors.examination import Problem
from ..collectors.registry import REGISTRY
from ..config import CollectionSettings, Configuration
from ..deadline import Deadline
from ..errors import Failure, Reason
from ..exchange import Exchange
from ..metrics.telemetry import Telemetry
from .connectivity import Connectivity, check_connectivity
from .findings import NOT_REACHED, Finding, Result, Step


_ROW_SECONDS: Final = 60.0
"""For all requests of a project and collector, in case a response never ends."""

_CLOCK_TOLERANCE_SECONDS: Final = 300.0
"""A third of the skew at which signatures are rejected."""


_FAILED_STEP: Final = {
    Reason.AUTHENTICATION: Step.CREDENTIALS,
    Reason.PERMISSION: Step.PERMISSION,
}


async def check_all(
    configuration: Configuration,
    progress: Callable[[str], None],
    registry: Registry = REGISTRY,
    clock: Clock = time.time,
) -> list[Finding]:
    """
    Return a finding for each project, collector and version of its API.

    `progress` gets a line for each.
    """
    telemetry = Telemetry()
    skews: dict[str, float] = {}
    settings = configuration.collection
    scheduler = RequestScheduler(settings.max_concurrent_requests)
    memory = ResponseMemory()

    def observe_clock(exchange: Exchange) -> None:
        if exchange.clock_skew is not None:
            skews[exchange.cloud] = exchange.clock_skew

    connectivity = {}
    for cloud in configuration.clouds:
        progress(f"cloud {cloud.name}")
        connectivity[cloud.name] = await check_connectivity(cloud)
    clients = {
        cloud.name: CloudClient(
            cloud,
            scheduler,
            telemetry,
            memory,
            clock=clock,
            observers=[observe_clock],
        )
        for cloud in configuration.clouds
    }
    wanted = list(registry.targets(configuration.projects))
    done = 0

    async def check(target: Target) -> _Check:
        nonlocal done
        cloud = target.project.cloud.name
        one = _Check(target, clients[cloud], settings, skews)
        await one.run(connectivity[cloud])
        done += 1
        name = f"{target.project.name} {target.product.name} {target.api_version}"
        progress(f"{done} of {len(wanted)}: {name}")
        return one

    try:
        checks = list(await asyncio.gather(*map(check, wanted)))
    finally:
        for client in clients.values():
            await client.aclose()
    failing = required({one.target for one in checks if one.not_offered})
    return [one.finding(is_required=one.target in failing) for one in checks]


class _Check:
    def __init__(
        self,
        target: Target,
        client: CloudClient,
        settings: CollectionSettings,
        skews: Mapping[str, float],
    ) -> None:
        self.target = target
        self.not_offered: NotOffered | None = None
        self._client = client
        self._settings = settings
        self._skews = skews
        self._steps = dict.fromkeys(Step, NOT_REACHED)
        self._problems: list[Problem] = []

    async def run(self, connectivity: Connectivity) -> None:
        """Ask, if the cloud can be connected to."""
        self._steps[Step.NAME], self._steps[Step.TLS] = (
            connectivity.name,
            connectivity.tls,
        )
        if connectivity.problem is not None:
            self._problems.append(connectivity.problem)
        if connectivity.name.ok is not False and connectivity.tls.ok is not False:
            await self._ask_in_time()

    def finding(self, *, is_required: bool) -> Finding:
        """Return what was found; an API that is not offered fails if it is required."""
        if self.not_offered and is_required:
            self._failed(self.not_offered.failure)
        elif self.not_offered:
            self._steps[Step.JOBS] = Result(None, "not offered")
            self._check_clock()
        return Finding(
            self.target.project.name,
            self.target.product.name,
            self.target.api_version,
            self._steps,
            tuple(self._problems),
        )

    async def _ask_in_time(self) -> None:
        try:
            async with asyncio.timeout(_ROW_SECONDS):
                await self._ask()
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

    async def _ask(self) -> None:
        target = self.target
        poller = target.product.open(target, self._settings)
        session = self._client.session(target.project, Deadline(_ROW_SECONDS))
        found = await poller.examine(session)
        if found.page_size is not None:
            self._steps[Step.PAGE_SIZE] = Result(True, found.page_size)
        if found.failure is not None:
            why = judged(found.failure, poller.operation)
            if isinstance(why, Failure):
                self._failed(why)
                return
            self.not_offered = why
            return
        self._steps[Step.CREDENTIALS] = self._steps[Step.PERMISSION] = Result(
            True, "ok"
        )
        self._check_clock()
        for missing in found.missing:
            self._steps[Step.PERMISSION] = Result(False, f"no {missing.name}")
            failure = missing.failure
            self._problems.append(
                Problem(
                    f"no {missing.name}: {failure.problem}",
                    failure.advice,
                    failure.request,
                )
            )
        if found.problem is not None:
            self._problems.append(found.problem)
        words = f"{found.number} ({found.note})" if found.note else f"{found.number}"
        self._steps[Step.JOBS] = Result(found.problem is None, words)

    def _failed(self, failure: Failure) -> None:
        step = _FAILED_STEP.get(failure.reason, Step.JOBS)
        if step is Step.PERMISSION:
            self._steps[Step.CREDENTIALS] = Result(True, "ok")
        self._steps[step] = Result(False, "FAILED")
        self._check_clock()
        self._problems.append(Problem(failure.problem, failure.advice, failure.request))

    def _check_clock(self) -> None:
        skew = self._skews.get(self.target.project.cloud.name)
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


def _internal_error(error: Exception) -> Failure:
    # Without its text, which may contain a secret.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return Failure(
        reason=Reason.RESPONSE,
        problem=f"an internal error in the exporter: {type(error).__name__} in "
        f"{Path(place.filename).name}, line {place.lineno}",
        advice="report it with this line",
    )
