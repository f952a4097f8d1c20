"""The dashboard of notebooks and services: what runs, waits, fails, and has no end."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from looks import Kind
from now import add_alerts, add_exporter, add_stat
from panels import Layout, Panel, Query
from queries import LATEST, PROJECT
from variables import new_dashboard, with_projects


UID: Final = "modelarts-notebooks"

_NO_NOTEBOOKS: Final = "No data: the collector notebooks is not configured, there are none, or the exporter is down."
_NO_SERVICES: Final = "No data: the collector services is not configured, there are none, or the exporter is down."
_NO_MACHINES: Final = (
    "No data: the collectors lite_servers and scheduled_events are not configured, or "
    "there is nothing."
)
_NOTEBOOK: Final = "cluster, job, project, notebook_id"
_NOTEBOOK_NAME: Final = (
    f"* on ({_NOTEBOOK}) group_left (name) "
    f"max by ({_NOTEBOOK}, name) (modelarts_notebook_info{{{PROJECT}}})"
)
_SERVICE: Final = "cluster, job, project, api_version, service_id"
_SERVICE_NAME: Final = (
    f"* on ({_SERVICE}) group_left (name) "
    f"max by ({_SERVICE}, name) (modelarts_service_info{{{PROJECT}}})"
)
_CALLS: Final = f"sum by ({_SERVICE}) (rate(modelarts_service_invocations_total{{{PROJECT}}}[$__rate_interval]))"
_FAILED_CALLS: Final = f"sum by ({_SERVICE}) (rate(modelarts_service_failed_invocations_total{{{PROJECT}}}[$__rate_interval]))"
_WIDE: Final = ("Without auto-stop", "Storage of stopped", "Services that fail")
_STOPPED: Final = (
    f'{LATEST} (modelarts_notebook_storage_bytes{{{PROJECT}, phase="stopped"}})'
)


def notebooks() -> dashboard.Dashboard:
    """Return the dashboard."""
    builder = with_projects(
        new_dashboard(
            UID,
            "ModelArts / Notebooks and services",
            "Notebooks, inference services, Lite Servers and scheduled events: what runs "
            "and is forgotten, what waits, and what fails.",
            "modelarts_up",
        )
    )
    layout = Layout(builder)
    _now(layout)
    _notebooks(layout)
    _services(layout)
    _machines(layout)
    return builder


def _now(layout: Layout) -> None:
    layout.row("Now")
    add_exporter(layout)
    for title, description, expr, unit, steps, no_value in (
        (
            "Notebooks",
            "Notebooks that run now.",
            f"sum({LATEST} (modelarts_running_notebooks{{{PROJECT}}}))",
            "none",
            (("blue", None),),
            _NO_NOTEBOOKS,
        ),
        (
            "Without auto-stop",
            "Running notebooks that nothing stops by itself.",
            f'sum({LATEST} (modelarts_running_notebooks{{{PROJECT}, auto_stop="off"}}))',
            "none",
            (("green", None), ("yellow", 1.0)),
            _NO_NOTEBOOKS,
        ),
        (
            "Storage of stopped",
            "Capacity of the volumes of stopped notebooks, which costs until they are deleted.",
            f"sum({_STOPPED})",
            "bytes",
            (("blue", None),),
            _NO_NOTEBOOKS,
        ),
        (
            "Services that fail",
            "Services that are concerning, or have failed.",
            f'sum({LATEST} (modelarts_services{{{PROJECT}, status="concerning"}}) or {LATEST} (modelarts_services{{{PROJECT}, phase="failed"}}))',
            "none",
            (("green", None), ("red", 1.0)),
            "None ever did, or none is collected.",
        ),
        (
            "Lite Servers failed",
            "Lite Servers in a status of phase failed.",
            f'sum({LATEST} (modelarts_lite_servers{{{PROJECT}, phase="failed"}}))',
            "none",
            (("green", None), ("red", 1.0)),
            "None ever did, or none is collected.",
        ),
        (
            "Ask for consent",
            "Maintenance that the cloud asks about.",
            f'sum({LATEST} (modelarts_scheduled_events{{{PROJECT}, state="inquiring"}}))',
            "none",
            (("green", None), ("orange", 1.0)),
            "None ever did, or none is collected.",
        ),
    ):
        add_stat(
            layout,
            title,
            description,
            expr,
            unit=unit,
            steps=steps,
            no_value=no_value,
            width=4 if title in _WIDE else 3,
        )
    add_alerts(layout, "$project|")


def _notebooks(layout: Layout) -> None:
    layout.row("Notebooks")
    for title, description, expr, legend, unit, width in (
        (
            "Notebooks by phase",
            "All existing notebooks.",
            f"sum by (phase) ({LATEST} (modelarts_notebooks{{{PROJECT}}}))",
            "{{phase}}",
            "short",
            8,
        ),
        (
            "Running notebooks by what stops them",
            "off: nothing; idle: when it is not used; timing: at a time.",
            f"sum by (auto_stop) ({LATEST} (modelarts_running_notebooks{{{PROJECT}}}))",
            "{{auto_stop}}",
            "short",
            8,
        ),
        (
            "Running notebooks by flavor",
            "Those in dedicated pools, and outside of them.",
            f"topk(10, sum by (flavor) ({LATEST} (modelarts_running_notebooks{{{PROJECT}}})))",
            "{{flavor}}",
            "short",
            8,
        ),
        (
            "Storage by project",
            "Capacity of the volumes of stopped notebooks.",
            f"topk(10, sum by (project) ({_STOPPED}))",
            "{{project}}",
            "bytes",
            12,
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[Query(expr=expr, legend=legend)],
                unit=unit,
                kind=Kind.STACK,
                by_phase=legend == "{{phase}}",
                no_value=_NO_NOTEBOOKS,
            ),
            width,
            8,
        )
    layout.add(
        Panel(
            title="Notebooks that stop next",
            description="Time until running notebooks stop at a time. Needs notebook_series.",
            queries=[
                Query(
                    expr=f"sort(bottomk(10, ({LATEST} (modelarts_notebook_auto_stop_timestamp_seconds{{{PROJECT}}}) - time() > 0) {_NOTEBOOK_NAME}))",
                    legend="{{project}}: {{name}}",
                )
            ],
            unit="s",
            kind=Kind.BARGAUGE,
            no_value="No notebook stops at a time, notebook_series is not enabled, or the exporter is down.",
        ),
        12,
        8,
    )


def _services(layout: Layout) -> None:
    layout.row("Services")
    since = "modelarts_service_oldest_transition_timestamp_seconds"
    for title, description, expr, legend, unit in (
        (
            "Services by status",
            "Services of both API versions; a concerning one serves with part of its instances.",
            f"sum by (status) ({LATEST} (modelarts_services{{{PROJECT}}})) > 0",
            "{{status}}",
            "short",
        ),
        (
            "Services without an end",
            "Running services that nothing stops by itself.",
            f"topk(10, sum by (project, type) ({LATEST} (modelarts_services_without_end{{{PROJECT}}})) > 0)",
            "{{project}} {{type}}",
            "short",
        ),
        (
            "Longest in a status to leave",
            "For how long services have been deploying, waiting or concerning.",
            f"topk(10, time() - min by (project, status) ({LATEST} ({since}{{{PROJECT}}})))",
            "{{project}} {{status}}",
            "s",
        ),
        (
            "Calls",
            "Calls of services, by service. Needs service_series; v1 only.",
            f"topk(10, {_CALLS} {_SERVICE_NAME})",
            "{{project}}: {{name}}",
            "reqps",
        ),
        (
            "Failed calls",
            "The share of a service's calls that fail. Needs service_series; v1 only.",
            f"topk(10, {_FAILED_CALLS} / ({_CALLS} > 0) {_SERVICE_NAME})",
            "{{project}}: {{name}}",
            "percentunit",
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[Query(expr=expr, legend=legend)],
                unit=unit,
                kind=Kind.STACK if unit == "short" else Kind.LINES,
                no_value=_NO_SERVICES,
            ),
            8 if unit in {"short", "s"} else 12,
            8,
        )


def _machines(layout: Layout) -> None:
    layout.row("Lite Servers and scheduled events")
    for title, description, expr, legend, unit in (
        (
            "Lite Servers by status",
            "All existing Lite Servers.",
            f"sum by (status) ({LATEST} (modelarts_lite_servers{{{PROJECT}}})) > 0",
            "{{status}}",
            "short",
        ),
        (
            "Scheduled events by state",
            "Events that are not over; inquiring ones wait for your consent.",
            f"sum by (state) ({LATEST} (modelarts_scheduled_events{{{PROJECT}}}))",
            "{{state}}",
            "short",
        ),
        (
            "Next event",
            "Time until the next event of each pool may begin.",
            f"{LATEST} (modelarts_next_scheduled_event_timestamp_seconds{{{PROJECT}}}) - time()",
            "{{project}} {{pool}}",
            "s",
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[Query(expr=expr, legend=legend)],
                unit=unit,
                kind=Kind.STACK if unit == "short" else Kind.LINES,
                no_value=_NO_MACHINES,
            ),
            8,
            8,
        )
