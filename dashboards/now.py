"""What comes first: whether the exporter answers, which alerts fire, what fails and why."""

from __future__ import annotations

from typing import Final

from looks import TEXT, Column, Kind
from panels import Layout, Panel, Query
from queries import EXPORTER, PROJECT, of_projects


TO_PROJECT: Final = (
    "Project ${__data.fields.Project}",
    "/d/modelarts-project?var-project=${__data.fields.Project}&${datasource:queryparam}&${cluster:queryparam}&${job:queryparam}&${__url_time_range}",
)
PROJECT_COLUMN: Final = Column("project", "Project", TEXT, TO_PROJECT, width=200)


def add_exporter(layout: Layout) -> None:
    """Add whether the exporter answers: without it, nothing else is of now."""
    layout.add(
        Panel(
            title="Exporter",
            description="Whether the last scrape of each exporter that is chosen worked. "
            "If it did not, all other numbers are missing, not old.",
            queries=[Query(expr=f"min(up{{{EXPORTER}}})")],
            unit="none",
            kind=Kind.STAT,
            no_value="No exporter was scraped in this time range.",
            words=(("0", "down", "red"), ("1", "up", "green")),
        ),
        3,
        4,
    )


def add_stat(
    layout: Layout,
    title: str,
    description: str,
    expr: str,
    *,
    unit: str = "none",
    steps: tuple[tuple[str, float | None], ...] = (("blue", None),),
    no_value: str = "Not known.",
    legend: str = "",
    width: int = 3,
) -> None:
    """Add a number as of now."""
    layout.add(
        Panel(
            title=title,
            description=description,
            queries=[Query(expr=expr, legend=legend)],
            unit=unit,
            kind=Kind.STAT,
            decimals=0 if unit in {"none", "percentunit"} else None,
            steps=steps,
            no_value=no_value,
        ),
        width,
        4,
    )


def add_alerts(layout: Layout, project: str) -> None:
    """Add the alerts that fire about projects that `project` matches."""
    chosen = f'alertname=~"ModelArts.+", cluster=~"$cluster|", project=~"{project}"'
    since = (
        f"(time() - ALERTS_FOR_STATE{{{chosen}}}) and ignoring (alertstate) "
        f'ALERTS{{{chosen}, alertstate="firing"}}'
    )
    labels = "alertname, severity, project, kind, pool_name"
    layout.add(
        Panel(
            title="Firing alerts",
            description="This project's alerts that fire now, and since when their "
            "condition holds.",
            queries=[Query(expr=f"sort_desc(max by ({labels}) ({since}))")],
            kind=Kind.TABLE,
            no_value="No alert fires, or Prometheus has not loaded the alerting rules.",
            columns=[
                Column("alertname", "Alert", width=260),
                Column("severity", "Severity", width=80),
                PROJECT_COLUMN,
                Column("kind", "Kind"),
                Column("pool_name", "Pool"),
                Column("Value", "For", "s", width=90),
            ],
            sort_by="For",
        ),
        24,
        5,
    )


def add_not_collected(layout: Layout) -> None:
    """Add what is not collected, with the reason beside it."""
    by = "by (project, kind, api_version, reason)"
    failures = f"increase(modelarts_collection_errors_total{{{PROJECT}}}[15m]) > 0"
    down = of_projects("modelarts_up") + " == 0"
    on = "on (project, kind, api_version)"
    unknown = f'label_replace(0 * sum by (project, kind, api_version) ({down}), "reason", "see the status page", "", "")'
    expr = f"sort_desc((sum {by} ({failures}) and {on} ({down})) or {on} {unknown})"
    layout.add(
        Panel(
            title="Not collected, and why",
            description="What the last collection could not read, with the reasons and the "
            "number of failures within 15 minutes. The exporter's status page says what "
            "to do.",
            queries=[Query(expr=expr)],
            kind=Kind.TABLE,
            no_value="Everything was collected, or the exporter is down.",
            columns=[
                PROJECT_COLUMN,
                Column("kind", "Kind"),
                Column("api_version", "API", width=60),
                Column("reason", "Reason"),
                Column("Value", "Failures", "short", width=90),
            ],
            sort_by="Failures",
        ),
        24,
        5,
    )
