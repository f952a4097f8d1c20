"""Alerts about resource pools."""

from __future__ import annotations

from typing import Final

from deploy.rules.rule import Alert, Group, Severity
from deploy.rules.values import Values


_POOL: Final = (
    "modelarts-pools?var-project={{ $labels.project | urlquery }}"
    "&var-pool={{ $labels.pool_name | urlquery }}"
)
_NAME: Final = "project_pool:modelarts_pool_{}".format
_ALLOCATED: Final = _NAME("allocated_per_capacity:ratio")
_WORK_IS_QUEUED: Final = (
    f"and on (job, project, pool) {_NAME('queued_workloads:sum')} > 0"
)


def pool_group(values: Values) -> Group:
    """Return the group."""
    return Group("modelarts-pools", (*_NODES, *_use(values)))


_NODES: Final = (
    Alert(
        "ModelArtsPoolUnhealthy",
        Severity.WARNING,
        "10m",
        f"{_NAME('failed:max')} == 1",
        "A ModelArts pool is not healthy.",
        """
        The pool {{ $labels.pool_name }} of {{ $labels.project }} has had a status of phase failed
        for ${for}: {{ with query (printf "modelarts_pool_status{phase='failed',job=%q,project=%q,pool=%q}"
        $labels.job $labels.project $labels.pool) }}{{ . | first | label "status" }}{{ else
        }}modelarts_pool_status says which{{ end }}.
        """,
        _POOL,
    ),
    Alert(
        "ModelArtsPoolNodesAbnormal",
        Severity.WARNING,
        "10m",
        f"{_NAME('abnormal_nodes:sum')} > 0",
        "Nodes of a ModelArts pool are abnormal.",
        """
        {{ $value }} nodes of the pool {{ $labels.pool_name }} of {{ $labels.project }} have been
        abnormal for ${for}. They take no work, and are paid for.
        """,
        _POOL,
    ),
    Alert(
        "ModelArtsPoolNodesMissing",
        Severity.WARNING,
        "30m",
        f"{_NAME('missing_nodes:sum')} > 0",
        "A ModelArts pool has fewer nodes than were ordered.",
        """
        The pool {{ $labels.pool_name }} of {{ $labels.project }} has lacked {{ $value }} of its
        nodes for ${for}: they are neither available nor abnormal.
        """,
        _POOL,
    ),
    Alert(
        "ModelArtsPoolFrozen",
        Severity.CRITICAL,
        "5m",
        f"{_NAME('frozen:max')} == 1",
        "A ModelArts pool is frozen.",
        """
        The pool {{ $labels.pool_name }} of {{ $labels.project }} is frozen: a bill is not paid, or
        the cloud has restricted it. Nothing can run in it.
        """,
        _POOL,
    ),
    Alert(
        "ModelArtsPoolIdle",
        Severity.WARNING,
        "6h",
        f"{_NAME('idle_nodes:sum')} > 0",
        "A ModelArts pool is paid for and not used.",
        """
        The pool {{ $labels.pool_name }} of {{ $labels.project }} is paid by the hour, and nothing
        of its {{ $value }} nodes has been allocated for ${for}.
        """,
        _POOL,
    ),
)


def _use(values: Values) -> tuple[Alert, ...]:
    full = f"{values['pool_full_percent']} / 100"
    return (
        Alert(
            "ModelArtsPoolFull",
            Severity.WARNING,
            "30m",
            f"""
            {_ALLOCATED} > {full}
            {_WORK_IS_QUEUED}
            """,
            "A ModelArts pool is full, and work waits.",
            """
            {{ $value | humanizePercentage }} of the {{ with $labels.accelerator }}{{ . }}{{ else
            }}CPU cores{{ end }} of the pool {{ $labels.pool_name }} of {{ $labels.project }} are
            allocated, and workloads have been queued for ${for}.
            """,
            _POOL,
        ),
        Alert(
            "ModelArtsPoolQueueLong",
            Severity.WARNING,
            "5m",
            f"""
            {_NAME("longest_queued_seconds:max")} > {values.seconds("max_pool_queue_time")}
            {_WORK_IS_QUEUED}
            """,
            "A workload has been queued in a ModelArts pool for a long time.",
            """
            In the pool {{ $labels.pool_name }} of {{ $labels.project }}, a workload was created {{
            $value | humanizeDuration }} ago and is still queued.
            """,
            _POOL,
        ),
        Alert(
            "ModelArtsPoolFragmented",
            Severity.INFO,
            "1h",
            f"""
            {_NAME("free_accelerators:sum")} >= 1
            {_WORK_IS_QUEUED}
            and on (job, project, pool) max without (accelerator) ({_ALLOCATED}) <= {full}
            """,
            "Work waits in a ModelArts pool that is not full.",
            """
            The pool {{ $labels.pool_name }} of {{ $labels.project }} has {{ $value | humanize }}
            free accelerators, and workloads have been queued for ${for}: the free ones may be
            spread over too many nodes.
            """,
            _POOL,
        ),
        Alert(
            "ModelArtsPoolUsageStale",
            Severity.INFO,
            "15m",
            f"{_NAME('usage_age_seconds:min')} > {values.seconds('max_pool_usage_age')}",
            "The cloud's measurements of a ModelArts pool are old.",
            """
            The cloud measured what is allocated in the pool {{ $labels.pool_name }} of {{
            $labels.project }} {{ $value | humanizeDuration }} ago. Alerts about its use look at
            old numbers.
            """,
            _POOL,
        ),
    )
