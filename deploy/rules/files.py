"""All files of rules, by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from deploy.rules.exporter_alerts import exporter_group
from deploy.rules.job_alerts import job_group
from deploy.rules.job_recording import job_recording
from deploy.rules.pool_alerts import pool_group
from deploy.rules.pool_recording import pool_recording
from deploy.rules.product_alerts import product_groups
from deploy.rules.product_recording import product_recording
from deploy.rules.rule import Alert, Group, RuleFile, yaml_of
from deploy.rules.values import Chosen, Values


_COMMENT: Final = """
    {}.
    Made by `make manifests`: see docs/monitoring.md for other thresholds. Each has a runbook
    in docs/runbooks.

    An alert about a project has the project's configured label `team`, for Alertmanager to
    route by, and its cloud, to group by: `unknown` where it has none.
"""


def rule_files(
    values: Values | None = None,
    labels: Sequence[str] = ("team",),
    waits: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """
    Return the texts; alerts about a project get its configured `labels`.

    `waits` are other durations for `for`, by the alerts' names. Raises ValueError if there
    is no such alert.
    """
    values = values or Chosen()
    waits = waits or {}
    files = _files(values)
    if unknown := waits.keys() - {alert.name for alert in _alerts_in(files)}:
        raise ValueError(f"there is no alert {', '.join(sorted(unknown))}")
    return {file.name: yaml_of(file, values, tuple(labels), waits) for file in files}


def _alerts_in(files: Iterable[RuleFile]) -> Iterator[Alert]:
    for file in files:
        for group in file.groups:
            yield from (rule for rule in group.rules if isinstance(rule, Alert))


def _files(values: Values) -> tuple[RuleFile, ...]:
    return (
        _alert_file(
            "modelarts-alerts.yml",
            "Alerts on ModelArts jobs, quotas, and the exporter",
            exporter_group(values),
            job_group(values),
        ),
        _alert_file(
            "modelarts-pools-alerts.yml",
            "Alerts on ModelArts resource pools",
            pool_group(values),
        ),
        _alert_file(
            "modelarts-products-alerts.yml",
            "Alerts on notebooks, services, Lite Servers and scheduled events",
            *product_groups(values),
        ),
        job_recording(values),
        pool_recording(values),
        product_recording(values),
    )


def _alert_file(name: str, what: str, *groups: Group) -> RuleFile:
    return RuleFile(name, _COMMENT.format(what), groups)
