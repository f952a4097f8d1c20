"""
The simulated ModelArts v1: listings of jobs, and a visualization job's details.

Source: ModelArts API reference, `modelarts_03_0046`, `modelarts_03_0065` and
`modelarts_03_0066`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from ..collectors.jobs.kinds import Kind
from .dialect import Dialect
from .endpoints import Call, Endpoint
from .job_items import phase_of
from .project import SimulatedProject
from .replies import Json, Reply, json_reply, modelarts_error
from .searches import page_of
from .state import Jobs, SimulatedJob


_MAX_PAGE_NUMBER: Final = 65_535
_MAX_SEARCH_LENGTH: Final = 64
_DEFAULT_SORT: Final = {Kind.TRAINING: "job_name", Kind.VISUALIZATION: "job_id"}
_SORTS: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.TRAINING: frozenset(
        ("job_name", "job_desc", "status", "duration", "version_count", "create_time")
    ),
    Kind.VISUALIZATION: frozenset(
        ("job_id", "job_name", "job_desc", "create_time", "status")
    ),
}


def list_jobs(
    jobs: Jobs, query: Mapping[str, str], now: float, dialect: Dialect
) -> Reply:
    """Answer `GET /v1/{project_id}/training-jobs` or `/visualization-jobs`."""
    try:
        wanted = _Query.read(jobs.kind, query, dialect)
    except ValueError:
        reply = modelarts_error(400, "ModelArts.0104", "Parameter error.")
        return (
            Reply(200, reply.body, reply.headers) if dialect.refuses_with_200 else reply
        )
    found = wanted.select(jobs, now)
    total = len(jobs.jobs) if dialect.total_ignores_filters else len(found)
    rows = page_of(found, wanted.page - 1, wanted.per_page, wanted.descending)
    return _listing(jobs, total, rows, now, dialect)


def show_job(jobs: Jobs, job_id: str, now: float) -> Reply:
    """Answer `GET /v1/{project_id}/visualization-jobs/{job_id}`."""
    job = next((job for job in jobs.jobs if str(job.job_id) == job_id), None)
    if job is None:
        return modelarts_error(400, "ModelArts.0102", "The job does not exist.")
    running = job.started is not None and job.ended is None
    left = max(0.0, 8 * 3600.0 - (job.duration(now) or 0.0))
    content = _fields(jobs.kind, job, now)
    content["is_success"] = True
    content["remaining_duration"] = round(left * 1000) if running else None
    return json_reply(200, content)


@dataclass(frozen=True, slots=True)
class _Query:
    status: int | None
    page: int
    per_page: int
    sort: str
    descending: bool
    search: str
    matches_whole_names: bool
    workspace_id: str

    @classmethod
    def read(cls, kind: Kind, query: Mapping[str, str], dialect: Dialect) -> _Query:
        """Parse a query. Raises `ValueError`."""
        largest = 10_000 if dialect.clamps_pages else dialect.largest_page
        status = query.get("status")
        if status is not None and dialect.refuses_filters:
            raise ValueError(status)
        sort = query.get("sortBy", _DEFAULT_SORT[kind])
        order = query.get("order", "asc")
        search = query.get("search_content", "")
        if sort not in _SORTS[kind] or order not in {"asc", "desc"}:
            raise ValueError(sort)
        if len(search) > _MAX_SEARCH_LENGTH:
            raise ValueError(search)
        per_page = _whole(query.get("per_page", "10"), largest)
        return cls(
            status=None if status is None or dialect.ignores_filters else int(status),
            page=_whole(query.get("page", "1"), _MAX_PAGE_NUMBER),
            per_page=min(per_page, dialect.largest_page),
            sort=sort,
            descending=order == "desc" or dialect.ignores_order,
            search=search,
            matches_whole_names=dialect.matches_whole_names,
            workspace_id=query.get("workspace_id", "0"),
        )

    def _finds(self, name: str) -> bool:
        if self.search and self.matches_whole_names:
            return self.search == name
        return self.search in name

    def select(self, jobs: Jobs, now: float) -> list[SimulatedJob]:
        """Return the jobs that match the query, on all pages."""
        found = jobs.select(
            (self.workspace_id, self.status, self.search, self.matches_whole_names),
            lambda job: (
                job.workspace_id == self.workspace_id
                and (self.status is None or job.status == self.status)
                and self._finds(job.name)
            ),
        )
        if self.sort != "create_time":
            return sorted(found, key=_sort_key(self.sort, now))
        return found


def _whole(text: str, maximum: int) -> int:
    number = int(text)
    if not 1 <= number <= maximum:
        raise ValueError(text)
    return number


def _sort_key(sort: str, now: float) -> Callable[[SimulatedJob], tuple[str, float]]:
    if sort == "status":
        return lambda job: ("", job.status)
    if sort == "duration":
        return lambda job: ("", job.duration(now) or 0.0)
    if sort == "job_name":
        return lambda job: (job.name, 0.0)
    return lambda job: ("", job.job_id)


def _listing(
    jobs: Jobs, total: int, found: list[SimulatedJob], now: float, dialect: Dialect
) -> Reply:
    envelope: Json = {
        "is_success": True,
        "job_total_count": total,
        "quotas": -1 if jobs.quota is None else jobs.quota,
        "job_count_limit": -1 if jobs.remaining is None else jobs.remaining,
    }
    if dialect.without_success:
        del envelope["is_success"]
    if dialect.without_limits:
        del envelope["quotas"], envelope["job_count_limit"]
    rows = b",".join(_row(jobs.kind, job, now, dialect) for job in found)
    listed = b"null" if dialect.null_when_empty and not rows else b"[" + rows + b"]"
    body = msgspec.json.encode(_in_dialect(envelope, dialect))[:-1]
    return Reply(
        200,
        body + b',"jobs":' + listed + b"}",
        {"content-type": "application/json"},
    )


def _row(kind: Kind, job: SimulatedJob, now: float, dialect: Dialect) -> bytes:
    if job.row is not None:
        return job.row
    fields = _fields(kind, job, now)
    if dialect.extra_fields:
        fields |= {"user": {"name": "userAbc"}, "schedule": [{"timeUnit": "HOURS"}]}
    row = msgspec.json.encode(_in_dialect(fields, dialect))
    # A finished job no longer changes, so its encoded row is cached.
    if job.ended is not None:
        job.row = row
    return row


def _fields(kind: Kind, job: SimulatedJob, now: float) -> Json:
    duration = job.duration(now)
    fields: Json = {
        "job_id": job.job_id,
        "job_name": job.name,
        "status": job.status,
        "create_time": round(job.created * 1000),
        "duration": None if duration is None else round(duration * 1000),
        "job_desc": "",
    }
    if kind is Kind.TRAINING:
        return fields | {"version_id": job.job_id, "version_count": 1}
    return fields | {
        "service_url": f"https://example.com/modelarts/tensorboard/{job.job_id}",
        "train_url": "/bucket/logs/",
        "resource_id": "4787c885-e18d-4ef1-aa12-c4ed0c364b27",
    }


def _in_dialect(fields: Json, dialect: Dialect) -> Json:
    if not dialect.numbers_as_strings:
        return fields
    return {
        name: str(value) if type(value) is int else value
        for name, value in fields.items()
    }


def truth(project: SimulatedProject, now: float) -> Json:
    """Return what is so: by kind, jobs by the API's status, quota and remaining."""
    kinds: Json = {}
    for kind in Kind:
        jobs = project.jobs(kind)
        jobs.advance(now)
        is_v2 = kind is Kind.TRAINING and project.training_api == "v2"
        counts = Counter(map(phase_of, jobs.jobs)) if is_v2 else jobs.counts()
        kinds[kind] = {
            "api": "v2" if is_v2 else "v1",
            "jobs": {str(status): n for status, n in sorted(counts.items())},
            # v2 does not report the limit of running jobs.
            "quota": None if is_v2 else jobs.quota,
            "created": len(jobs.jobs),
            "remaining": jobs.remaining,
        }
    return kinds


def _list_of(jobs: Jobs, call: Call) -> Reply:
    jobs.advance(call.now)
    return list_jobs(jobs, call.query, call.now, call.dialect)


def _training(project: SimulatedProject, call: Call) -> Reply:
    return _list_of(project.training_of("v1"), call)


def _visualization(project: SimulatedProject, call: Call) -> Reply:
    return _list_of(project.visualization, call)


def _visualization_job(project: SimulatedProject, call: Call) -> Reply:
    project.visualization.advance(call.now)
    return show_job(project.visualization, call.path["job_id"], call.now)


_VISUALIZATION_JOBS: Final = "/v1/{project_id}/visualization-jobs"

ENDPOINTS: Final = (
    Endpoint("training_jobs", "/v1/{project_id}/training-jobs", _training),
    Endpoint("visualization_jobs", _VISUALIZATION_JOBS, _visualization),
    Endpoint(
        "visualization_job", _VISUALIZATION_JOBS + "/{job_id}", _visualization_job
    ),
)
