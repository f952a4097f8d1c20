"""Recording rules: what the alerts look at, held while it cannot be scraped."""

from __future__ import annotations

from typing import Final

from deploy.rules.rule import PROJECT_INFO, Group, Record, RuleFile
from deploy.rules.values import VALUES, Values


# Labels of a process: they change when a pod is replaced, and a project's numbers do not.
_PROCESS: Final = "instance, pod, node"
_KEYS: Final = "job, project, kind, api_version"
_PRODUCTS: Final = "notebook|service|lite_server|scheduled_event"
_JOBS_HELD: Final = "project_kind_api_version:modelarts_up:held"
_POOLS_HELD: Final = "project_kind_api_version:modelarts_pools_up:held"
_PRODUCTS_HELD: Final = "project_kind_api_version:modelarts_products_up:held"
_ERRORS: Final = "project_kind_api_version:modelarts_collection_errors:increase5m"


def label_record(name: str) -> str:
    """Return the name of the rule that records a configured label in seconds."""
    return f"project:modelarts_label_{name}_seconds:max"


def recording_files(values: Values) -> tuple[RuleFile, ...]:
    """Return the files, which are independent of each other but for `_ERRORS`."""
    return (
        RuleFile(
            "modelarts-recording.yml",
            _COMMENT,
            (Group("modelarts-recording", (*_jobs(values), *_labels())),),
        ),
        RuleFile(
            "modelarts-pools-recording.yml",
            _POOLS_COMMENT,
            (Group("modelarts-pools-recording", tuple(_pools(values))),),
        ),
        RuleFile(
            "modelarts-products-recording.yml",
            _PRODUCTS_COMMENT,
            (Group("modelarts-products-recording", tuple(_products(values))),),
        ),
    )


_COMMENT: Final = """
    What the alerts look at, made by `make manifests`: see docs/monitoring.md for other
    thresholds.

    Numbers keep their last values while a project cannot be collected (modelarts_up is 0),
    and while the exporter is down, starts, or is replaced: a failure resolves no alert. What
    is missing although the exporter has been scraped for five minutes is gone.

    Rules with api_version keep the versions apart: each has its own quotas, and one can fail
    while the other works. A quota of v2 has a request of its own, which can fail while
    modelarts_up is 1: its errors count. No rule has the labels of a process.
"""
_POOLS_COMMENT: Final = """
    What the alerts about resource pools look at, with the name that people know. Made as
    modelarts-recording.yml, with the same rules for what cannot be collected.

    A logical pool is a part of a physical one: nodes and money are counted in that alone.
"""
_PRODUCTS_COMMENT: Final = """
    What the alerts about notebooks, services, Lite Servers and scheduled events look at. Made
    as modelarts-recording.yml, with the same rules for what cannot be collected.
"""


def _of(series: str) -> str:
    """Return the series without the labels of a process."""
    return f"max without ({_PROCESS}) ({series})"


def _held_rule(name: str, kinds: str, values: Values) -> Record:
    up = f'modelarts_up{{kind=~"{kinds}"}}'
    jobs = f'job=~"{values["exporter_jobs"]}"'
    return Record(
        name,
        f"""
        {_of(up)} == 0
        or
        (
          {_of(f"present_over_time({up}[{values['hold']}])")}
          unless {_of(up)}
          unless on (job) (
            min by (job) (min_over_time(up{{{jobs}}}[5m])) == 1
            and on (job) up{{{jobs}}}
            unless on (job) time() - process_start_time_seconds{{{jobs}}} < 300
          )
        )
        """,
    )


def _held(name: str, expression: str, held: str, keys: str = _KEYS) -> Record:
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


def _also_errors(held: str, selector: str = "") -> str:
    return f"({held} or {_ERRORS}{selector} > 0)"


def _jobs(values: Values) -> list[Record]:
    name = "project_kind_api_version:modelarts_{}".format
    info = "modelarts_project_info"
    return [
        _held_rule(_JOBS_HELD, ".+", values),
        Record(
            _ERRORS,
            f"sum without (reason, {_PROCESS}) (increase(modelarts_collection_errors_total[5m]))",
        ),
        Record(
            PROJECT_INFO,
            f"""
            {_of(info)}
            or
            (
              last_over_time({PROJECT_INFO}[5m])
              and on (job, project) {_JOBS_HELD}
              unless on (job, project) {info}
            )
            """,
        ),
        _held(name("up:last"), _of("modelarts_up"), _JOBS_HELD),
        _held(
            name("running_job_quota:last"),
            _of("modelarts_running_job_quota"),
            _JOBS_HELD,
        ),
        _held(
            name("running_jobs:sum"),
            f'sum without (status, phase) ({_of("""modelarts_jobs{phase="running"}""")})',
            _JOBS_HELD,
        ),
        _held(
            name("pending_jobs:sum"),
            f'sum without (status, phase) ({_of("""modelarts_jobs{phase="pending"}""")})',
            _JOBS_HELD,
        ),
        _held(
            name("created_jobs:last"),
            _of("modelarts_created_jobs"),
            _also_errors(_JOBS_HELD),
        ),
        _held(
            name("job_count_limit_remaining:last"),
            _of("modelarts_job_count_limit_remaining"),
            _also_errors(_JOBS_HELD),
        ),
        Record(
            name("job_capacity:sum"),
            f"{name('created_jobs:last')} + {name('job_count_limit_remaining:last')}",
        ),
        Record(
            name("created_jobs_per_capacity:ratio"),
            f"{name('created_jobs:last')} / ({name('job_capacity:sum')} > 0)",
        ),
        _held(
            name("longest_running_seconds:max"),
            "max without (phase, instance, pod, node)"
            ' (modelarts_job_longest_duration_seconds{phase="running"})',
            _JOBS_HELD,
        ),
        _held(
            name("longest_waiting_seconds:max"),
            "time() - min without (phase, instance, pod, node)"
            ' (modelarts_job_oldest_created_timestamp_seconds{phase="pending"})',
            _JOBS_HELD,
        ),
        _held(
            name("collection_duration_per_timeout:ratio"),
            f"""max without ({_PROCESS}) (
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
            sum without (phase, api_version, {_PROCESS}) (increase(modelarts_jobs_finished_total[1h]))
            and on (job, project, kind) {name("up:last")}
            """,
        ),
        Record(
            "project_kind:modelarts_jobs_failed_per_finished:ratio_increase1h",
            f"""
            sum without (phase, api_version, {_PROCESS}) (increase(modelarts_jobs_finished_total{{phase="failed"}}[1h]))
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


def _pools(values: Values) -> list[Record]:
    keys = "job, project"

    def named(expression: str, selector: str = "") -> str:
        return (
            f"{expression}\n        * on (job, project, pool) group_left (pool_name) "
            f"max by (job, project, pool, pool_name) (modelarts_pool_info{selector})"
        )

    physical = '{type="physical"}'
    with_errors = _also_errors(_POOLS_HELD, '{kind="pool"}')
    name = "project_pool:modelarts_pool_{}".format
    return [
        _held_rule(_POOLS_HELD, "pool", values),
        _held(
            name("failed:max"),
            named(
                'max without (status, phase, instance, pod, node) (modelarts_pool_status{phase="failed"})'
            ),
            _POOLS_HELD,
            keys,
        ),
        _held(
            name("abnormal_nodes:sum"),
            named(_nodes("abnormal"), physical),
            _POOLS_HELD,
            keys,
        ),
        _held(
            name("missing_nodes:sum"),
            named(
                f"""(
          sum without (flavor) ({_of("modelarts_pool_desired_nodes")})
          - {_nodes("available|abnormal")}
        )""",
                physical,
            ),
            _POOLS_HELD,
            keys,
        ),
        _held(
            name("frozen:max"), named(_of("modelarts_pool_frozen")), _POOLS_HELD, keys
        ),
        _held(
            name("allocated_per_capacity:ratio"),
            named(
                f"""(
          {_of("modelarts_pool_allocated_accelerators")}
          / ({_of("modelarts_pool_capacity_accelerators")} > 0)
          or
          {_of("modelarts_pool_allocated_cpu_cores")}
          / ({_of("modelarts_pool_capacity_cpu_cores")} > 0)
          unless on (job, project, pool) (modelarts_pool_capacity_accelerators > 0)
        )"""
            ),
            with_errors,
            keys,
        ),
        _held(
            name("free_accelerators:sum"),
            named(
                f"""sum without (accelerator) (
          {_of("modelarts_pool_capacity_accelerators")}
          - {_of("modelarts_pool_allocated_accelerators")}
        )"""
            ),
            with_errors,
            keys,
        ),
        _held(
            name("queued_workloads:sum"),
            named(
                "sum without (type, status, phase) "
                f'({_of("""modelarts_pool_workloads{status="queue"}""")})'
            ),
            with_errors,
            keys,
        ),
        _held(
            name("longest_queued_seconds:max"),
            named(
                f"(time() - min without ({_PROCESS}) (modelarts_pool_oldest_queued_timestamp_seconds))"
            ),
            with_errors,
            keys,
        ),
        _held(
            name("usage_age_seconds:min"),
            named(f"(time() - {_of('modelarts_pool_usage_timestamp_seconds')})"),
            _POOLS_HELD,
            keys,
        ),
        _held(
            name("idle_nodes:sum"),
            named(_nodes("available"), '{type="physical", billing="pay_per_use"}')
            + f"""
        and on (job, project, pool) (
          max without (accelerator) ({name("allocated_per_capacity:ratio")}) == 0
        )""",
            _POOLS_HELD,
            keys,
        ),
    ]


def _nodes(states: str) -> str:
    nodes = f'modelarts_pool_nodes{{state=~"{states}"}}'
    return f"sum without (flavor, state) ({_of(nodes)})"


def _held_product(kind: str) -> str:
    return f'{_PRODUCTS_HELD}{{kind="{kind}"}}'


def _products(values: Values) -> list[Record]:
    keys, api_keys = "job, project", "job, project, api_version"
    stopped = "modelarts_notebook_storage_bytes{phase="
    return [
        _held_rule(_PRODUCTS_HELD, _PRODUCTS, values),
        _held(
            "project_status:modelarts_notebooks:last",
            _of("modelarts_notebooks"),
            _held_product("notebook"),
            keys,
        ),
        _held(
            "project:modelarts_notebooks_without_auto_stop:sum",
            "sum without (flavor, pool, auto_stop) "
            f'({_of("""modelarts_running_notebooks{auto_stop="off"}""")})',
            _held_product("notebook"),
            keys,
        ),
        _held(
            "project:modelarts_notebook_stopped_storage_bytes:sum",
            f"""sum without (phase, category) ({_of(stopped + '"stopped"}')})""",
            _held_product("notebook"),
            keys,
        ),
        _held(
            "project:modelarts_notebook_oldest_stopped_timestamp_seconds:min",
            f"min without (phase, {_PROCESS}) "
            '(modelarts_notebook_oldest_created_timestamp_seconds{phase="stopped"})',
            _held_product("notebook"),
            keys,
        ),
        _held(
            "project_status:modelarts_services:sum",
            f"sum without (type) ({_of('modelarts_services')})",
            _held_product("service"),
            api_keys,
        ),
        _held(
            "project_status:modelarts_service_oldest_transition_timestamp_seconds:min",
            f"min without (type, {_PROCESS}) (modelarts_service_oldest_transition_timestamp_seconds)",
            _held_product("service"),
            api_keys,
        ),
        _held(
            "project_status:modelarts_lite_servers:sum",
            f"sum without (flavor, charging) ({_of('modelarts_lite_servers')})",
            _held_product("lite_server"),
            keys,
        ),
        _held(
            "project_state:modelarts_scheduled_events:sum",
            f"sum without (type) ({_of('modelarts_scheduled_events')})",
            _held_product("scheduled_event"),
            keys,
        ),
    ]
