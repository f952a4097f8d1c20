"""The dashboard of the exporter itself: its state, requests, collections and process."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from panels import EXPORTER, Layout, Panel, Query, new_dashboard


UID = "modelarts-exporter"


def exporter() -> dashboard.Dashboard:
    """Return the dashboard."""
    builder = new_dashboard(
        UID,
        "ModelArts / Exporter",
        "The exporter: its requests to the cloud, its collections against the scrape "
        "timeout, its credentials and its configuration.",
        "modelarts_exporter_build_info",
    )
    layout = Layout(builder)
    _state(layout)
    _requests(layout)
    _collections(layout)
    _process(layout)
    return builder


def _state(layout: Layout) -> None:
    layout.row("State")
    layout.add(
        Panel(
            title="Version",
            description="The version of each exporter.",
            queries=[
                Query(
                    expr=f"sum by (instance, version, revision) (modelarts_exporter_build_info{{{EXPORTER}}})",
                    instant=True,
                    is_table=True,
                )
            ],
            unit="short",
            kind="table",
            columns=[
                ("instance", "Exporter", ""),
                ("version", "Version", ""),
                ("revision", "Revision", ""),
            ],
        ),
        9,
        5,
    )
    layout.add(
        Panel(
            title="Configuration",
            description="Whether the last read of the configuration found no errors.",
            queries=[
                Query(
                    expr=f"min(modelarts_exporter_config_last_reload_successful{{{EXPORTER}}})"
                )
            ],
            unit="short",
            kind="stat",
            words=(("0", "has errors", "red"), ("1", "good", "green")),
        ),
        5,
        5,
    )
    layout.add(
        Panel(
            title="Credentials expire in",
            description="The token that expires first. It is renewed 15 minutes before "
            "that; access keys do not expire.",
            queries=[
                Query(
                    expr=f"min by (cloud) (modelarts_exporter_credential_expiry_timestamp_seconds{{{EXPORTER}}}) - time()",
                    legend="{{cloud}}",
                )
            ],
            unit="s",
            kind="stat",
            no_value="No credential that expires is in use.",
            steps=(("red", None), ("orange", 600.0), ("green", 1200.0)),
        ),
        5,
        5,
    )
    layout.add(
        Panel(
            title="Clock skew",
            description="The API's clock minus the exporter's. Signatures are rejected "
            "above 15 minutes.",
            queries=[
                Query(
                    expr=f"max by (cloud) (abs(modelarts_exporter_clock_skew_seconds{{{EXPORTER}}}))",
                    legend="{{cloud}}",
                )
            ],
            unit="s",
            kind="stat",
            steps=(("green", None), ("orange", 60.0), ("red", 300.0)),
        ),
        5,
        5,
    )


def _requests(layout: Layout) -> None:
    layout.row("Requests to the cloud")
    layout.add(
        Panel(
            title="Requests by API and status",
            description="Requests per second; error means that there was no response.",
            queries=[
                Query(
                    expr=f"sum by (api, code) (rate(modelarts_exporter_api_requests_total{{{EXPORTER}}}[$__rate_interval]))",
                    legend="{{api}} {{code}}",
                )
            ],
            unit="reqps",
            stacked=True,
        ),
        8,
        8,
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
        ),
        8,
        8,
    )
    layout.add(
        Panel(
            title="Throttled and retried",
            description="Requests that the cloud rejected with 429, and requests retried, "
            "by reason.",
            queries=[
                Query(
                    expr=f'sum by (cloud) (rate(modelarts_exporter_api_requests_total{{{EXPORTER}, code="429"}}[$__rate_interval]))',
                    legend="{{cloud}}: throttled",
                ),
                Query(
                    expr=f"sum by (cloud, reason) (rate(modelarts_exporter_api_retries_total{{{EXPORTER}}}[$__rate_interval]))",
                    legend="{{cloud}}: retried after {{reason}}",
                ),
            ],
            unit="reqps",
            no_value="None.",
        ),
        8,
        8,
    )


def _collections(layout: Layout) -> None:
    layout.row("Collections")
    layout.add(
        Panel(
            title="Slowest collections",
            description="Durations of the slowest projects' collections and of whole "
            "scrapes, and the scrape timeout that they must stay below.",
            queries=[
                Query(
                    expr=f"topk(5, max by (project, kind, api_version) (modelarts_collection_duration_seconds{{{EXPORTER}}}))",
                    legend="{{project}} {{kind}} {{api_version}}",
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
        ),
        12,
        8,
    )
    layout.add(
        Panel(
            title="Age of the last complete collection",
            description="The projects whose last complete collection is oldest.",
            queries=[
                Query(
                    expr=f"topk(5, time() - max by (project, kind, api_version) (modelarts_collection_last_success_timestamp_seconds{{{EXPORTER}}}))",
                    legend="{{project}} {{kind}} {{api_version}}",
                )
            ],
            unit="s",
        ),
        12,
        8,
    )


def _process(layout: Layout) -> None:
    layout.row("Process")
    layout.add(
        Panel(
            title="CPU",
            description="CPU seconds per second: 1 is a whole core, the most it can use.",
            queries=[
                Query(
                    expr=f"sum by (instance) (rate(process_cpu_seconds_total{{{EXPORTER}}}[$__rate_interval]))",
                    legend="{{instance}}",
                )
            ],
            unit="percentunit",
        ),
        8,
        7,
    )
    layout.add(
        Panel(
            title="Memory",
            description="Resident memory.",
            queries=[
                Query(
                    expr=f"sum by (instance) (process_resident_memory_bytes{{{EXPORTER}}})",
                    legend="{{instance}}",
                )
            ],
            unit="bytes",
        ),
        8,
        7,
    )
    layout.add(
        Panel(
            title="Shared collections",
            description="Collections per second that joined a running one.",
            queries=[
                Query(
                    expr=f"sum by (instance) (rate(modelarts_exporter_coalesced_collections_total{{{EXPORTER}}}[$__rate_interval]))",
                    legend="{{instance}}",
                )
            ],
            unit="short",
        ),
        8,
        7,
    )
