"""What the collector of pools relies on although no cloud has confirmed it."""

from __future__ import annotations

import re

from typing import Final

from ...cloud.assumption import Assumption, Verdict, undecided, verdict
from ...cloud.session import Session
from .requests import fetch_usages


_KNOWN: Final = re.compile(r"nvidia\.com/gpu|huawei\.com/ascend-[a-z0-9-]+|tnt\d+")
"""Kinds of accelerators in the references and in published answers."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9./-]{0,40}")


async def _accelerators_are_known(session: Session) -> Verdict:
    kinds = {
        kind
        for named in await fetch_usages(session)
        for kind in named.usage.capacity.accelerators
    }
    if not kinds:
        return undecided("no pool with accelerators")
    unknown = sorted(kind for kind in kinds if not _KNOWN.fullmatch(kind))
    if not unknown:
        return verdict(True, "all are known")
    # What is no word of an API may be a name of the user's.
    shown = [kind if _NAME.fullmatch(kind) else "one not shown" for kind in unknown]
    return verdict(False, f"never seen before: {', '.join(shown)}")


POOL_ASSUMPTIONS: Final = (
    Assumption(
        name="pools_accelerators",
        text="usage of pools has no resources but cores, memory and known accelerators",
        why="every resource that is not known is counted as an accelerator",
        otherwise="counts it as an accelerator, with its name as the label",
        test=_accelerators_are_known,
    ),
)
