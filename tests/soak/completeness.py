"""Whether a scrape is complete: every collection up, with the cloud's numbers."""

from __future__ import annotations

import re

from collections import defaultdict
from collections.abc import Mapping

import requests


Target = tuple[str, str]
"""A project's name and a kind of jobs."""

Counts = Mapping[Target, list[int]]

_LABEL = re.compile(r'(\w+)="([^"]*)"')


def counts_in(cloud: str) -> Counts:
    """Return the actual numbers of jobs by status, sorted, without zeros."""
    truth = requests.get(f"{cloud}/simulator/jobs", timeout=30).json()
    return {
        (project, kind): sorted(number for number in jobs["jobs"].values() if number)
        for project, kinds in truth.items()
        for kind, jobs in kinds.items()
    }


def scraped_state(metrics: str) -> tuple[dict[Target, bool], dict[Target, list[int]]]:
    """Return which collections are up, and the numbers of jobs by status."""
    up: dict[Target, bool] = {}
    counts: dict[Target, list[int]] = defaultdict(list)
    for line in metrics.splitlines():
        name, _, rest = line.partition("{")
        if name not in {"modelarts_up", "modelarts_jobs"}:
            continue
        labels, _, value = rest.rpartition("} ")
        found = dict(_LABEL.findall(labels))
        target = found["project"], found["kind"]
        if name == "modelarts_up":
            # Two versions of an API may be collected; both have to be up.
            up[target] = up.get(target, True) and float(value) == 1
        elif float(value):
            counts[target].append(int(float(value)))
    return up, {target: sorted(numbers) for target, numbers in counts.items()}


def what_is_missing(metrics: str, truth: Counts) -> str:
    """Return what `metrics` lacks of the `truth`, in words; nothing if complete."""
    up, counts = scraped_state(metrics)
    down = [target for target in truth if not up.get(target)]
    wrong = [
        target
        for target, numbers in truth.items()
        if up.get(target) and counts.get(target, []) != numbers
    ]
    words = [f"{len(down)} of {len(truth)} collections are not up"] if down else []
    if wrong:
        target = wrong[0]
        words.append(
            f"{len(wrong)} are up with other jobs than the cloud has, such as "
            f"{'/'.join(target)}: {counts.get(target)} instead of {truth[target]}"
        )
    return "; ".join(words)
