"""Tests on the real clouds what the exporter assumes of them."""

from __future__ import annotations

import asyncio

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..cloud.assumption import (
    Answer,
    Assumption,
    Verdict,
    outcome,
    undecided,
    verdict,
)
from ..cloud.client import CloudClient
from ..cloud.gateway_assumptions import GATEWAY_ASSUMPTIONS
from ..cloud.session import Session
from ..collectors.base import Product, Registry, Target
from ..collectors.registry import REGISTRY
from ..config import Cloud, CollectionSettings, Configuration, Project
from ..deadline import Deadline
from ..errors import CollectionError
from .clients import STEP_SECONDS, open_clients


_MAX_PROJECTS: Final = 3
"""Projects of a cloud that are asked: the next, if the last had too few jobs."""

_TOTAL_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class AssumptionResult:
    """An assumption, and the verdict of a cloud."""

    assumption: Assumption
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class CloudVerdict:
    """The verdicts of a cloud; `projects` of its projects were asked at most."""

    cloud: Cloud
    projects: int
    results: Sequence[AssumptionResult]


async def ask_clouds(
    configuration: Configuration,
    progress: Callable[[str], None],
    registry: Registry = REGISTRY,
) -> list[CloudVerdict]:
    """
    Test every assumption on every cloud with a few requests that only read.

    `progress` gets the name of each assumption.
    """
    async with open_clients(configuration) as clients:

        async def test(cloud: Cloud) -> CloudVerdict:
            projects = [
                project
                for project in configuration.projects
                if project.cloud.name == cloud.name
            ][:_MAX_PROJECTS]
            runner = _Runner(
                clients[cloud.name], configuration.collection, registry, progress
            )
            return CloudVerdict(cloud, len(projects), await runner.run(projects))

        return list(await asyncio.gather(*map(test, configuration.clouds)))


class _Runner:
    def __init__(
        self,
        client: CloudClient,
        settings: CollectionSettings,
        registry: Registry,
        progress: Callable[[str], None],
    ) -> None:
        self._client = client
        self._settings = settings
        self._registry = registry
        self._progress = progress
        self._deadline = Deadline(_TOTAL_SECONDS)

    async def run(self, projects: Sequence[Project]) -> list[AssumptionResult]:
        verdicts: dict[str, AssumptionResult] = {}
        for project in projects:
            session = self._client.session(project, self._deadline)
            for assumption in self._assumptions():
                earlier = verdicts.get(assumption.name)
                if (
                    earlier is not None
                    and earlier.verdict.answer is not Answer.UNDECIDED
                ):
                    continue
                self._progress(assumption.name)
                found = await self._test(assumption, session)
                verdicts[assumption.name] = AssumptionResult(assumption, found)
        return list(verdicts.values())

    def _assumptions(self) -> Iterator[Assumption]:
        for product in self._registry.products:
            for version in product.api_versions:
                yield _is_offered(product, version, self._settings)
            yield from product.assumptions
        yield from GATEWAY_ASSUMPTIONS

    async def _test(self, assumption: Assumption, session: Session) -> Verdict:
        seconds = min(STEP_SECONDS, self._deadline.remaining)
        try:
            async with asyncio.timeout(seconds):
                briefly = replace(session, deadline=Deadline(seconds))
                return await assumption.test(briefly)
        except CollectionError as error:
            return undecided(outcome(error.failure))
        except TimeoutError:
            return undecided("no complete answer in time")


def _is_offered(
    product: Product, version: str, settings: CollectionSettings
) -> Assumption:
    async def test(session: Session) -> Verdict:
        target = Target(session.project, product, version)
        found = await product.open(target, settings).examine(session)
        failure = found.failure
        if failure is None:
            missing = ", ".join(f"no {part.name}" for part in found.missing)
            return verdict(True, missing or "it answers")
        if failure.not_offered:
            return verdict(False, outcome(failure))
        return undecided(outcome(failure))

    return Assumption(
        name=f"{product.name}_{version}_offered",
        text=f"{version} of {product.title.lower()} is offered",
        why="it can be collected",
        otherwise="reports a failure, or leaves it out where no collector names it",
        test=test,
    )
