"""Which pages are accepted: each by itself, and all pages of a list together."""

from array import array

import pytest

from exporter.collectors.consistency import (
    PagesRead,
    confirms,
    is_consistent,
    is_exhausted,
)
from exporter.collectors.contradictions import (
    ContradictionError,
    contradiction_of,
    length_of_pages,
    raise_if_contradictory,
)
from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.api import ALL_JOBS, Query
from exporter.collectors.jobs.pages import Page
from exporter.collectors.jobs.query_scan import obeys
from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.collectors.jobs.v1_schema import V1Job
from exporter.collectors.pages import PageRecord


RUNNING, WAITING = V1_STATUSES[8], V1_STATUSES[7]


def page(ids, total):
    """Return a page of jobs with these IDs."""
    return Page([V1Job(one) for one in ids], total, 0.0)


def read(*pages, size=3, has_new_job=False, kind=list):
    """Return pages as they were read, from pairs of IDs and a total."""
    records = tuple(PageRecord(total, kind(ids)) for ids, total in pages)
    return PagesRead(size, records, has_new_job)


def numbers(ids):
    """Return IDs in the form that long lists of numbers are kept in."""
    return array("q", ids)


KINDS = pytest.mark.parametrize("kind", [list, numbers])


@pytest.mark.parametrize(
    ("listed", "total", "length"),
    [(3, 10, 3), (2, 10, 2), (2, 2, 3), (2, None, 3), (0, 10, 3), (1, 2, 1), (3, 3, 3)],
)
def test_the_length_of_pages(listed, total, length):
    """A first page that is short, but not the last, shows the page length."""
    assert length_of_pages(page(range(listed), total), 3) == length


@pytest.mark.parametrize(
    ("ids", "total", "number", "problem"),
    [
        ([1, 2, 3], 3, 1, None),
        ([1, 2, 3], 7, 1, None),
        ([1, 2, 3], 7, 2, None),
        ([1], 7, 3, None),
        ([], 7, 4, None),
        ([], 7, 5, None),
        ([], 0, 1, None),
        ([1, 2], None, 1, None),
        ([1, 1], None, 1, "page 1 has 2 objects, but only 1 IDs"),
        ([1, 1, 2], 3, 1, "page 1 has 3 objects, but only 2 IDs"),
        ([1, 2], 7, 2, "page 2 has 2 objects, and 3 by its own total of 7"),
        ([1, 2], 7, 3, "page 3 has 2 objects, and 1 by its own total of 7"),
        ([1], 7, 4, "page 4 has 1 objects, and 0 by its own total of 7"),
        ([], 1, 1, "page 1 has 0 objects, and 1 by its own total of 1"),
    ],
)
def test_contradictory_pages(ids, total, number, problem):
    """The number of rows must match the page's own total, and IDs must be unique."""
    assert contradiction_of(page(ids, total), number, 3) == problem


def test_a_contradiction_is_reported():
    """The failure names both sides of the contradiction."""
    raise_if_contradictory(page([1], 1), 1, 3)
    with pytest.raises(ContradictionError) as caught:
        raise_if_contradictory(page([1], 2), 1, 3)

    failure = caught.value.failure
    assert failure.reason == "response"
    assert (
        "contradicts itself: page 1 has 1 objects, and 2 by its own" in failure.problem
    )
    assert failure.advice


def test_numbers_of_what_was_read():
    """Totals may differ, and a job on two pages is listed twice."""
    found = read(([1, 2, 3], 4), ([3], 5), ([], None))

    assert found.number == 4
    assert found.totals == {4, 5, None}
    assert found.total == 5
    assert found.longest == 3
    assert found.identities == {1, 2, 3}
    assert (read(([], None)).total, read(([], 0)).longest) == (0, 1)


@pytest.mark.parametrize(
    ("pages", "length"),
    [
        ([([1, 2, 3], 3)], 5),
        ([([1, 2, 3], 4), ([4], 4)], 3),
        ([([1], 4), ([2, 3], 4)], 2),
        ([([], 0)], 5),
    ],
)
def test_the_length_of_a_page(pages, length):
    """Only a second page shows how long a full page is."""
    assert read(*pages, size=5).page_length == length


@pytest.mark.parametrize(
    ("pages", "is_at_its_end"),
    [
        ([([], 0)], True),
        ([([], None)], True),
        ([([1, 2], 2)], True),
        ([([1, 2], 3)], False),
        ([([1, 2], None)], False),
        ([([1, 2, 3], 3)], False),
        ([([1, 2, 3], 3), ([], 3)], True),
        ([([1, 2, 3], 4), ([4], 4)], True),
        ([([1, 2, 3], 5), ([4], 4)], False),
    ],
)
def test_the_end_of_a_list(pages, is_at_its_end):
    """A list ends with an empty page, or a short one if all totals agree."""
    assert is_exhausted(read(*pages)) is is_at_its_end


@KINDS
def test_a_list_that_has_not_moved(kind):
    """All totals are the number of jobs, each job is there once, and none is new."""
    unchanged = [([1, 2, 3], 4), ([4], 4)]

    assert is_consistent(read(*unchanged, kind=kind))
    assert not is_consistent(read(*unchanged, kind=kind, has_new_job=True))
    assert not is_consistent(read(([1, 2, 3], 4), ([4], 5), kind=kind))
    assert not is_consistent(read(([1, 2, 3], 5), ([4], 5), kind=kind))
    assert not is_consistent(read(([1, 2, 3], None), ([4], None), kind=kind))
    assert not is_consistent(read(([1, 2, 3], 4), ([3], 4), kind=kind))
    assert not is_consistent(read(([2, 1, 3], 6), ([4, 5, 2], 6), kind=kind))
    assert is_consistent(read(([], 0), kind=kind))


def test_ids_of_both_kinds():
    """Text and numeric IDs are compared with each other."""
    texts = PageRecord(3, ["a", 2])
    assert is_consistent(PagesRead(2, (texts, PageRecord(3, numbers([1]))), False))
    assert not is_consistent(PagesRead(2, (texts, PageRecord(3, numbers([2]))), False))


@KINDS
@pytest.mark.parametrize(
    ("second", "is_confirmed"),
    [
        ([([1, 2, 3], 4), ([4], 4)], True),
        # A job was deleted in between.
        ([([1, 2, 4], 3)], True),
        ([([1, 2, 3], 4), ([5], 4)], False),
        ([([1, 2, 3], 4), ([3], 4)], False),
        ([([1, 2, 3], 5), ([4], 5)], False),
        ([([1, 2, 3], 4), ([4], 5)], False),
        ([([1, 2, 3], None), ([4], None)], True),
        ([([1, 2, 3], None)], False),
    ],
)
def test_the_second_reading(kind, second, is_confirmed):
    """A second reading confirms the first if nothing is new and its total is right."""
    first = read(([1, 2, 3], 5), ([4], 4), kind=kind)

    assert confirms(read(*second, kind=kind), first) is is_confirmed


def test_whether_a_filter_is_obeyed():
    """Jobs of other statuses, or a total without jobs, show an ignored filter."""

    def counted(**numbers):
        counts = empty_counts((), V1_STATUSES.values())
        counts.add(RUNNING, numbers.get("running", 0), [], [])
        counts.add(WAITING, numbers.get("waiting", 0), [], [])
        return counts

    two = read(([1, 2], 2))
    running = Query((RUNNING,))
    assert obeys(running, two, counted(running=2))
    assert obeys(Query((RUNNING, WAITING)), two, counted(running=1, waiting=1))
    assert not obeys(running, two, counted(running=1, waiting=1))
    assert not obeys(running, read(([], 1)), counted())
    assert obeys(running, read(([], 0)), counted())
    assert obeys(running, read(([], None)), counted())
    assert obeys(ALL_JOBS, two, counted(running=1, waiting=1))
    assert obeys(ALL_JOBS, read(([], 2)), counted())
