"""A list that is read from its last page to the first, while it changes or is wrong."""

import asyncio

import pytest

from moving import DESCRIBED, paging

from exporter.collectors.contradictions import ContradictionError
from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.api import ALL_JOBS
from exporter.collectors.jobs.pages import Page
from exporter.collectors.jobs.paginator import PagingHints
from exporter.collectors.jobs.snapshot import Snapshot
from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.collectors.jobs.v1_schema import V1Job, v1_status
from exporter.collectors.pages import record_of
from exporter.collectors.reverse_scan import read_in_reverse


SIZE = 3
SEVEN = [1, 2, 3, 4, 5, 6, 7]
TEXTS = [f"job-{number}" for number in SEVEN]


def page(ids, total):
    """Return a page of running jobs with these IDs."""
    return Page([V1Job(one, "a", 8) for one in ids], total, 0.0)


def pages_of(jobs, total="true"):
    """Return the pages of a list, by number; by default with the true total."""
    problem_found = len(jobs) if total == "true" else total
    return lambda number: page(jobs[(number - 1) * SIZE : number * SIZE], problem_found)


class ScriptedApi:
    """An API that answers each request from the next of several lists."""

    def __init__(self, *lists):
        self.lists = lists
        self.asked = []

    async def fetch(self, query, number, size):
        """Answer a page; the last list stays."""
        assert (query, size) == (ALL_JOBS, SIZE)
        self.asked.append(number)
        return self.lists[min(len(self.asked), len(self.lists)) - 1](number)


def scan(api, *earlier):
    """Read the list again after its pages `earlier` were read; return the scan."""
    described, _ = DESCRIBED["v1"]
    paginator = paging(
        described,
        api.fetch,
        PagingHints(SIZE),
        lambda: Snapshot(empty_counts((), V1_STATUSES.values()), v1_status),
    )
    records = [record_of(one) for one in earlier]
    return asyncio.run(read_in_reverse(paginator.pages(ALL_JOBS), records))


def contradiction(api, *earlier):
    """Return what is wrong with the list."""
    with pytest.raises(ContradictionError) as raised:
        scan(api, *earlier)
    return raised.value.failure.problem.removeprefix("the list contradicts itself: ")


def seen(found):
    """Return the number of jobs found, which is also the number counted."""
    assert found.content.counts.number == found.number
    return found.number


@pytest.mark.parametrize(
    ("jobs", "total", "known", "asked"),
    [
        (SEVEN, 7, 3, [1, 3, 2, 1]),
        (TEXTS, 7, 3, [1, 3, 2, 1]),
        # The list has grown.
        (SEVEN, 7, 1, [1, 3, 2, 1]),
        # The list has shrunk: jobs may be where it ended.
        (SEVEN, 7, 4, [1, 4, 3, 2, 1]),
        ([1, 2, 3], 3, 1, [1]),
        ([1, 2, 3], 3, 2, [1, 2, 1]),
        ([], 0, 1, [1]),
        (SEVEN, None, 3, [1, 3, 4, 3, 2, 1]),
        (SEVEN, None, 1, [1, 1, 2, 3, 4, 3, 2, 1]),
        ([1, 2, 3], None, 1, [1, 1, 2]),
        ([], None, 1, [1, 1]),
        (SEVEN, None, 6, [1, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_a_list_that_does_not_change(jobs, total, known, asked):
    """The total says where it ends, or without a total the first empty page."""
    api = ScriptedApi(pages_of(jobs, total))
    earlier = [page([n], n) for n in range(known)]

    assert seen(scan(api, *earlier)) == len(jobs)
    assert api.asked == asked


def test_a_job_that_is_deleted_during_the_scan():
    """The job that moves to the next page is counted once."""
    whole, rest = pages_of(SEVEN), pages_of(SEVEN[1:])
    api = ScriptedApi(whole, whole, whole, rest)

    assert seen(scan(api, *map(whole, (1, 2, 3)))) == 6
    assert api.asked == [1, 3, 2, 1]


def test_pages_that_are_shorter_than_asked_for():
    """The first page shows how long they are."""
    api = ScriptedApi(lambda number: page(SEVEN[(number - 1) * 2 : number * 2], 7))

    assert seen(scan(api, page([1, 2], 7))) == 7
    assert api.asked == [1, 4, 3, 2, 1]


def test_a_list_without_an_end():
    """Without a total, a page that is repeated ends the list."""
    api = ScriptedApi(lambda number: page(SEVEN[3 * min(number - 1, 1) :][:3], None))

    assert contradiction(api, page(SEVEN[:3], None)) == "pages 2 and 3 are the same"
    assert api.asked == [1, 1, 2, 3]


TWICE = [[1, 2, 3], [3, 4, 5], [6]]
"""A job is on two pages."""


def fixed_pages(pages, *totals):
    """Return pages that are always the same."""
    return lambda number: page(pages[number - 1], totals[number - 1])


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        (
            fixed_pages(TWICE, 7, 7, 7),
            "1 objects are on two pages, though the total decreased by 0",
        ),
        (
            fixed_pages([[1, 2, 3], [2, 3, 4], [5]], 6, 6, 7),
            "2 objects are on two pages, though the total decreased by 1",
        ),
        (
            fixed_pages([[1, 2, 3], [4, 5, 6], [7]], 7, None, 7),
            "some pages report a total, and some do not",
        ),
        (
            fixed_pages([[1, 2, 3], [4, 5, 6], [7]], 6, 7, 7),
            "there are 7 objects, but the total is 6 and 7",
        ),
        (
            fixed_pages([[1, 2, 3], [4, 5, 6], [7, 8]], 7, 7, 7),
            "page 3 has 2 objects, and 1 by its own total of 7",
        ),
    ],
    ids=["twice", "twice, total decreased", "mixed", "total", "page"],
)
def test_a_list_that_is_wrong(answers, problem):
    """The same contradiction twice is an error, without a third attempt."""
    api = ScriptedApi(answers)
    problem_found = contradiction(api, *map(answers, (1, 2, 3)))

    assert problem_found == f"{problem}, also when asked again"
    assert len(api.asked) <= 4


def test_a_contradiction_that_disappears():
    """The list is read again, and accepted if it is then right."""
    wrong, right = fixed_pages(TWICE, 7, 7, 7), pages_of(SEVEN)
    api = ScriptedApi(*[wrong] * 4, right)

    assert seen(scan(api, *map(right, (1, 2, 3)))) == 7
    assert api.asked == [1, 3, 2, 1] * 2


def test_changing_contradictions():
    """A list with another contradiction each time is read three times."""
    lists = [
        fixed_pages([[n, n + 1, n + 2], [n + 2, n + 3, n + 4], [n + 5]], 7, 7, 7)
        for n in (10, 20, 30, 40)
    ]
    api = ScriptedApi(*[one for one in lists for _ in range(4)])

    assert "1 objects are on two pages" in contradiction(api, *map(lists[3], (1, 2, 3)))
    assert api.asked == [1, 3, 2, 1] * 3


def test_a_changed_total_is_no_contradiction():
    """While the list changes, totals may differ from the number of jobs."""
    grown = fixed_pages([[1, 2, 3], [4, 5, 6], [7]], 6, 7, 7)

    before = fixed_pages([[1, 2, 3], [4, 5, 6], [8]], 7, 7, 7)

    assert seen(scan(ScriptedApi(grown), *map(before, (1, 2, 3)))) == 7


def test_ids_take_little_memory():
    """Numbers take 8 bytes each; other IDs, and larger numbers, are kept as they are."""
    ids = {
        "numbers": SEVEN,
        "texts": TEXTS,
        "both": [1, "a"],
        "large": [2**64],
    }
    records = {name: record_of(page(found, 7)) for name, found in ids.items()}

    for name, found in ids.items():
        assert records[name].total == 7
        assert list(records[name].ids) == found
    assert records["numbers"].ids.itemsize == 8
    assert {type(records[name].ids) for name in ("texts", "both", "large")} == {list}
