"""Writes the results of a check: as a table whose rows come one by one, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from ..collection.causes import first_of
from ..collectors.base import Target
from ..terminal import Paint, plain
from .findings import CommonProblem, Finding, Step, Uncollected, common_problems


_MIN_WIDTH: Final = 6
"""Of a step's column: `FAILED`. Few results are longer, and the last column is free."""


class Table:
    """A table with a row for each finding; its names have to be known before."""

    def __init__(
        self, names: Iterable[tuple[str, str, str]], paint: Paint = plain
    ) -> None:
        self._paint = paint
        columns = list(zip(("project", "collector", "API"), *names, strict=True))
        self._widths = [
            *(max(map(len, column)) for column in columns),
            *(max(len(step), _MIN_WIDTH) for step in Step),
        ]

    @property
    def head(self) -> str:
        """The first line."""
        names = ("project", "collector", "API", *Step)
        return self._line((name, None) for name in names)

    def row(self, finding: Finding) -> str:
        """Return the line of a finding."""
        words = [finding.steps[step].words for step in Step]
        if finding.number is not None:
            note = words[-1].removeprefix(str(finding.number))
            words[-1] = f"{finding.number} {finding.noun}{note}"
        names = (finding.project, finding.collector, finding.api_version)
        is_good = [finding.steps[step].ok for step in Step]
        return self._line(
            [*((name, None) for name in names), *zip(words, is_good, strict=True)]
        )

    def _line(self, cells: Iterable[tuple[str, bool | None]]) -> str:
        padded = (
            self._paint(text, is_good) + " " * (width - len(text))
            for (text, is_good), width in zip(cells, self._widths, strict=True)
        )
        return "  ".join(padded).rstrip()


def table_of(targets: Iterable[Target], paint: Paint = plain) -> Table:
    """Return the table for the findings of `targets`."""
    return Table(
        (
            (target.project.name, target.product.name, target.api_version)
            for target in targets
        ),
        paint,
    )


def table(findings: Sequence[Finding], uncollected: Sequence[Uncollected] = ()) -> str:
    """Return a table with a row per finding, followed by problems and advice."""
    rows = Table((one.project, one.collector, one.api_version) for one in findings)
    lines = [rows.head, *map(rows.row, findings)]
    return "\n".join([*lines, summary(findings, uncollected)])


def summary(
    findings: Sequence[Finding],
    uncollected: Sequence[Uncollected],
    paint: Paint = plain,
) -> str:
    """Return what follows the table: problems, advice, and whether all is well."""
    lines = []
    for common in common_problems(findings):
        problem = common.problem
        lines += [
            "",
            paint(f"{common.title}: {problem.explanation}", False),
            f"  -> {problem.advice}",
            *([f"     {problem.request}"] if problem.request else []),
        ]
    hints = list(_hints(uncollected))
    lines += ["", *hints] if hints else []
    failing = sum(not finding.ok for finding in findings)
    verdict = (
        f"{failing} of {len(findings)} cannot be collected" if failing else "all well"
    )
    return "\n".join([*lines, "", paint(verdict, not failing), ""])


def _hints(uncollected: Sequence[Uncollected]) -> Iterator[str]:
    """Yield a line for each collector that could be added."""
    for collector in dict.fromkeys(each.collector for each in uncollected):
        some = [each for each in uncollected if each.collector == collector]
        number = sum(each.number for each in some)
        projects = first_of(sorted({each.project for each in some}))
        yield f"{collector}: {number} in {projects}; add {collector} to collectors"


class _Step(msgspec.Struct):
    ok: bool | None
    words: str


class _Problem(msgspec.Struct):
    problem: str
    advice: str
    consequence: str | None
    request: str | None


class _CommonProblem(_Problem):
    cloud: str
    projects: tuple[str, ...]
    collectors: tuple[str, ...]


class _Target(msgspec.Struct):
    project: str
    cloud: str
    collector: str
    api_version: str
    ok: bool
    number: int | None
    page_size: int | None
    clock_skew_seconds: float | None
    duration_seconds: float
    steps: dict[str, _Step]
    problems: list[_Problem]


class _Report(msgspec.Struct):
    ok: bool
    duration_seconds: float
    targets: list[_Target]
    problems: list[_CommonProblem]
    uncollected: Sequence[Uncollected]


def as_json(
    findings: Sequence[Finding],
    uncollected: Sequence[Uncollected] = (),
    seconds: float = 0.0,
    *,
    is_complete: bool = True,
) -> str:
    """
    Return the findings of a check that took `seconds` as a JSON object.

    It is not ok either unless `is_complete`, with all projects that are configured.
    """
    report = _Report(
        ok=is_complete and all(finding.ok for finding in findings),
        duration_seconds=round(seconds, 3),
        targets=[_target(finding) for finding in findings],
        problems=[_common(common) for common in common_problems(findings)],
        uncollected=uncollected,
    )
    return msgspec.json.format(msgspec.json.encode(report)).decode() + "\n"


def _target(finding: Finding) -> _Target:
    skew = finding.clock_skew
    return _Target(
        project=finding.project,
        cloud=finding.cloud,
        collector=finding.collector,
        api_version=finding.api_version,
        ok=finding.ok,
        number=finding.number,
        page_size=finding.page_size,
        clock_skew_seconds=None if skew is None else round(skew, 3),
        duration_seconds=round(finding.seconds, 3),
        steps={
            step.lower().replace(" ", "_"): _Step(result.ok, result.words)
            for step, result in finding.steps.items()
        },
        problems=[
            _Problem(
                each.problem,
                each.advice,
                each.consequence or None,
                each.request or None,
            )
            for each in finding.problems
        ],
    )


def _common(common: CommonProblem) -> _CommonProblem:
    problem = common.problem
    return _CommonProblem(
        problem.problem,
        problem.advice,
        problem.consequence or None,
        problem.request or None,
        common.cloud,
        common.projects,
        common.collectors,
    )
