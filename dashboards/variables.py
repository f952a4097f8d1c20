"""A dashboard without panels: its variables, links and annotations."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from queries import EXPORTER, PROJECT


TAG: Final = "modelarts"
ANY_JOB: Final = 'job=~".+"'
"""Which scrape jobs can be chosen: replaced by whoever has one of a known name."""

DATASOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")


def new_dashboard(
    uid: str, title: str, description: str, metric: str, *, has_projects: bool = True
) -> dashboard.Dashboard:
    """
    Return a dashboard without panels, linked with the others.

    Its job and instance are those of `metric`: where projects are scraped one by one,
    theirs are not the exporter's own.
    """
    link = (
        dashboard.DashboardLink("ModelArts")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
    )
    # Alerts about an exporter have no project.
    project = 'project=~"$project|"' if has_projects else 'project=""'
    chosen = f'alertname=~"ModelArts.+", cluster=~"$cluster|", {project}'
    firing = (
        dashboard.AnnotationQuery()
        .name("Alerts")
        .enable(True)
        .datasource(DATASOURCE)
        .icon_color("red")
        .expr(f'ALERTS{{{chosen}, alertstate="firing"}}')
        .title_format("{{alertname}}")
        .text_format("{{project}} {{kind}} {{pool_name}}")
        .tag_keys("severity,project")
        .step("60s")
    )
    source = dashboard.DatasourceVariable("datasource").label("Data source")
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .refresh("1m")
        .time("now-6h", "now")
        .timezone("browser")
        .link(link)
        .annotation(firing)
        .with_variable(source.type("prometheus"))
        # Where there is one Prometheus, its series have no such label.
        .with_variable(variable("cluster", f"{metric}{{{ANY_JOB}}}", all_value=".*"))
        # All are those with the metric, not every process.
        .with_variable(
            variable(
                "job", f'{metric}{{cluster=~"$cluster", {ANY_JOB}}}', all_value=None
            )
        )
        .with_variable(
            variable("instance", f'{metric}{{cluster=~"$cluster", job=~"$job"}}')
        )
    )


def variable(
    name: str, selector: str, *, label: str = "", all_value: str | None = ".+"
) -> dashboard.QueryVariable:
    """
    Return a variable with several values of a label, and All.

    All is a regular expression, or the values themselves if that is None.
    """
    query = f"label_values({selector}, {label or name})"
    found = (
        _single(name, query)
        .multi(True)
        .include_all(True)
        .current(models.VariableOption(text="All", value="$__all"))
    )
    return found if all_value is None else found.all_value(all_value)


def _single(name: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(name.replace("_", " ").capitalize().replace("Api", "API"))
        .query({"query": query, "refId": name})
        .definition(query)
        .datasource(DATASOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def with_projects(
    builder: dashboard.Dashboard, *, one: bool = False
) -> dashboard.Dashboard:
    """Add the variables that choose projects, or one of them."""
    known = f"modelarts_project_info{{{EXPORTER}}}"
    chosen = f'modelarts_project_info{{{EXPORTER}, cloud_region=~"$cloud_region"}}'
    projects = (
        _single("project", f"label_values({chosen}, project)")
        if one
        else variable("project", chosen)
    )
    return builder.with_variable(variable("cloud_region", known)).with_variable(
        projects
    )


def with_jobs(builder: dashboard.Dashboard) -> dashboard.Dashboard:
    """Add the variables that choose kinds and API versions of jobs."""
    listed = f'modelarts_up{{{PROJECT}, kind=~"training|visualization"}}'
    return builder.with_variable(variable("kind", listed)).with_variable(
        variable("api_version", listed)
    )
