"""What the client assumes of every answer, and project discovery of IAM's lists."""

from __future__ import annotations

from typing import Final

import httpx
import msgspec

from ..errors import CollectionError
from .assumption import Assumption, Verdict, outcome, undecided, verdict
from .call import Call
from .session import Session


class _Project(msgspec.Struct):
    id: str
    name: str


class _Projects(msgspec.Struct):
    projects: list[_Project]


_projects: Final = msgspec.json.Decoder(_Projects)


async def _has_dates(session: Session) -> Verdict:
    # Those of the tests before this one.
    answered = [each for each in session.record.exchanges if each.status is not None]
    if not answered:
        return undecided("no answer")
    dated = sum(each.clock_skew is not None for each in answered)
    return verdict(dated == len(answered), f"{dated} of {len(answered)} answers")


async def _has_request_ids(session: Session) -> Verdict:
    answered = [each for each in session.record.exchanges if each.status is not None]
    if not answered:
        return undecided("no answer")
    identified = sum(each.request_id is not None for each in answered)
    seen = f"{identified} of {len(answered)} answers"
    return verdict(identified == len(answered), seen)


async def _lists_own_projects(session: Session) -> Verdict:
    return await _lists_projects(session, "auth_projects", "/v3/auth/projects")


async def _lists_account(session: Session) -> Verdict:
    return await _lists_projects(session, "projects", "/v3/projects")


async def _lists_projects(session: Session, operation: str, path: str) -> Verdict:
    call = Call(
        api=operation,
        url=httpx.URL(f"{session.project.cloud.iam_url}{path}"),
        expected="a list of projects",
        action="iam:projects:listProjects",
    )
    try:
        answer = await session.fetch(call, _projects)
    except CollectionError as error:
        failure = error.failure
        if failure.status is None:
            return undecided(outcome(failure))
        return verdict(False, outcome(failure))
    listed = answer.content.projects
    own = session.project.project_id
    has_own = any(project.id == own for project in listed)
    seen = f"{len(listed)} projects, {'' if has_own else 'not '}with the one that asked"
    return verdict(has_own, seen)


GATEWAY_ASSUMPTIONS: Final = (
    Assumption(
        name="date_header",
        text="every answer has a Date header",
        why="the machine's clock is compared with it, and new jobs are distinguished from old ones",
        otherwise="takes the machine's own time, and has no clock skew metric",
        test=_has_dates,
    ),
    Assumption(
        name="request_id_header",
        text="every answer has a request ID",
        why="the cloud's support finds a request by it",
        otherwise="leaves it out of messages",
        test=_has_request_ids,
    ),
    Assumption(
        name="own_projects_list",
        text="/v3/auth/projects lists the projects that this credential can read",
        why="discovery asks it first",
        otherwise="asks /v3/projects; without either, projects have to be configured",
        test=_lists_own_projects,
    ),
    Assumption(
        name="account_projects_list",
        text="/v3/projects lists the account's projects to this credential",
        why="discovery falls back to it",
        otherwise="needs /v3/auth/projects, or projects that are configured",
        test=_lists_account,
    ),
)
"""They are tested after those of the products, and look at their answers, too."""
