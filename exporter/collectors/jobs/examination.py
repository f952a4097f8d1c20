"""Asks for jobs once, for the command `check`: one page, the quota, the other API."""

from __future__ import annotations

from dataclasses import replace

from ...cloud.error_codes import rejects_parameter
from ...cloud.session import Session
from ...errors import CollectionError
from ..base import Target
from ..contradictions import (
    ContradictionError,
    length_of_pages,
    raise_if_contradictory,
)
from ..examination import Examination, MissingPart, Problem, briefly
from .api import ALL_JOBS, JobsApi
from .pages import Page
from .paginator import SMALL_PAGE, may_accept_small_pages
from .versions import jobs_api


async def examine_jobs(
    api: JobsApi, target: Target, session: Session, page_size: int
) -> Examination:
    """Return what `api` answers to single requests, with pages of up to `page_size`."""
    size = min(page_size, api.largest_page)
    accepted = None
    try:
        page, accepted = await _first_page(api, session, size)
        length = length_of_pages(page, int(accepted.partition(" ")[0]))
        raise_if_contradictory(page, 1, length)
        await _raise_if_endless(api, session, page, length)
    except CollectionError as error:
        return Examination(failure=error.failure, page_size=accepted)
    number = len(page.rows) if page.total is None else page.total
    found = Examination(number=number, page_size=accepted)
    try:
        await api.quota(briefly(session))
    except CollectionError as error:
        found = replace(found, missing=(MissingPart("quota", error.failure),))
    return found if number else await _with_other_version(found, target, session)


async def _first_page(api: JobsApi, session: Session, size: int) -> tuple[Page, str]:
    try:
        return await api.page(briefly(session), ALL_JOBS, 1, size), str(size)
    except CollectionError as error:
        if not may_accept_small_pages(size, error.failure):
            raise
    page = await api.page(briefly(session), ALL_JOBS, 1, SMALL_PAGE)
    return page, f"{SMALL_PAGE} ({size} rejected)"


async def _raise_if_endless(
    api: JobsApi, session: Session, first: Page, length: int
) -> None:
    """Read the page behind the last one, if `first` is not all there is."""
    listed = len(first.rows)
    if first.total == listed or listed < length:
        return
    last = 1 if first.total is None else -(-first.total // length)
    try:
        behind = await api.page(briefly(session), ALL_JOBS, last + 1, length)
    except CollectionError as error:
        if rejects_parameter(error.failure):
            # It ends in another way.
            return
        raise
    raise_if_contradictory(behind, last + 1, length)
    if behind.total is None and behind.ids and behind.ids == first.ids:
        raise ContradictionError(f"pages {last} and {last + 1} are the same")


async def _with_other_version(
    found: Examination, target: Target, session: Session
) -> Examination:
    mine = target.api_version
    collected = {one.api_version for one in target.product.targets(target.project)}
    for other in target.product.api_versions:
        if other in collected:
            continue
        api = jobs_api(replace(target, api_version=other))
        try:
            page = await api.page(briefly(session), ALL_JOBS, 1, 1)
        except CollectionError:
            # This version may not exist here, which is not a configuration error.
            continue
        if page.total or page.rows:
            problem = Problem(
                f"{mine} lists no {target.kind} jobs, but {other} has some",
                "set training_api: auto for this project",
            )
            note = f"{page.total or 'some'} in {other}"
            found = replace(found, problem=problem, note=note)
    return found
