"""The projects command: what a configuration's credentials can read, and what is collected."""

from __future__ import annotations

import asyncio

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from ..clock import Clock
from ..cloud.client import CloudClient
from ..cloud.discovery.project_list import ProjectList, ProjectLister
from ..cloud.response_memory import ResponseMemory
from ..cloud.scheduler import RequestScheduler
from ..collection.discovery.selection import (
    Decision,
    Fate,
    Selection,
    select,
    unmatched_patterns,
)
from ..config import Cloud, Configuration, Discovery
from ..deadline import Deadline
from ..errors import CollectionError, Failure, Reason
from ..metrics.telemetry import Telemetry


_SECONDS: Final = 30.0
_HEAD: Final = ("cloud", "project", "project ID", "state")


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """What each cloud lists, and why it lists nothing; clouds by their names."""

    configuration: Configuration
    selection: Selection
    lists: dict[str, ProjectList]
    failures: dict[str, Failure]

    def table(self) -> str:
        """Return a table with a row for each listed project, and what is amiss."""
        rows = [_HEAD] + [
            (
                name,
                decision.listed.name or "-",
                decision.listed.project_id,
                decision.fate.replace("_", " "),
            )
            for name, decision in self._decisions()
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
        lines = [
            "  ".join(
                text.ljust(width) for text, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *self._remarks(), ""])

    def as_configuration(self) -> str:
        """Return the projects that are not configured yet, to paste into a file."""
        lines = ["projects:"]
        for name, decision in self._decisions():
            if decision.fate is Fate.COLLECTED:
                cloud = self._cloud(name)
                prefix = cloud.discovery.name_prefix if cloud.discovery else ""
                lines += [
                    f"  - name: {_quoted(prefix + decision.listed.name)}",
                    f"    cloud: {_quoted(name)}",
                    f"    project_id: {_quoted(decision.listed.project_id)}",
                ]
        if len(lines) == 1:
            lines = ["# no project that is not configured"]
        comments = [f"# {line}" if line else "#" for line in self._remarks()]
        return "\n".join([*lines, *comments, ""])

    def _decisions(self) -> Iterator[tuple[str, Decision]]:
        for name, decisions in self.selection.decisions.items():
            for decision in decisions:
                yield name, decision

    def _remarks(self) -> Iterator[str]:
        for name, found in self.lists.items():
            yield ""
            yield f"{name}: {self.selection.summary(name)} ({found.operation})"
            cloud = self._cloud(name)
            for pattern in unmatched_patterns(cloud, found.projects):
                yield f"  the pattern {pattern} matches no project of this region"
        for name, failure in self.failures.items():
            yield ""
            yield f"{name}: {failure.problem}"
            yield f"  -> {failure.advice}"
            if failure.request:
                yield f"     {failure.request}"
        for missing in self.selection.missing:
            if missing.project.cloud.name in self.lists:
                near = ", ".join(missing.near_names)
                yield ""
                yield f"{missing.project.name}: {missing.failure.problem}"
                yield f"  -> {missing.failure.advice}"
                if near:
                    yield f"     near: {near}"

    def _cloud(self, name: str) -> Cloud:
        return next(each for each in self.configuration.clouds if each.name == name)


async def list_projects(configuration: Configuration, clock: Clock) -> ProjectReport:
    """
    List the projects of every cloud.

    A cloud without discovery is shown as if it discovered everything.
    """
    discovering = replace(
        configuration,
        clouds=tuple(
            replace(cloud, discovery=cloud.discovery or Discovery())
            for cloud in configuration.clouds
        ),
    )
    scheduler = RequestScheduler(configuration.collection.max_concurrent_requests)
    telemetry, memory = Telemetry(), ResponseMemory()
    found = await asyncio.gather(
        *(
            _list(CloudClient(cloud, scheduler, telemetry, memory, clock=clock))
            for cloud in configuration.clouds
        )
    )
    names = [cloud.name for cloud in configuration.clouds]
    lists, failures = {}, {}
    for name, outcome in zip(names, found, strict=True):
        if isinstance(outcome, Failure):
            failures[name] = outcome
        else:
            lists[name] = outcome
    listed = {name: each.projects for name, each in lists.items()}
    return ProjectReport(
        configuration, select(discovering, listed, {}), lists, failures
    )


async def _list(client: CloudClient) -> ProjectList | Failure:
    try:
        async with asyncio.timeout(_SECONDS):
            return await ProjectLister(client).list_projects(Deadline(_SECONDS))
    except CollectionError as error:
        return error.failure
    except TimeoutError:
        return Failure(
            reason=Reason.TIMEOUT,
            problem=f"no list of projects within {_SECONDS:.0f} s",
            advice="check the network and the cloud's iam_url",
        )
    finally:
        await client.aclose()


def _quoted(text: str) -> str:
    """Return `text` as JSON, which is YAML: a name of digits stays text."""
    return msgspec.json.encode(text).decode()
