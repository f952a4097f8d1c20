"""The dashboard of notebooks and services: what runs, waits, fails, and has no end."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from panels import PROJECT, Layout, Panel, Query, new_dashboard, with_projects


UID: Final = "modelarts-notebooks"

_NO_NOTEBOOKS: Final = (
    "No data: the collector notebooks is not configured, or there are none."
)
_NO_SERVICES: Final = (
    "No data: the collector services is not configured, or there are none."
)
_NO_MACHINES: Final = (
    "No data: the collectors lite_servers and scheduled_events are not configured, or "
    "there is nothing."
)
_STOPPED: Final = f'modelarts_notebook_storage_bytes{{{PROJECT}, phase="stopped"}}'


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
    for title, description, expr, unit, steps, no_value in (
        (
            "Running notebooks",
            "Notebooks that run now.",
            f"sum(modelarts_running_notebooks{{{PROJECT}}})",
            "short",
            (("blue", None),),
            _NO_NOTEBOOKS,
        ),
        (
            "Without auto-stop",
            "Running notebooks that nothing stops by itself.",
            f'sum(modelarts_running_notebooks{{{PROJECT}, auto_stop="off"}})',
            "short",
            (("green", None), ("yellow", 1.0)),
            "No notebook runs without auto-stop.",
        ),
        (
            "Storage of stopped notebooks",
            "Capacity of the volumes of stopped notebooks, which costs until they are deleted.",
            f"sum({_STOPPED})",
            "bytes",
            (("blue", None),),
            _NO_NOTEBOOKS,
        ),
        (
            "Services that malfunction",
            "Services that are concerning, or have failed.",
            f'sum(modelarts_services{{{PROJECT}, status="concerning"}} or modelarts_services{{{PROJECT}, phase="failed"}})',
            "short",
            (("green", None), ("red", 1.0)),
            "No service has ever malfunctioned, or none is collected.",
        ),
        (
            "Failed Lite Servers",
            "Lite Servers in a status of phase failed.",
            f'sum(modelarts_lite_servers{{{PROJECT}, phase="failed"}})',
            "short",
            (("green", None), ("red", 1.0)),
            "No Lite Server has ever failed, or none is collected.",
        ),
        (
            "Events that wait for consent",
            "Maintenance that the cloud asks about.",
            f'sum(modelarts_scheduled_events{{{PROJECT}, state="inquiring"}})',
            "short",
            (("green", None), ("orange", 1.0)),
            "No event has ever asked, or none is collected.",
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[Query(expr=expr)],
                unit=unit,
                kind="stat",
                no_value=no_value,
                steps=steps,
            ),
            4,
            4,
        )


def _notebooks(layout: Layout) -> None:
    layout.row("Notebooks")
    for title, description, expr, legend, unit, width in (
        (
            "Notebooks by phase",
            "All existing notebooks.",
            f"sum by (phase) (modelarts_notebooks{{{PROJECT}}})",
            "{{phase}}",
            "short",
            8,
        ),
        (
            "Running notebooks by what stops them",
            "off: nothing; idle: when it is not used; timing: at a time.",
            f"sum by (auto_stop) (modelarts_running_notebooks{{{PROJECT}}})",
            "{{auto_stop}}",
            "short",
            8,
        ),
        (
            "Running notebooks by flavor",
            "Notebooks in a dedicated pool have its ID beside the flavor.",
            f"sum by (flavor, pool) (modelarts_running_notebooks{{{PROJECT}}})",
            "{{flavor}} {{pool}}",
            "short",
            8,
        ),
        (
            "Storage by project",
            "Capacity of the volumes of stopped notebooks.",
            f"sum by (project) ({_STOPPED})",
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
                stacked=True,
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
                    expr=f"bottomk(10, modelarts_notebook_auto_stop_timestamp_seconds{{{PROJECT}}} - time() > 0)",
                    legend="{{project}} {{notebook_id}}",
                    instant=True,
                )
            ],
            unit="s",
            kind="bargauge",
            no_value="No notebook stops at a time, or notebook_series is not enabled.",
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
            f"sum by (status) (modelarts_services{{{PROJECT}}}) > 0",
            "{{status}}",
            "short",
        ),
        (
            "Services without an end",
            "Running services that nothing stops by itself.",
            f"sum by (project, type) (modelarts_services_without_end{{{PROJECT}}})",
            "{{project}} {{type}}",
            "short",
        ),
        (
            "Longest in a status to leave",
            "For how long services have been deploying, waiting or concerning.",
            f"time() - min by (project, status) ({since}{{{PROJECT}}})",
            "{{project}} {{status}}",
            "s",
        ),
        (
            "Calls",
            "Calls of services, by service. Needs service_series; v1 only.",
            f"topk(10, rate(modelarts_service_invocations_total{{{PROJECT}}}[$__rate_interval]))",
            "{{project}} {{service_id}}",
            "reqps",
        ),
        (
            "Failed calls",
            "The share of a service's calls that fail. Needs service_series; v1 only.",
            f"topk(10, rate(modelarts_service_failed_invocations_total{{{PROJECT}}}[$__rate_interval]) / (rate(modelarts_service_invocations_total{{{PROJECT}}}[$__rate_interval]) > 0))",
            "{{project}} {{service_id}}",
            "percentunit",
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[Query(expr=expr, legend=legend)],
                unit=unit,
                stacked=unit == "short",
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
            f"sum by (status) (modelarts_lite_servers{{{PROJECT}}}) > 0",
            "{{status}}",
            "short",
        ),
        (
            "Scheduled events by state",
            "Events that are not over; inquiring ones wait for your consent.",
            f"sum by (state) (modelarts_scheduled_events{{{PROJECT}}})",
            "{{state}}",
            "short",
        ),
        (
            "Next event",
            "Time until the next event of each pool may begin.",
            f"modelarts_next_scheduled_event_timestamp_seconds{{{PROJECT}}} - time()",
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
                stacked=unit == "short",
                no_value=_NO_MACHINES,
            ),
            8,
            8,
        )
