"""Recording rules that keep their last values while nothing can be scraped."""

from __future__ import annotations

from typing import Final

from deploy.rules.rule import Record
from deploy.rules.values import Values


# Labels of a process: they change when a pod is replaced, and a project's numbers do not.
PROCESS: Final = "instance, pod, node"
KEYS: Final = "job, project, kind, api_version"
ERRORS: Final = "project_kind_api_version:modelarts_collection_errors:increase5m"


def of_project(series: str) -> str:
    """Return the series without the labels of a process."""
    return f"max without ({PROCESS}) ({series})"


def held_rule(name: str, kinds: str, values: Values) -> Record:
    """
    Return the rule that says of which collections the last values are kept.

    Of those that fail, and of those that are missing unless all exporters of the scrape
    job are up: then they are gone. One that has just started may not have listed its
    projects yet.
    """
    up = f'modelarts_up{{kind=~"{kinds}"}}'
    jobs = f'job=~"{values["exporter_jobs"]}"'
    return Record(
        name,
        f"""
        {of_project(up)} == 0
        or
        (
          {of_project(f"present_over_time({up}[{values['hold']}])")}
          unless {of_project(up)}
          unless on (job) (
            min by (job) (up{{{jobs}}}) == 1
            unless on (job) time() - process_start_time_seconds{{{jobs}}} < 300
          )
        )
        """,
    )


def held(name: str, expression: str, held: str, keys: str = KEYS) -> Record:
    """Return a rule that keeps its last values while `held` has their labels."""
    return Record(
        name,
        f"""
        {expression}
        or
        (
          last_over_time({name}[5m])
          and on ({keys}) {held}
        )
        """,
    )


def also_errors(held: str, selector: str = "") -> str:
    """Hold, too, what has a request of its own that fails while the rest succeeds."""
    return f"({held} or {ERRORS}{selector} > 0)"
