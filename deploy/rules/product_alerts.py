"""Alerts about notebooks, services, Lite Servers and scheduled events."""

from __future__ import annotations

from typing import Final

from deploy.rules.rule import Alert, Group, Severity
from deploy.rules.values import Values


_NOTEBOOKS: Final = "modelarts-notebooks?var-project={{ $labels.project | urlquery }}"
_SINCE: Final = (
    "project_status:modelarts_service_oldest_transition_timestamp_seconds:min"
)


def product_groups(values: Values) -> tuple[Group, ...]:
    """Return the groups."""
    return (
        Group("modelarts-notebooks", _notebooks(values)),
        Group("modelarts-services", _services(values)),
        Group("modelarts-machines", _machines(values)),
    )


def _notebooks(values: Values) -> tuple[Alert, ...]:
    return (
        Alert(
            "ModelArtsNotebooksWithoutAutoStop",
            Severity.WARNING,
            "12h",
            "project:modelarts_notebooks_without_auto_stop:sum > 0",
            "Notebooks run that nothing stops.",
            """
            For ${for}, {{ $labels.project }} has had running notebooks without auto-stop; now
            there are {{ $value }}. They cost money until somebody stops them.
            """,
            _NOTEBOOKS,
        ),
        Alert(
            "ModelArtsNotebooksLeftStopped",
            Severity.INFO,
            "1h",
            f"""
            project:modelarts_notebook_stopped_storage_bytes:sum > {values["notebook_storage_gib"]} * 2^30
            and
            time() - project:modelarts_notebook_oldest_stopped_timestamp_seconds:min
            > {values.seconds("max_stopped_notebook_age")}
            """,
            "Stopped notebooks keep much storage.",
            f"""
            Stopped notebooks of {{{{ $labels.project }}}} have {{{{ $value | humanize1024 }}}}B of
            storage, which costs money until they are deleted. The oldest was created more than
            {values["max_stopped_notebook_age"]} ago.
            """,
            _NOTEBOOKS,
        ),
        Alert(
            "ModelArtsNotebooksStartSlowly",
            Severity.WARNING,
            "30m",
            'sum without (status, phase) (project_status:modelarts_notebooks:last{phase="pending"}) > 0',
            "Notebooks do not start.",
            """
            For ${for}, {{ $value }} notebooks of {{ $labels.project }} have been created or
            started and do not run.
            """,
            _NOTEBOOKS,
        ),
    )


def _services(values: Values) -> tuple[Alert, ...]:
    return (
        Alert(
            "ModelArtsServiceConcerning",
            Severity.WARNING,
            "5m",
            _some_services('status="concerning"'),
            "Instances of a service malfunction.",
            """
            {{ $value }} services of {{ $labels.project }} ({{ $labels.api_version }}) are
            concerning: they serve, but not with all their instances.
            """,
            _NOTEBOOKS,
        ),
        Alert(
            "ModelArtsServiceFailed",
            Severity.WARNING,
            "5m",
            _some_services('phase="failed"'),
            "A service has failed.",
            """
            {{ $value }} services of {{ $labels.project }} ({{ $labels.api_version }}) have failed
            and do not serve.
            """,
            _NOTEBOOKS,
        ),
        Alert(
            "ModelArtsServiceDeploysLong",
            Severity.WARNING,
            "5m",
            _longer("deploying|upgrading", values.seconds("max_service_deploy_time")),
            "A service has been deploying for a long time.",
            """
            A service of {{ $labels.project }} ({{ $labels.api_version }}) has been deploying for {{
            $value | humanizeDuration }}.
            """,
            _NOTEBOOKS,
        ),
        Alert(
            "ModelArtsServiceWaitsForResources",
            Severity.WARNING,
            "5m",
            _longer("waiting|pending", values.seconds("max_service_wait")),
            "A service has waited for resources for a long time.",
            """
            A service of {{ $labels.project }} ({{ $labels.api_version }}) has waited for resources
            for {{ $value | humanizeDuration }}.
            """,
            _NOTEBOOKS,
        ),
    )


def _some_services(selector: str) -> str:
    services = f"project_status:modelarts_services:sum{{{selector}}}"
    return f"sum without (status, phase) ({services}) > 0"


def _longer(statuses: str, seconds: str) -> str:
    since = f'{_SINCE}{{status=~"{statuses}"}}'
    return f"time() - min without (status) ({since}) > {seconds}"


def _machines(values: Values) -> tuple[Alert, ...]:
    return (
        Alert(
            "ModelArtsLiteServerFailed",
            Severity.WARNING,
            "5m",
            'sum without (status, phase) (project_status:modelarts_lite_servers:sum{phase="failed"}) > 0',
            "A Lite Server has failed.",
            """
            {{ $value }} Lite Servers of {{ $labels.project }} have failed. They may cost money
            nevertheless.
            """,
            _NOTEBOOKS,
        ),
        Alert(
            "ModelArtsMaintenanceNeedsConsent",
            Severity.WARNING,
            "1h",
            'sum without (state) (project_state:modelarts_scheduled_events:sum{state="inquiring"}) > 0',
            "Maintenance waits for your consent.",
            """
            {{ $value }} events of {{ $labels.project }} have waited for consent for ${for}.
            """,
            _NOTEBOOKS,
        ),
        Alert(
            "ModelArtsMaintenanceHitsRunningJobs",
            Severity.WARNING,
            "15m",
            "project_pool:modelarts_next_scheduled_event_timestamp_seconds:min - time() < "
            + values.seconds("maintenance_notice"),
            "Maintenance begins in a pool where jobs run.",
            """
            In {{ $value | humanizeDuration }}, an event may take nodes of the pool {{ $labels.pool
            }} of {{ $labels.project }}, where training jobs run.
            """,
            _NOTEBOOKS,
        ),
    )
