"""Answers as real clouds send them: numbers as strings, nulls, unknown fields."""

import json

import msgspec
import pytest

from hypothesis import given
from hypothesis import strategies as st

from exporter.cloud.decoding import JsonError
from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.job import normalize_ids
from exporter.collectors.jobs.pages import Page
from exporter.collectors.jobs.snapshot import Snapshot
from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.collectors.jobs.v1_schema import v1_listing, v1_status
from exporter.collectors.numbers import to_limit, to_millis_list
from exporter.collectors.phases import Phase
from exporter.collectors.statuses import UNRECOGNIZED


BOUNDS = (60_000, 3_600_000)


def decoded(**fields):
    """Decode an answer with these fields."""
    return v1_listing.decode(json.dumps(fields).encode())


def jobs_of(listing):
    """Return the jobs of a listing."""
    return listing.rows.rows() if listing.rows else []


def fold(rows, counts):
    """Count rows."""
    Snapshot(counts, v1_status).add(Page(rows, None, 0.0), rows)


def counted(*jobs):
    """Return the counts of these rows."""
    counts = empty_counts(BOUNDS, V1_STATUSES.values())
    fold(jobs_of(decoded(is_success=True, jobs=list(jobs))), counts)
    return counts


def test_the_documented_answer():
    """The API reference's sample is read as its Chinese original describes it."""
    page = decoded(
        is_success=True,
        quotas=5,
        job_total_count=1,
        job_count_limit=3,
        jobs=[
            {
                "job_id": 10,
                "job_name": "testModelArtsJob",
                "version_id": 10,
                "status": 10,
                "create_time": 1524189990635,
                "duration": 532003,
                "job_desc": "",
                "version_count": 5,
            }
        ],
    )
    counts = empty_counts(BOUNDS, V1_STATUSES.values())
    fold(jobs_of(page), counts)

    assert (5, 1, 3) == (page.quota.running, page.quota.created, page.quota.remaining)
    assert counts.number == 1
    assert counts.statuses[V1_STATUSES[10]] == 1
    succeeded = counts.durations[Phase.SUCCEEDED]
    assert ([0, 1], 1, 532003) == (
        succeeded.counts,
        succeeded.number,
        succeeded.sum_milliseconds,
    )


def test_numbers_as_strings():
    """Numbers that come as strings are read as numbers."""
    page = decoded(
        is_success="true",
        quotas="5",
        job_total_count="1",
        job_count_limit="3",
        jobs=[
            {
                "job_id": "10",
                "status": "8",
                "create_time": "1524189990635",
                "duration": "90000",
            }
        ],
    )
    counts = empty_counts(BOUNDS, V1_STATUSES.values())
    fold(jobs_of(page), counts)

    assert not page.failed
    assert (5, 1, 3) == (page.quota.running, page.quota.created, page.quota.remaining)
    assert counts.statuses[V1_STATUSES[8]] == 1
    assert counts.durations[Phase.RUNNING].longest_milliseconds == 90_000
    assert counts.oldest_created[Phase.RUNNING] == 1524189990635


def test_the_same_job_in_two_spellings():
    """A job's ID is the same as a number and as text."""
    page = decoded(jobs=[{"job_id": 10}, {"job_id": "10"}, {"job_id": "a-b"}])

    assert normalize_ids([job.job_id for job in jobs_of(page)]) == [10, 10, "a-b"]


@pytest.mark.parametrize("duration", [None, -1, "", "soon"])
def test_no_duration(duration):
    """A job that has not started has no duration, rather than one of zero."""
    counts = counted({"job_id": 1, "status": 8, "duration": duration})

    assert counts.number == 1
    assert counts.durations[Phase.RUNNING].number == 0


@pytest.mark.parametrize("time", [15099239923, 0, -1, None, "", 10**15, 1524189990])
def test_an_implausible_creation_time(time):
    """A time that cannot be in milliseconds is unknown."""
    page = decoded(jobs=[{"job_id": 1, "status": 7, "create_time": time}])

    assert (
        to_millis_list([job.create_time for job in jobs_of(page)], "create_time") == []
    )
    assert counted({"job_id": 1, "status": 7, "create_time": time}).oldest_created == {}


@pytest.mark.parametrize("number", [23, 99, -1, None, "new", 8.5])
def test_an_unknown_status(number):
    """A status that the reference does not list is `unrecognized`, not an error."""
    if number == 8.5:
        assert v1_status(number).name == "running"
        return
    assert v1_status(number) is UNRECOGNIZED
    assert counted({"job_id": 1, "status": number}).statuses[UNRECOGNIZED] == 1


@pytest.mark.parametrize("number", sorted(V1_STATUSES))
def test_every_known_status(number):
    """Each documented status is counted under its own name."""
    assert counted({"job_id": 1, "status": number}).statuses[V1_STATUSES[number]] == 1


@pytest.mark.parametrize("value", [None, -1, "-2", "", "unlimited"])
def test_unknown_and_unlimited_limits(value):
    """A limit that is missing or negative is unknown, not zero."""
    assert to_limit(value, "quotas") is None


@pytest.mark.parametrize("jobs", [None, []])
def test_no_jobs(jobs):
    """A total without a list of jobs is an empty listing."""
    page = decoded(is_success=True, job_total_count=0, jobs=jobs)

    assert not page.failed
    assert page.total == 0


@pytest.mark.parametrize(
    "answer",
    [
        {"is_success": False, "error_code": "ModelArts.0105"},
        {"is_success": "false"},
        {"error_code": "ModelArts.0104", "error_message": "no is_success"},
    ],
)
def test_failures_with_status_200(answer):
    """An answer that reports a failure is one, whatever its HTTP status."""
    assert decoded(**answer).failed


def test_unknown_fields_are_ignored():
    """Undocumented fields are ignored."""
    counts = counted(
        {
            "job_id": 1,
            "status": 8,
            "user": {"name": "someone"},
            "schedule": [{"type": "stop", "timeUnit": "HOURS", "duration": 1}],
            "remaining_duration": None,
        }
    )

    assert counts.number == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=10,
)
FIELDS = st.dictionaries(
    st.sampled_from(["job_id", "status", "create_time", "duration", "job_name"]), JSON
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "is_success": JSON,
            "job_total_count": JSON,
            "job_count_limit": JSON,
            "quotas": JSON,
            "error_code": JSON,
            "jobs": JSON | st.lists(FIELDS, max_size=4),
        },
    )
)
@pytest.mark.slow
def test_any_answer_is_counted_or_rejected(answer):
    """Any answer is a page that adds up, or a decoding error."""
    try:
        page = v1_listing.decode(json.dumps(answer).encode())
        jobs = jobs_of(page)
    except (msgspec.DecodeError, JsonError):
        return
    counts = empty_counts(BOUNDS, V1_STATUSES.values())
    fold(jobs, counts)

    assert counts.number == len(jobs)
    assert page.failed in {True, False}
    assert page.total is None or page.total >= 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from([8, 9, 10, 11, 12, "8"]),
            st.none() | st.integers(0, 10**9) | st.integers(0, 10**6).map(str),
        )
    ),
    st.integers(1, 5),
)
def test_counting_by_page_is_counting_at_once(rows, size):
    """The pages that jobs arrive in do not change their counts."""
    jobs = [
        {"job_id": index, "status": status, "duration": duration}
        for index, (status, duration) in enumerate(rows)
    ]
    paged = empty_counts(BOUNDS, V1_STATUSES.values())
    for start in range(0, len(jobs), size):
        fold(jobs_of(decoded(jobs=jobs[start : start + size])), paged)

    assert counted(*jobs) == paged
    for phase, durations in paged.durations.items():
        known = [
            int(duration)
            for status, duration in rows
            if duration is not None and v1_status(status).phase is phase
        ]
        assert [sum(d <= bound for d in known) for bound in BOUNDS] == durations.counts
        assert sum(known) == durations.sum_milliseconds
        assert max(known, default=0) == durations.longest_milliseconds
