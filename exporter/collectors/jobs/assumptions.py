"""What is assumed of the APIs that list jobs: one entry for each in a table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Final

from ...cloud.assumption import (
    Assumption,
    Verdict,
    outcome,
    published,
    undecided,
    verdict,
)
from ...cloud.error_codes import rejects_parameter
from ...cloud.session import Session
from ...errors import CollectionError
from ..contradictions import contradiction_of
from ..numbers import to_millis
from ..statuses import UNRECOGNIZED
from .api import ALL_JOBS, NEWEST_JOBS, JobsApi, Query
from .kinds import Kind
from .known_fields import v1_fields_are_known, v2_fields_are_known
from .pages import Page
from .v1_requests import V1Jobs
from .v2_requests import V2TrainingJobs


_SAMPLE: Final = 50
_OVERLAP: Final = 3
_MIN_NAME: Final = 4


async def _is_sorted(api: JobsApi, session: Session) -> Verdict:
    oldest = _creation_times(await api.page(session, ALL_JOBS, 1, _SAMPLE))
    newest = _creation_times(await api.page(session, NEWEST_JOBS, 1, _SAMPLE))
    if len(set(oldest)) < 2:  # noqa: PLR2004
        return undecided("too few jobs")
    if oldest != sorted(oldest):
        return verdict(False, "oldest first is not in order")
    if newest != sorted(newest, reverse=True):
        return verdict(False, "newest first is not in order")
    is_newer = newest[0] >= oldest[-1]
    return verdict(is_newer, f"{len(oldest) + len(newest)} jobs in order")


async def _filters_by_status(api: JobsApi, session: Session) -> Verdict:
    first = await api.page(session, ALL_JOBS, 1, _SAMPLE)
    statuses = [api.status_of(row.status) for row in first.rows]
    known = [status for status in dict.fromkeys(statuses) if status in api.statuses]
    if len(set(statuses)) < 2 or not known:  # noqa: PLR2004
        return undecided("too few jobs of different statuses")
    wanted = known[0]
    try:
        found = await api.page(session, Query((wanted,)), 1, _SAMPLE)
    except CollectionError as error:
        if not rejects_parameter(error.failure):
            raise
        return verdict(False, f"the filter is refused: {outcome(error.failure)}")
    if any(api.status_of(row.status) != wanted for row in found.rows):
        return verdict(False, "jobs of other statuses are listed")
    if found.total is None:
        return verdict(False, "there is no total")
    if first.total is not None and found.total >= first.total:
        return verdict(False, "the total is that of all jobs")
    return verdict(True, f"{found.total} of {first.total} jobs")


async def _totals_are_right(api: JobsApi, session: Session) -> Verdict:
    first = await api.page(session, ALL_JOBS, 1, _SAMPLE)
    if first.total is None:
        return verdict(False, "there is no total")
    last_number = max(1, -(-first.total // _SAMPLE))
    last = await api.page(session, ALL_JOBS, last_number, _SAMPLE)
    why = contradiction_of(last, last_number, _SAMPLE)
    if why is not None:
        return verdict(False, f"the last page contradicts it: {why}")
    behind = await api.page(session, ALL_JOBS, last_number + 1, _SAMPLE)
    why = contradiction_of(behind, last_number + 1, _SAMPLE)
    if why is not None:
        return verdict(False, f"there are jobs behind the last page: {why}")
    return verdict(True, f"{first.total} jobs")


async def _accepts_large_pages(api: JobsApi, session: Session) -> Verdict:
    size = api.largest_page
    try:
        page = await api.page(session, ALL_JOBS, 1, size)
    except CollectionError as error:
        if not rejects_parameter(error.failure):
            raise
        return verdict(False, f"{size} refused: {outcome(error.failure)}")
    if page.total is None or page.total <= _SAMPLE:
        return verdict(True, f"{size} accepted, with too few jobs to fill a page")
    is_full = len(page.rows) == min(size, page.total)
    return verdict(
        is_full, f"{len(page.rows)} of {page.total} jobs on a page of {size}"
    )


async def _finds_parts_of_names(api: JobsApi, session: Session) -> Verdict:
    page = await api.page(session, NEWEST_JOBS, 1, _SAMPLE)
    for row, job_id in zip(page.rows, page.ids, strict=True):
        name = "" if row.job_name is None else str(row.job_name)
        if len(name) < _MIN_NAME or not name.isascii():
            continue
        # Neither its beginning nor its end.
        found = await api.page(session, Query(name=name[1:-1]), 1, _SAMPLE)
        if job_id in found.ids:
            return verdict(True, "the job is found")
        if len(found.rows) == _SAMPLE:
            return undecided("too many jobs have such a name")
        return verdict(False, f"{len(found.rows)} jobs, and not the one of that name")
    return undecided("no job with a name to look for")


async def _statuses_are_known(api: JobsApi, session: Session) -> Verdict:
    rows = [
        *(await api.page(session, ALL_JOBS, 1, _SAMPLE)).rows,
        *(await api.page(session, NEWEST_JOBS, 1, _SAMPLE)).rows,
    ]
    if not rows:
        return undecided("no jobs")
    unknown = {
        str(row.status) for row in rows if api.status_of(row.status) is UNRECOGNIZED
    }
    if unknown:
        return verdict(False, f"never seen before: {published(unknown)}")
    return verdict(
        True, f"{len({str(row.status) for row in rows})} statuses, all known"
    )


async def _offset_counts_pages(api: JobsApi, session: Session) -> Verdict:
    # Newest first: the listing of all jobs adapts itself.
    first = await api.page(session, NEWEST_JOBS, 1, _OVERLAP)
    second = await api.page(session, NEWEST_JOBS, 2, _OVERLAP)
    if len(first.ids) < _OVERLAP or not second.ids:
        return undecided("too few jobs")
    if second.ids[0] == first.ids[1]:
        return verdict(False, "page 2 begins with page 1's second job: it counts jobs")
    if second.ids[0] in first.ids:
        return undecided("jobs changed meanwhile")
    return verdict(True, "page 2 begins behind page 1")


async def _versions_are_disjoint(session: Session) -> Verdict:
    versions: list[set[tuple[str, int | None]]] = []
    for api in (V1Jobs(Kind.TRAINING), V2TrainingJobs()):
        pages = [
            await api.page(session, query, 1, _SAMPLE)
            for query in (ALL_JOBS, NEWEST_JOBS)
        ]
        # Their IDs differ in form, so that the same job could have two.
        versions.append({job for page in pages for job in _names_and_times(page)})
    if not all(versions):
        return undecided("not both versions have jobs")
    common = len(versions[0] & versions[1])
    return verdict(not common, f"{common} jobs in both")


async def _quota_of_jobs(session: Session) -> Verdict:
    quota = await V2TrainingJobs().quota(session)
    if quota is None:
        return verdict(False, "there is no such API, or no such quota")
    return verdict(True, "it is there")


def _creation_times(page: Page) -> list[int]:
    created = (to_millis(row.create_time, "create_time") for row in page.rows)
    return [time for time in created if time is not None]


def _names_and_times(page: Page) -> Iterator[tuple[str, int | None]]:
    for row in page.rows:
        yield str(row.job_name), to_millis(row.create_time, "create_time")


Test = Callable[[JobsApi, Session], Awaitable[Verdict]]

_OF_EVERY_API: Final[Sequence[tuple[str, str, str, str, Test]]] = (
    (
        "sorting",
        "lists jobs by creation time, in the order that is asked for",
        "pages are read together, and new jobs are looked for at the end",
        "may read a listing up to three times, and may miss finished jobs",
        _is_sorted,
    ),
    (
        "status_filter",
        "filters by status, and reports the total of those",
        "above listing_limit, finished jobs are only counted",
        "lists all jobs, which takes more requests",
        _filters_by_status,
    ),
    (
        "totals",
        "reports as many jobs as it lists",
        "a listing stands only if they agree",
        "reports a failure with reason response",
        _totals_are_right,
    ),
    (
        "page_size",
        "accepts the largest page size that is documented",
        "fewer pages are fewer requests",
        "reads pages of 100 where large ones are refused, or as long as they come",
        _accepts_large_pages,
    ),
    (
        "name_filter",
        "finds jobs by a part of their names",
        "jobs that have finished unseen are looked up by name",
        "counts such a job later, or not at all",
        _finds_parts_of_names,
    ),
    (
        "statuses",
        "has no statuses but those of the reference",
        "phases are made of them",
        "counts such jobs with status unrecognized and phase unknown",
        _statuses_are_known,
    ),
)


def _of(
    api: str,
    title: str,
    open_api: Callable[[], JobsApi],
    fields_are_known: Callable[[Session], Awaitable[Verdict]],
) -> list[Assumption]:
    def test_of(test: Test) -> Callable[[Session], Awaitable[Verdict]]:
        return lambda session: test(open_api(), session)

    fields = Assumption(
        name=f"{api}_fields",
        text=f"{title} has no fields but those of the references",
        why="a new field may hold what the exporter does not collect yet",
        otherwise="ignores them",
        test=fields_are_known,
    )
    return [
        Assumption(
            name=f"{api}_{name}",
            text=f"{title} {text}",
            why=why,
            otherwise=otherwise,
            test=test_of(test),
        )
        for name, text, why, otherwise, test in _OF_EVERY_API
    ] + [fields]


TRAINING_ASSUMPTIONS: Final = (
    *_of(
        "training_v1",
        "v1 of training jobs",
        partial(V1Jobs, Kind.TRAINING),
        partial(v1_fields_are_known, "training-jobs"),
    ),
    *_of("training_v2", "v2 of training jobs", V2TrainingJobs, v2_fields_are_known),
    Assumption(
        name="training_v2_offset",
        text="v2's offset counts pages, not jobs",
        why="every page after the first depends on it",
        otherwise="notices that the pages overlap, counts jobs from then on, and reads the "
        "list again",
        test=lambda session: _offset_counts_pages(V2TrainingJobs(), session),
    ),
    Assumption(
        name="training_v2_quota",
        text="v2 has a quota of jobs",
        why="modelarts_job_count_limit_remaining is made of it",
        otherwise="takes the number of jobs from the listing, and has no limit",
        test=_quota_of_jobs,
    ),
    Assumption(
        name="training_versions",
        text="v1 and v2 list different training jobs",
        why="a sum over both versions is taken for the whole",
        otherwise="counts such jobs twice: collect one version only",
        test=_versions_are_disjoint,
    ),
)

VISUALIZATION_ASSUMPTIONS: Final = tuple(
    _of(
        "visualization",
        "v1 of visualization jobs",
        partial(V1Jobs, Kind.VISUALIZATION),
        partial(v1_fields_are_known, "visualization-jobs"),
    )
)
