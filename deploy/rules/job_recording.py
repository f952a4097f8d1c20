"""What the alerts about jobs and collections look at."""

from __future__ import annotations

from typing import Final

from deploy.rules.holding import (
    ERRORS,
    PROCESS,
    also_errors,
    held,
    held_rule,
    of_project,
)
from deploy.rules.rule import PROJECT_INFO, Group, Record, RuleFile
from deploy.rules.values import VALUES, Values


_JOBS_HELD: Final = "project_kind_api_version:modelarts_up:held"
_COMMENT: Final = """
    What the alerts look at, made by `make manifests`: see docs/monitoring.md for other
    thresholds.

    Numbers keep their last values while a project cannot be collected (modelarts_up is 0),
    and while the exporter is down, starts, or is replaced: a failure resolves no alert. What
    is missing although the exporter is up, and has been for five minutes, is gone.

    Rules with api_version keep the versions apart: each has its own quotas, and one can fail
    while the other works. A quota of v2 has a request of its own, which can fail while
    modelarts_up is 1: its errors count. No rule has the labels of a process.
"""


def job_recording(values: Values) -> RuleFile:
    """Return the file."""
    group = Group("modelarts-recording", (*_jobs(values), *_labels()))
    return RuleFile("modelarts-recording.yml", _COMMENT, (group,))


def label_record(name: str) -> str:
    """Return the name of the rule that records a configured label in seconds."""
    return f"project:modelarts_label_{name}_seconds:max"


def _jobs(values: Values) -> list[Record]:
    name = "project_kind_api_version:modelarts_{}".format
    info = "modelarts_project_info"
    return [
        held_rule(_JOBS_HELD, ".+", values),
        Record(
            ERRORS,
            f"sum without (reason, {PROCESS}) (increase(modelarts_collection_errors_total[5m]))",
        ),
        Record(
            PROJECT_INFO,
            f"""
            {of_project(info)}
            or
            (
              last_over_time({PROJECT_INFO}[5m])
              and on (job, project) {_JOBS_HELD}
              unless on (job, project) {info}
            )
            """,
        ),
        held(name("up:last"), of_project("modelarts_up"), _JOBS_HELD),
        held(
            name("running_job_quota:last"),
            of_project("modelarts_running_job_quota"),
            _JOBS_HELD,
        ),
        held(
            name("running_jobs:sum"),
            f'sum without (status, phase) ({of_project("""modelarts_jobs{phase="running"}""")})',
            _JOBS_HELD,
        ),
        held(
            name("pending_jobs:sum"),
            f'sum without (status, phase) ({of_project("""modelarts_jobs{phase="pending"}""")})',
            _JOBS_HELD,
        ),
        held(
            name("created_jobs:last"),
            of_project("modelarts_created_jobs"),
            also_errors(_JOBS_HELD),
        ),
        held(
            name("job_count_limit_remaining:last"),
            of_project("modelarts_job_count_limit_remaining"),
            also_errors(_JOBS_HELD),
        ),
        Record(
            name("job_capacity:sum"),
            f"{name('created_jobs:last')} + {name('job_count_limit_remaining:last')}",
        ),
        Record(
            name("created_jobs_per_capacity:ratio"),
            f"{name('created_jobs:last')} / ({name('job_capacity:sum')} > 0)",
        ),
        held(
            name("longest_running_seconds:max"),
            "max without (phase, instance, pod, node)"
            ' (modelarts_job_longest_duration_seconds{phase="running"})',
            _JOBS_HELD,
        ),
        held(
            name("longest_waiting_seconds:max"),
            "time() - min without (phase, instance, pod, node)"
            ' (modelarts_job_oldest_created_timestamp_seconds{phase="pending"})',
            _JOBS_HELD,
        ),
        held(
            name("collection_duration_per_timeout:ratio"),
            f"""max without ({PROCESS}) (
          modelarts_collection_duration_seconds
          / ignoring (project, kind, api_version) group_left ()
          (modelarts_exporter_scrape_timeout_seconds > 0)
          or
          # A project that is scraped by itself has another instance than the exporter: it
          # is compared with the longest timeout.
          modelarts_collection_duration_seconds
          / on () group_left ()
          max(modelarts_exporter_scrape_timeout_seconds > 0)
        )""",
            _JOBS_HELD,
        ),
        Record(
            "project_kind:modelarts_jobs_finished:increase1h",
            f"""
            sum without (phase, api_version, {PROCESS}) (increase(modelarts_jobs_finished_total[1h]))
            and on (job, project, kind) {name("up:last")}
            """,
        ),
        Record(
            "project_kind:modelarts_jobs_failed_per_finished:ratio_increase1h",
            f"""
            sum without (phase, api_version, {PROCESS}) (increase(modelarts_jobs_finished_total{{phase="failed"}}[1h]))
            / (project_kind:modelarts_jobs_finished:increase1h > 0)
            """,
        ),
    ]


def _labels() -> list[Record]:
    """
    Return the thresholds that projects have as labels, such as `5d`, in seconds.

    PromQL makes a number of a text in one place: histogram_quantile reads `le`. Of two
    buckets with the same count, the first one's `le` is the highest quantile.
    """
    return [_label(value.label) for value in VALUES if value.label]


def _label(name: str) -> Record:
    label = f"label_{name}"
    units = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
    terms = []
    for unit, seconds in units.items():
        info = f'max by (job, project, {label}) ({PROJECT_INFO}{{{label}=~"[0-9]+{unit}"}})'
        terms.append(f"""\
          {seconds} * histogram_quantile(1,
            label_replace({info}, "le", "$1", "{label}", "(.*){unit}")
            or
            label_replace({info}, "le", "+Inf", "", "")
          )""")
    alternatives = "\n          or\n".join(terms)
    return Record(
        label_record(name),
        f"""
        max by (job, project) (
{alternatives}
        )
        """,
    )
