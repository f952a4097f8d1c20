"""What the collector of notebooks relies on although no cloud has confirmed it."""

from __future__ import annotations

from typing import Final

from ...cloud.assumption import Assumption, Verdict, published, undecided, verdict
from ...cloud.session import Session
from ..statuses import UNRECOGNIZED
from .requests import ALL_NOTEBOOKS, PAGE_SIZE
from .statuses import DELETED, NOTEBOOK_STATUSES


_STEP: Final = 10
"""The smallest of the page sizes that the API accepts."""


async def _offset_counts_notebooks(session: Session) -> Verdict:
    whole = (await ALL_NOTEBOOKS.page(session, 0, PAGE_SIZE)).ids
    if len(whole) <= _STEP:
        return undecided("too few notebooks")
    behind = (await ALL_NOTEBOOKS.page(session, _STEP, _STEP)).ids
    if behind and behind[0] == whole[_STEP]:
        return verdict(True, "an offset of 10 begins with the eleventh")
    if behind and behind[0] in whole:
        return undecided("notebooks changed meanwhile")
    return verdict(False, "an offset of 10 does not begin with the eleventh")


async def _statuses_are_known(session: Session) -> Verdict:
    rows = (await ALL_NOTEBOOKS.page(session, 0, PAGE_SIZE)).rows
    statuses = {row.status or "" for row in rows} - {DELETED}
    if not statuses:
        return undecided("no notebooks")
    unknown = {
        status for status in statuses if NOTEBOOK_STATUSES.of(status) is UNRECOGNIZED
    }
    if unknown:
        return verdict(False, f"never seen before: {published(unknown)}")
    return verdict(True, f"{len(statuses)} statuses, all known")


NOTEBOOK_ASSUMPTIONS: Final = (
    Assumption(
        name="notebooks_offset",
        text="the offset of notebooks counts notebooks, not pages",
        why="every page after the first depends on it",
        otherwise="reports a failure with reason response where there are more than 50",
        test=_offset_counts_notebooks,
    ),
    Assumption(
        name="notebooks_statuses",
        text="notebooks have no statuses but those of the reference",
        why="phases are made of them",
        otherwise="counts such notebooks with status unrecognized and phase unknown",
        test=_statuses_are_known,
    ),
)
