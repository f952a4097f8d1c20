"""The results of a check, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from ..collectors.examination import Problem


class Step(StrEnum):
    """The steps of a check, in order."""

    NAME = "name resolution"
    TLS = "TLS"
    CLOCK = "clock"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    PAGE_SIZE = "page size"
    JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a step: `ok` is None if it was not reached, or does not apply."""

    ok: bool | None
    words: str


NOT_REACHED: Final = Result(None, "-")


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check of one project, collector and version of its API."""

    project: str
    collector: str
    api_version: str
    steps: dict[Step, Result]
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the jobs can be collected."""
        return all(result.ok is not False for result in self.steps.values())


def table(findings: Sequence[Finding]) -> str:
    """Return a table with a row per finding, followed by problems and advice."""
    head = ("project", "collector", "API", *Step)
    rows = [head] + [
        (
            finding.project,
            finding.collector,
            finding.api_version,
            *(finding.steps[step].words for step in Step),
        )
        for finding in findings
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in rows
    ]
    for finding in findings:
        whose = f"{finding.project} {finding.collector} {finding.api_version}"
        for problem in finding.problems:
            lines += [
                "",
                f"{whose}: {problem.problem}",
                f"  -> {problem.advice}",
                *([f"     {problem.request}"] if problem.request else []),
            ]
    failing = sum(not finding.ok for finding in findings)
    verdict = (
        f"{failing} of {len(findings)} cannot be collected" if failing else "all well"
    )
    return "\n".join([*(line.rstrip() for line in lines), "", verdict, ""])


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as a JSON list of objects with `ok`, `steps` and `problems`."""
    content = [
        {
            "project": finding.project,
            "collector": finding.collector,
            "api_version": finding.api_version,
            "ok": finding.ok,
            "steps": finding.steps,
            "troubles": finding.problems,
        }
        for finding in findings
    ]
    return msgspec.json.format(msgspec.json.encode(content)).decode() + "\n"
