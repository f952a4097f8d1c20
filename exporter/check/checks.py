"""Queries every configured API once, and reports problems with advice."""

from __future__ import annotations

import asyncio
import time
import traceback

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Final

from ..clock import Clock
from ..cloud.client import CloudClient
from ..collection.offers import Absent, NotOffered, NotPermitted, judged, required
from ..collectors.base import Registry, Target
from ..collectors.examination import Examination, Problem
from ..collectors.registry import REGISTRY
from ..config import CollectionSettings, Configuration
from ..deadline import Deadline
from ..errors import Failure, Reason
from ..exchange import Exchange
from .clients import examine, open_clients
from .connectivity import Connectivity, check_connectivity
from .findings import NOT_REACHED, Finding, Result, Step, Uncollected
from .uncollected import find_uncollected


_TOTAL_SECONDS: Final = 25.0
_MANY_PROJECTS: Final = 100
_PROJECT_SECONDS: Final = 0.2
"""For each project beyond those: logins may go four at a time only."""

_REQUESTS_OF_TARGET: Final = 3

_CLOCK_TOLERANCE_SECONDS: Final = 300.0
"""A third of the skew at which signatures are rejected."""


_FAILED_STEP: Final = {
    Reason.AUTHENTICATION: Step.CREDENTIALS,
    Reason.PERMISSION: Step.PERMISSION,
}


async def check_all(
    configuration: Configuration,
    progress: Callable[[Finding], None],
    registry: Registry = REGISTRY,
    clock: Clock = time.time,
    on_uncollected: Callable[[Uncollected], None] | None = None,
) -> list[Finding]:
    """
    Return a finding for each project, collector and version of its API.

    `progress` gets each as it comes, and `on_uncollected` what the credentials can
    read although no collector asks for it.
    """
    skews: dict[str, float] = {}

    def observe_clock(exchange: Exchange) -> None:
        if exchange.clock_skew is not None:
            # The first, so that all projects of a cloud report the same.
            skews.setdefault(exchange.cloud, exchange.clock_skew)

    targets = list(registry.targets(configuration.projects))
    deadline = Deadline(_total_seconds(configuration, targets))
    settings = configuration.collection
    clouds = configuration.clouds
    reached = await asyncio.gather(*map(check_connectivity, clouds))
    connectivity = dict(zip((cloud.name for cloud in clouds), reached, strict=True))
    async with open_clients(configuration, clock, [observe_clock]) as clients:

        async def check(versions: Sequence[Target]) -> list[Finding]:
            cloud = versions[0].project.cloud.name
            client = clients[cloud]
            checks = [
                _Check(target, client, settings, skews, deadline) for target in versions
            ]
            await asyncio.gather(*(one.run(connectivity[cloud]) for one in checks))
            failing = required({one.target for one in checks if one.is_missing})
            found = [one.finding(is_required=one.target in failing) for one in checks]
            for finding in found:
                progress(finding)
            return found

        # Whether an API that is not offered fails depends on its other versions.
        groups = [
            list(group)
            for _, group in groupby(targets, lambda t: (t.project.name, t.product.name))
        ]
        found = await asyncio.gather(*map(check, groups))
        findings = [finding for some in found for finding in some]
        if on_uncollected is not None:
            readable = {finding.project for finding in findings if finding.ok}
            for each in await find_uncollected(
                configuration, registry, clients, readable
            ):
                on_uncollected(each)
    return findings


def _total_seconds(configuration: Configuration, targets: Sequence[Target]) -> float:
    more = max(0, len(configuration.projects) - _MANY_PROJECTS)
    seconds = _TOTAL_SECONDS + _PROJECT_SECONDS * more
    for cloud in configuration.clouds:
        if cloud.rate_limit is not None:
            number = sum(target.project.cloud.name == cloud.name for target in targets)
            requests = _REQUESTS_OF_TARGET * number
            seconds += requests / cloud.rate_limit.requests_per_second
    return seconds


class _Check:
    def __init__(
        self,
        target: Target,
        client: CloudClient,
        settings: CollectionSettings,
        skews: Mapping[str, float],
        deadline: Deadline,
    ) -> None:
        self.target = target
        self._absent: Absent | None = None
        self._client = client
        self._settings = settings
        self._skews = skews
        self._deadline = deadline
        self._steps = dict.fromkeys(Step, NOT_REACHED)
        self._problems: list[Problem] = []
        self._number: int | None = None
        self._seconds = 0.0

    @property
    def is_missing(self) -> bool:
        """Whether the cloud does not offer the API."""
        return isinstance(self._absent, NotOffered)

    async def run(self, connectivity: Connectivity) -> None:
        """Ask, if the cloud can be connected to."""
        started = time.monotonic()
        self._steps[Step.NAME], self._steps[Step.TLS] = (
            connectivity.name,
            connectivity.tls,
        )
        if connectivity.problem is not None:
            self._problems.append(connectivity.problem)
        if connectivity.name.ok is not False and connectivity.tls.ok is not False:
            await self._ask_in_time()
        self._seconds = time.monotonic() - started

    def finding(self, *, is_required: bool) -> Finding:
        """Return what was found; an API that is not offered fails if it is required."""
        if self._absent and is_required:
            self._failed(self._absent.failure)
        elif self._absent:
            self._is_absent(self._absent)
        target = self.target
        return Finding(
            target.project.name,
            target.project.cloud.name,
            target.product.name,
            target.api_version,
            target.product.noun,
            self._steps,
            tuple(self._problems),
            self._number,
            self._skews.get(target.project.cloud.name),
            self._seconds,
        )

    async def _ask_in_time(self) -> None:
        try:
            async with asyncio.timeout(self._deadline.remaining):
                self._found(await examine(self.target, self._client, self._settings))
        except TimeoutError:
            self._failed(
                Failure(
                    reason=Reason.TIMEOUT,
                    problem="no complete response in the time of a check",
                    advice="look for a slow or hanging API or proxy",
                )
            )
        # An unexpected error must not affect the other rows.
        except Exception as error:  # noqa: BLE001
            self._failed(_internal_error(error))

    def _found(self, found: Examination) -> None:
        if found.page_size is not None:
            self._steps[Step.PAGE_SIZE] = Result(True, found.page_size)
        if found.failure is not None:
            operation = self.target.product.open(self.target, self._settings).operation
            why = judged(found.failure, self.target, operation)
            if isinstance(why, Failure):
                self._failed(why)
            else:
                self._absent = why
            return
        self._steps[Step.CREDENTIALS] = self._steps[Step.PERMISSION] = Result(
            True, "ok"
        )
        self._check_clock()
        for missing in found.missing:
            self._steps[Step.PERMISSION] = Result(False, f"no {missing.name}")
            problem = Problem.of(missing.failure)
            words = f"no {missing.name}: {problem.problem}"
            self._problems.append(replace(problem, problem=words))
        if found.problem is not None:
            self._problems.append(found.problem)
        self._number = found.number
        words = f"{found.number} ({found.note})" if found.note else f"{found.number}"
        self._steps[Step.JOBS] = Result(found.problem is None, words)

    def _is_absent(self, why: Absent) -> None:
        words = why.title
        if isinstance(why, NotPermitted):
            self._steps[Step.CREDENTIALS] = Result(True, "ok")
            self._steps[Step.PERMISSION] = Result(None, "no")
            words += f": {why.failure.advice}"
        self._steps[Step.JOBS] = Result(None, words)
        self._check_clock()

    def _failed(self, failure: Failure) -> None:
        step = _FAILED_STEP.get(failure.reason, Step.JOBS)
        if step is Step.PERMISSION:
            self._steps[Step.CREDENTIALS] = Result(True, "ok")
        self._steps[step] = Result(False, "FAILED")
        self._check_clock()
        self._problems.append(Problem.of(failure))

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
