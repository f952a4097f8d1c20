"""Writes the verdicts on assumptions, so that they can be attached to an issue."""

from __future__ import annotations

import platform

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from .. import __version__
from ..cloud.assumption import Answer
from ..config import AccessKeyAuth, Cloud, EcsAgencyAuth, PasswordAuth
from ..terminal import Paint, plain
from .assumptions import AssumptionResult, CloudVerdict


_COLUMNS: Final = ("assumption", "verdict", "seen")
_IS_GOOD: Final[Mapping[str, bool]] = {Answer.HELD: True, Answer.DID_NOT_HOLD: False}


class _Result(msgspec.Struct):
    name: str
    assumption: str
    verdict: Answer
    seen: str
    why_it_matters: str
    the_exporter: str


class _Cloud(msgspec.Struct):
    provider: str | None
    credential: str
    projects_asked: int
    assumptions: list[_Result]


class _Report(msgspec.Struct):
    exporter_version: str
    python_version: str
    clouds: list[_Cloud]


def assumptions_as_json(verdicts: Sequence[CloudVerdict]) -> str:
    """Return the verdicts as a JSON object, without what identifies a cloud or project."""
    report = _Report(
        __version__,
        platform.python_version(),
        [
            _Cloud(
                each.cloud.provider,
                _credential(each.cloud),
                each.projects,
                [_result(tested) for tested in each.results],
            )
            for each in verdicts
        ],
    )
    return msgspec.json.format(msgspec.json.encode(report)).decode() + "\n"


def assumptions_table(verdicts: Sequence[CloudVerdict], paint: Paint = plain) -> str:
    """Return a table for each cloud, and what is done about what does not hold."""
    return "\n".join([*(line for each in verdicts for line in _table(each, paint)), ""])


def _table(verdict: CloudVerdict, paint: Paint) -> Iterator[str]:
    cloud, number = verdict.cloud, verdict.projects
    provider = cloud.provider or "another provider"
    yield (
        f"A cloud of {provider}, asked with {_credential(cloud)} in {number} "
        f"project{'s' * (number != 1)}:"
    )
    yield ""
    rows = [
        _COLUMNS,
        *(
            (each.assumption.text, each.verdict.answer, each.verdict.seen)
            for each in verdict.results
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        name, answer, seen = row
        space = " " * (widths[1] - len(answer))
        painted = paint(answer, _IS_GOOD.get(answer)) + space
        yield f"{name.ljust(widths[0])}  {painted}  {seen}".rstrip()
    for each in verdict.results:
        if each.verdict.answer is Answer.DID_NOT_HOLD:
            yield ""
            yield f"It does not hold that {each.assumption.text}: {each.verdict.seen}"
            yield f"  why it matters: {each.assumption.why}"
            yield f"  the exporter:   {each.assumption.otherwise}"
    yield ""


def _credential(cloud: Cloud) -> str:
    match cloud.auth:
        case PasswordAuth():
            return "a password"
        case AccessKeyAuth():
            return "an access key"
        case EcsAgencyAuth():
            return "an agency"


def _result(tested: AssumptionResult) -> _Result:
    assumption = tested.assumption
    return _Result(
        assumption.name,
        assumption.text,
        tested.verdict.answer,
        tested.verdict.seen,
        assumption.why,
        assumption.otherwise,
    )
