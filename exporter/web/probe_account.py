"""The readable account of a probe: every request of its collections, and their results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..collection.offers import NotOffered, NotPermitted
from ..collection.results import Outcome, Report
from ..config import Project
from ..errors import Failure
from ..exchange import Exchange


_COLUMNS: Final = (
    "begun ms",
    "waited ms",
    "took ms",
    "try",
    "operation",
    "status",
    "error code",
    "request ID",
    "request",
)


def account(project: Project, reports: Sequence[Report]) -> str:
    """Return the account of the collections of `reports`, for the metrics to follow."""
    cloud = project.cloud
    head = (
        f"Project {project.name}, ID {project.project_id}, workspace "
        f"{project.workspace_id}, cloud {cloud.name}, region {cloud.region}"
    )
    lines = [line for report in reports for line in ("", *_collection(report))]
    return "\n".join([head, *lines, "", "The metrics:", ""])


def _collection(report: Report) -> Iterator[str]:
    outcome = report.outcome
    result = outcome.result
    exchanges, omitted = outcome.record.exchanges, outcome.record.omitted
    match result:
        case Failure():
            ended = f"failed ({result.reason})"
            failures = [("failure", result)]
        case NotOffered() | NotPermitted():
            ended = result.title
            failures = [("not a failure", result.failure)]
        case _:
            ended = f"{result.number} {report.target.product.noun}"
            failures = [("missing", partial) for partial in result.partial_failures]
    requests = len(exchanges) + omitted
    yield (
        f"{report.target.title}: {ended} after {outcome.seconds:.3f} s, "
        f"{requests} request{'s' * (requests != 1)}"
    )
    for title, failure in failures:
        yield from _failure(title, failure)
    yield from _table(outcome, exchanges)
    if omitted:
        yield f"  and {omitted} more"


def _failure(title: str, failure: Failure) -> Iterator[str]:
    yield f"  {title}: {failure.explanation}"
    yield f"  what to do: {failure.advice}"
    if failure.request:
        yield f"  the request: {failure.request}"


def _table(outcome: Outcome, exchanges: Sequence[Exchange]) -> Iterator[str]:
    if not exchanges:
        return
    rows = [_COLUMNS, *(_row(outcome, exchange) for exchange in exchanges)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        texts = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(texts)).rstrip()


def _row(outcome: Outcome, exchange: Exchange) -> tuple[str, ...]:
    request = f"{exchange.method} {exchange.path}"
    return (
        _milliseconds(exchange.queued_at - outcome.started),
        _milliseconds(exchange.waited),
        _milliseconds(exchange.seconds),
        str(exchange.attempt),
        exchange.operation,
        "-" if exchange.status is None else str(exchange.status),
        exchange.error_code or "-",
        exchange.request_id or "-",
        request + (f": {exchange.problem}" if exchange.problem else ""),
    )


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
