"""Alerts about jobs and quotas."""

from __future__ import annotations

from typing import Final

from deploy.rules.job_recording import label_record
from deploy.rules.rule import Alert, Group, Severity
from deploy.rules.values import Values


_OF_PROJECT: Final = "modelarts-project?var-project={{ $labels.project | urlquery }}"
_OF_KIND: Final = _OF_PROJECT + "&var-kind={{ $labels.kind }}"
_OF_API: Final = _OF_KIND + "&var-api_version={{ $labels.api_version }}"

_NAME: Final = "project_kind_api_version:modelarts_{}".format
_QUOTA: Final = _NAME("running_job_quota:last")
_RUNNING: Final = _NAME("running_jobs:sum")
_PENDING: Final = _NAME("pending_jobs:sum")
_CREATED: Final = _NAME("created_jobs:last")
_REMAINING: Final = _NAME("job_count_limit_remaining:last")
_CAPACITY: Final = _NAME("job_capacity:sum")
_FULL: Final = _NAME("created_jobs_per_capacity:ratio")


def job_group(values: Values) -> Group:
    """Return the group."""
    return Group("modelarts-jobs", (*_limits(values), *_jobs(values)))


def _limits(values: Values) -> tuple[Alert, ...]:
    return (
        Alert(
            "ModelArtsRunningQuotaFull",
            Severity.WARNING,
            "15m",
            f"""
            {_QUOTA} <= {_RUNNING}
            and {_PENDING} > 0
            """,
            "Jobs wait because the running quota is full.",
            """
            {{ $labels.project }} runs as many {{ $labels.kind }} jobs ({{ $labels.api_version }})
            as it may (the quota is {{ $value }}), and others have been waiting for ${for}.
            """,
            _OF_API,
        ),
        _capacity("High", Severity.WARNING, "15m", values["capacity_high_percent"]),
        _capacity(
            "Critical", Severity.CRITICAL, "5m", values["capacity_critical_percent"]
        ),
        Alert(
            "ModelArtsNoJobCanBeCreated",
            Severity.CRITICAL,
            "5m",
            # Where nothing exists and nothing may, there is nothing to delete either.
            f"{_REMAINING} == 0 unless {_CREATED} == 0",
            "No more ModelArts jobs can be created.",
            """
            {{ $labels.project }} has as many {{ $labels.kind }} jobs ({{ $labels.api_version }}) as
            can exist. Creating a job fails until old jobs are deleted.
            """,
            _OF_API,
        ),
        Alert(
            "ModelArtsCapacityUsedUpSoon",
            Severity.WARNING,
            "30m",
            f"""
            predict_linear({_REMAINING}[6h], {values.seconds("capacity_forecast")}) < 0
            and {_REMAINING} > 0
            and deriv({_CREATED}[6h]) > 0
            and {_CREATED} offset 5h
            """,
            "The capacity for ModelArts jobs runs out soon.",
            f"""
            If the trend of the last 6 hours continues, no more {{{{ $labels.kind }}}} jobs
            ({{{{ $labels.api_version }}}}) can be created in {{{{ $labels.project }}}} in
            {values["capacity_forecast"]}.
            """,
            _OF_API,
        ),
        Alert(
            "ModelArtsQuotaLowered",
            Severity.WARNING,
            "10m",
            f"""
            {_QUOTA} < max_over_time({_QUOTA}[{values["quota_history"]}:1h])
            or {_CAPACITY} < max_over_time({_CAPACITY}[{values["quota_history"]}:1h]) * 0.99
            """,
            "A ModelArts quota was lowered.",
            f"""
            A quota of {{{{ $labels.project }}}} for {{{{ $labels.kind }}}} jobs
            ({{{{ $labels.api_version }}}}) is {{{{ $value | humanize }}}}, and was higher within
            {values["quota_history"]}. Either fewer jobs may run at the same time, or fewer may exist.
            If that is intended, silence this alert for {values["quota_history"]}.
            """,
            _OF_API,
        ),
    )


def _capacity(level: str, severity: Severity, wait: str, percent: str) -> Alert:
    few = "Almost no" if severity is Severity.CRITICAL else "Few"
    return Alert(
        f"ModelArtsCapacity{level}",
        severity,
        wait,
        f"{_FULL} > {percent} / 100",
        f"{few} more ModelArts jobs can be created.",
        """
        {{ $labels.project }} has {{ $value | humanizePercentage }} of the {{ $labels.kind }} jobs
        ({{ $labels.api_version }}) that can exist. At 100 % no job can be created.
        """,
        _OF_API,
    )


def _jobs(values: Values) -> tuple[Alert, ...]:
    return (
        Alert(
            "ModelArtsJobsFail",
            Severity.WARNING,
            "15m",
            f"""
            project_kind:modelarts_jobs_failed_per_finished:ratio_increase1h > {values["failed_jobs_percent"]} / 100
            and project_kind:modelarts_jobs_finished:increase1h >= {values["finished_jobs_minimum"]}
            """,
            "Many ModelArts jobs fail.",
            """
            {{ $value | humanizePercentage }} of the {{ $labels.kind }} jobs of {{ $labels.project
            }} that finished within an hour have failed.
            """,
            _OF_KIND,
        ),
        Alert(
            "ModelArtsJobRunsLong",
            Severity.WARNING,
            "15m",
            _longer(values, "longest_running_seconds:max", "max_job_duration"),
            "A ModelArts job has been running for a long time.",
            f"""
            A {{{{ $labels.kind }}}} job of {{{{ $labels.project }}}} has been running for
            {{{{ $value | humanizeDuration }}}}. A job that hangs costs money.
            {_named(values, "run_duration_seconds", "topk")}
            """,
            _OF_KIND,
        ),
        Alert(
            "ModelArtsJobsWaitLong",
            Severity.WARNING,
            "15m",
            _longer(values, "longest_waiting_seconds:max", "max_job_wait"),
            "A ModelArts job has been waiting for a long time.",
            f"""
            A {{{{ $labels.kind }}}} job of {{{{ $labels.project }}}} was created {{{{ $value |
            humanizeDuration }}}} ago and has not started.
            {_named(values, "created_timestamp_seconds", "bottomk")}
            """,
            _OF_KIND,
        ),
    )


def _longer(values: Values, recorded: str, threshold: str) -> str:
    """Compare with the project's own threshold, or with that of all."""
    own = label_record(threshold)
    seconds = f"max without (api_version) ({_NAME(recorded)})"
    return f"""
            {seconds} > on (job, project) group_left () {own}
            or
            {seconds} > {values.seconds(threshold)} unless on (job, project) {own}
            """


def _named(values: Values, metric: str, most: str) -> str:
    """Name the job where jobs have series, else say where to find it."""
    phase = "running" if most == "topk" else "pending"
    labels = "project=%[1]q,kind=%[2]q,job=%[3]q"
    query = (
        f"{most}(1, max by (job_id, job_name) (modelarts_job_{metric}{{{labels}}}"
        " * on (job, instance, project, kind, api_version, job_id) group_left (job_name)"
        f" modelarts_job_info{{{labels},phase='{phase}'}}))"
    )
    return (
        f'{{{{ with query (printf "{query}" $labels.project $labels.kind $labels.job) }}}}'
        '{{ with first . }}It is {{ label "job_name" . }} ({{ label "job_id" . }}).{{ end }}'
        f"{{{{ else }}}}The status page, {values['status_page_url']}, names it.{{{{ end }}}}"
    )
