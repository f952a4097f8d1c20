"""What the alerts about resource pools look at."""

from __future__ import annotations

from typing import Final

from deploy.rules.holding import PROCESS, also_errors, held, held_rule, of_project
from deploy.rules.rule import Group, Record, RuleFile
from deploy.rules.values import Values


_POOLS_HELD: Final = "project_kind_api_version:modelarts_pools_up:held"
_COMMENT: Final = """
    What the alerts about resource pools look at, with the name that people know. Made as
    modelarts-recording.yml, with the same rules for what cannot be collected.

    A logical pool is a part of a physical one: nodes and money are counted in that alone.
"""


def pool_recording(values: Values) -> RuleFile:
    """Return the file."""
    group = Group("modelarts-pools-recording", tuple(_pools(values)))
    return RuleFile("modelarts-pools-recording.yml", _COMMENT, (group,))


def _pools(values: Values) -> list[Record]:
    keys = "job, project"

    def named(expression: str, selector: str = "") -> str:
        return (
            f"{expression}\n        * on (job, project, pool) group_left (pool_name) "
            f"max by (job, project, pool, pool_name) (modelarts_pool_info{selector})"
        )

    physical = '{type="physical"}'
    with_errors = also_errors(_POOLS_HELD, '{kind="pool"}')
    name = "project_pool:modelarts_pool_{}".format
    return [
        held_rule(_POOLS_HELD, "pool", values),
        held(
            name("failed:max"),
            named(
                'max without (status, phase, instance, pod, node) (modelarts_pool_status{phase="failed"})'
            ),
            _POOLS_HELD,
            keys,
        ),
        held(
            name("abnormal_nodes:sum"),
            named(_nodes("abnormal"), physical),
            _POOLS_HELD,
            keys,
        ),
        held(
            name("missing_nodes:sum"),
            named(
                f"""(
          sum without (flavor) ({of_project("modelarts_pool_desired_nodes")})
          - {_nodes("available|abnormal")}
        )""",
                physical,
            ),
            _POOLS_HELD,
            keys,
        ),
        held(
            name("frozen:max"),
            named(of_project("modelarts_pool_frozen")),
            _POOLS_HELD,
            keys,
        ),
        held(
            name("allocated_per_capacity:ratio"),
            named(
                f"""(
          {of_project("modelarts_pool_allocated_accelerators")}
          / ({of_project("modelarts_pool_capacity_accelerators")} > 0)
          or
          {of_project("modelarts_pool_allocated_cpu_cores")}
          / ({of_project("modelarts_pool_capacity_cpu_cores")} > 0)
          unless on (job, project, pool) (modelarts_pool_capacity_accelerators > 0)
        )"""
            ),
            with_errors,
            keys,
        ),
        held(
            name("free_accelerators:sum"),
            named(
                f"""sum without (accelerator) (
          {of_project("modelarts_pool_capacity_accelerators")}
          - {of_project("modelarts_pool_allocated_accelerators")}
        )"""
            ),
            with_errors,
            keys,
        ),
        held(
            name("queued_workloads:sum"),
            named(
                "sum without (type, status, phase) "
                f'({of_project("""modelarts_pool_workloads{status="queue"}""")})'
            ),
            with_errors,
            keys,
        ),
        held(
            name("longest_queued_seconds:max"),
            named(
                f"(time() - min without ({PROCESS}) (modelarts_pool_oldest_queued_timestamp_seconds))"
            ),
            with_errors,
            keys,
        ),
        held(
            name("usage_age_seconds:min"),
            named(f"(time() - {of_project('modelarts_pool_usage_timestamp_seconds')})"),
            _POOLS_HELD,
            keys,
        ),
        held(
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
    return f"sum without (flavor, state) ({of_project(nodes)})"
