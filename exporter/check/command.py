"""Runs the commands check and projects: prints results as they come, and reports."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time

from enum import StrEnum
from typing import Final

from ..cloud.assumption import Answer
from ..collectors.registry import REGISTRY
from ..config import Configuration
from ..terminal import Progress, paint_of, progress
from .assumption_report import assumptions_as_json, assumptions_table
from .assumptions import ask_clouds
from .checks import check_all
from .findings import Finding, Uncollected
from .project_lists import find_projects, list_projects
from .report import as_json, summary, table_of


_LISTING: Final = "listing projects"


class OutputFormat(StrEnum):
    """Output formats of the commands check and projects."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def check_apis(configuration: Configuration, wanted: OutputFormat) -> bool:
    """Ask every API once; return whether all can be collected."""
    started = time.monotonic()
    is_table = wanted is OutputFormat.TABLE
    paint = paint_of(sys.stdout)
    uncollected: list[Uncollected] = []
    with progress(_LISTING) as line:
        configuration, is_complete = _find_projects(configuration, wanted, line)
        targets = list(REGISTRY.targets(configuration.projects))
        rows = table_of(targets, paint)
        found = itertools.count(1)

        def show(finding: Finding) -> None:
            line.count(next(found), len(targets))
            if is_table:
                line.print(rows.row(finding))

        line.announce(f"checking {len(targets)} collections")
        line.count(0, len(targets))
        if is_table:
            line.print(rows.head)
        findings = asyncio.run(
            check_all(configuration, show, on_uncollected=uncollected.append)
        )
    if is_table:
        print(summary(findings, uncollected, paint), end="")
    else:
        seconds = time.monotonic() - started
        text = as_json(findings, uncollected, seconds, is_complete=is_complete)
        print(text, end="")
    return is_complete and all(finding.ok for finding in findings)


def check_assumptions(configuration: Configuration, wanted: OutputFormat) -> bool:
    """Test what is assumed of the APIs; return whether nothing was found not to hold."""
    with progress(_LISTING) as line:
        # The names of projects are not for this report.
        found = asyncio.run(find_projects(configuration, time.time))

        def show(name: str) -> None:
            line.announce(f"testing {name}")

        verdicts = asyncio.run(ask_clouds(found.collected(), show))
    if wanted is OutputFormat.TABLE:
        print(assumptions_table(verdicts, paint_of(sys.stdout)), end="")
    else:
        print(assumptions_as_json(verdicts), end="")
    return all(
        each.verdict.answer is not Answer.DID_NOT_HOLD
        for verdict in verdicts
        for each in verdict.results
    )


def show_projects(configuration: Configuration, wanted: OutputFormat) -> bool:
    """Print the projects that the credentials can read; return whether all were listed."""
    with progress(_LISTING):
        report = asyncio.run(list_projects(configuration, time.time))
    if wanted is OutputFormat.TABLE:
        print(report.table(paint_of(sys.stdout)), end="")
    else:
        print(report.as_configuration(), end="")
    return not report.failures


def _find_projects(
    configuration: Configuration, wanted: OutputFormat, line: Progress
) -> tuple[Configuration, bool]:
    """
    Find the projects of which only the cloud knows, and print what becomes of each.

    Return the configuration with them, and whether that is all of them.
    """
    report = asyncio.run(find_projects(configuration, time.time))
    if not report.is_empty:
        # The standard output has nothing but JSON, if that is wanted.
        if wanted is OutputFormat.TABLE:
            line.print(report.table(paint_of(sys.stdout)))
        else:
            line.print(report.table(), file=sys.stderr)
    return report.collected(), report.is_complete
