"""The dashboard of the exporter itself: its state, requests, collections and process."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from looks import Column, Kind
from now import add_alerts, add_exporter
from panels import Layout, Panel, Query
from queries import EXPORTER, counted
from variables import new_dashboard


UID: Final = "modelarts-exporter"
_REQUESTS: Final = "modelarts_exporter_api_requests_total"
_DOWN: Final = "No data: the exporter is down."


def exporter() -> dashboard.Dashboard:
    """Return the dashboard."""
    builder = new_dashboard(
        UID,
        "ModelArts / Exporter",
        "The exporter: its requests to the cloud, its collections against the scrape "
        "timeout, its credentials and its configuration.",
        "modelarts_exporter_build_info",
        has_projects=False,
    )
    layout = Layout(builder)
    _state(layout)
    _requests(layout)
    _collections(layout)
    _process(layout)
    return builder


def _state(layout: Layout) -> None:
    layout.row("Now")
    add_exporter(layout)
    expiry = f"modelarts_exporter_credential_expiry_timestamp_seconds{{{EXPORTER}}}"
    for title, description, expr, unit, steps, words in (
        (
            "Configuration",
            "Whether the last read of the configuration found no errors.",
            f"min(modelarts_exporter_config_last_reload_successful{{{EXPORTER}}})",
            "none",
            (("green", None),),
            (("0", "errors", "red"), ("1", "good", "green")),
        ),
        (
            "Credentials expire in",
            (
                "The token that expires first. It is renewed 15 minutes before that; access "
                "keys do not expire."
            ),
            f"min by (cloud) ({expiry}) - time()",
            "s",
            (("red", None), ("orange", 600.0), ("green", 1200.0)),
            (),
        ),
        (
            "Clock skew",
            "The API's clock minus the exporter's. Signatures are rejected above 15 minutes.",
            f"max by (cloud) (abs(modelarts_exporter_clock_skew_seconds{{{EXPORTER}}}))",
            "s",
            (("green", None), ("orange", 60.0), ("red", 300.0)),
            (),
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[
                    Query(
                        expr=expr, legend="" if "(cloud)" not in expr else "{{cloud}}"
                    )
                ],
                unit=unit,
                kind=Kind.STAT,
                no_value="None expires, or the exporter is down."
                if title.startswith("Credentials")
                else _DOWN,
                steps=steps,
                words=words,
            ),
            4,
            4,
        )
    layout.add(
        Panel(
            title="Version",
            description="The version of each exporter.",
            queries=[
                Query(
                    expr=f"sum by (instance, version, revision) (modelarts_exporter_build_info{{{EXPORTER}}})"
                )
            ],
            kind=Kind.TABLE,
            no_value=_DOWN,
            columns=[
                Column("instance", "Exporter"),
                Column("version", "Version"),
                Column("revision", "Revision"),
            ],
        ),
        9,
        4,
    )
    add_alerts(layout, ".*")


def _requests(layout: Layout) -> None:
    layout.row("Requests to the cloud")
    layout.add(
        Panel(
            title="Requests by API",
            description="The APIs that are asked most, in requests per second.",
            queries=[
                Query(
                    expr=f"topk(10, sum by (api) (rate({_REQUESTS}{{{EXPORTER}}}[$__rate_interval])))",
                    legend="{{api}}",
                )
            ],
            unit="reqps",
            kind=Kind.STACK,
            no_value=_DOWN,
        ),
        12,
        9,
    )
    failed = f'rate({_REQUESTS}{{{EXPORTER}, code!~"2.."}}[$__rate_interval])'
    layout.add(
        Panel(
            title="Share of failed requests",
            description="Requests that got no response, or one with an error, by API.",
            queries=[
                Query(
                    expr=f"topk(10, sum by (cloud, api) ({failed}) / sum by (cloud, api) (rate({_REQUESTS}{{{EXPORTER}}}[$__rate_interval])) > 0)",
                    legend="{{cloud}} {{api}}",
                )
            ],
            unit="percentunit",
            no_value="No request failed, or the exporter was down.",
            maximum=1.0,
        ),
        12,
        9,
    )
    layout.add(
        Panel(
            title="Latency",
            description="Response times of all APIs: the median and the 99th percentile.",
            queries=[
                Query(
                    expr=f"histogram_quantile({quantile}, sum by (le, cloud) (rate(modelarts_exporter_api_request_duration_seconds_bucket{{{EXPORTER}}}[$__rate_interval])))",
                    legend=f"{{{{cloud}}}}: {legend}",
                )
                for quantile, legend in ((0.5, "median"), (0.99, "99 %"))
            ],
            unit="s",
            no_value=_DOWN,
        ),
        12,
        9,
    )
    retries = "modelarts_exporter_api_retries_total"
    throttled = f'{EXPORTER}, code="429"'
    layout.add(
        Panel(
            title="Throttled and retried",
            description="How many requests the cloud rejected with 429 within each bar's "
            "time, and how many were retried, by reason.",
            queries=[
                Query(
                    expr=f"{counted(_REQUESTS, throttled, 'cloud')} > 0",
                    legend="{{cloud}}: throttled",
                ),
                Query(
                    expr=f"{counted(retries, EXPORTER, 'cloud, reason')} > 0",
                    legend="{{cloud}}: retried after {{reason}}",
                ),
            ],
            kind=Kind.BARS,
            decimals=0,
            no_value="None, or the exporter was down.",
        ),
        12,
        9,
    )


def _collections(layout: Layout) -> None:
    layout.row("Collections")
    by, name = "by (project, kind, api_version)", "{{project}} {{kind}} {{api_version}}"
    layout.add(
        Panel(
            title="Slowest collections",
            description="Durations of the slowest collections and of whole scrapes, and the "
            "scrape timeout that they must stay below.",
            queries=[
                Query(
                    expr=f"topk(5, max {by} (modelarts_collection_duration_seconds{{{EXPORTER}}}))",
                    legend=name,
                ),
                Query(
                    expr=f"max by (instance) (scrape_duration_seconds{{{EXPORTER}}})",
                    legend="scrape of {{instance}}",
                ),
                Query(
                    expr=f"max by (instance) (modelarts_exporter_scrape_timeout_seconds{{{EXPORTER}}})",
                    legend="timeout of {{instance}}",
                ),
            ],
            unit="s",
            no_value=_DOWN,
        ),
        12,
        9,
    )
    layout.add(
        Panel(
            title="Age of the last complete collection",
            description="The collections whose last complete one is oldest.",
            queries=[
                Query(
                    expr=f"topk(5, time() - max {by} (modelarts_collection_last_success_timestamp_seconds{{{EXPORTER}}}))",
                    legend=name,
                )
            ],
            unit="s",
            no_value=_DOWN,
        ),
        12,
        9,
    )
    layout.add(
        Panel(
            title="Not offered",
            description="APIs that the cloud does not offer to a project. They are asked for "
            "again every hour.",
            queries=[
                Query(
                    expr=f"min {by} (modelarts_offered{{{EXPORTER}}}) == 0",
                )
            ],
            kind=Kind.TABLE,
            no_value="Everything is offered, or the exporter is down.",
            columns=[
                Column("project", "Project"),
                Column("kind", "Kind"),
                Column("api_version", "API"),
            ],
        ),
        8,
        8,
    )


def _process(layout: Layout) -> None:
    for title, description, expr, unit in (
        (
            "CPU",
            "CPU seconds per second: 100 % is a whole core, the most it can use.",
            f"rate(process_cpu_seconds_total{{{EXPORTER}}}[$__rate_interval])",
            "percentunit",
        ),
        (
            "Memory",
            "Resident memory.",
            f"process_resident_memory_bytes{{{EXPORTER}}}",
            "bytes",
        ),
    ):
        layout.add(
            Panel(
                title=title,
                description=description,
                queries=[
                    Query(expr=f"sum by (instance) ({expr})", legend="{{instance}}")
                ],
                unit=unit,
                no_value=_DOWN,
            ),
            8,
            8,
        )
