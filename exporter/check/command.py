"""Runs the commands check and projects: prints results as they come, and reports."""

from __future__ import annotations

import asyncio
import sys
import time

from enum import StrEnum

from ..cloud.assumption import Answer
from ..collectors.registry import REGISTRY
from ..config import Configuration
from .assumption_report import assumptions_as_json, assumptions_table
from .assumptions import ask_clouds
from .checks import check_all
from .findings import Finding, Uncollected
from .project_lists import find_projects, list_projects
from .report import as_json, summary, table_of


class OutputFormat(StrEnum):
    """Output formats of the commands check and projects."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def check_apis(configuration: Configuration, wanted: OutputFormat) -> bool:
    """Ask every API once; return whether all can be collected."""
    started = time.monotonic()
    configuration, is_complete = _find_projects(configuration, wanted)
    targets = list(REGISTRY.targets(configuration.projects))
    rows = table_of(targets)
    is_table = wanted is OutputFormat.TABLE
    uncollected: list[Uncollected] = []

    def progress(finding: Finding) -> None:
        if is_table:
            print(rows.row(finding), flush=True)

    print(f"checking {len(targets)} collections", file=sys.stderr, flush=True)
    if is_table:
        print(rows.head, flush=True)
    findings = asyncio.run(
        check_all(configuration, progress, on_uncollected=uncollected.append)
    )
    if is_table:
        print(summary(findings, uncollected), end="")
    else:
        seconds = time.monotonic() - started
        print(as_json(findings, uncollected, seconds), end="")
    return is_complete and all(finding.ok for finding in findings)


def check_assumptions(configuration: Configuration, wanted: OutputFormat) -> bool:
    """Test what is assumed of the APIs; return whether nothing was found not to hold."""

    def progress(name: str) -> None:
        print(f"testing {name}", file=sys.stderr, flush=True)

    # The names of projects are not for this report.
    found = asyncio.run(find_projects(configuration, time.time))
    verdicts = asyncio.run(ask_clouds(found.collected(), progress))
    write = assumptions_table if wanted is OutputFormat.TABLE else assumptions_as_json
    print(write(verdicts), end="")
    return all(
        each.verdict.answer is not Answer.DID_NOT_HOLD
        for verdict in verdicts
        for each in verdict.results
    )


def show_projects(configuration: Configuration, wanted: OutputFormat) -> bool:
    """Print the projects that the credentials can read; return whether all were listed."""
    report = asyncio.run(list_projects(configuration, time.time))
    is_table = wanted is OutputFormat.TABLE
    print(report.table() if is_table else report.as_configuration(), end="")
    return not report.failures


def _find_projects(
    configuration: Configuration, wanted: OutputFormat
) -> tuple[Configuration, bool]:
    """
    Find the projects of which only the cloud knows, and print what becomes of each.

    Return the configuration with them, and whether that is all of them.
    """
    report = asyncio.run(find_projects(configuration, time.time))
    if not report.is_empty:
        # The standard output has nothing but JSON, if that is wanted.
        is_table = wanted is OutputFormat.TABLE
        file = sys.stdout if is_table else sys.stderr
        print(report.table(), file=file, flush=True)
    return report.collected(), report.is_complete
