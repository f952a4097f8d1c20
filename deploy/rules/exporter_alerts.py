"""Alerts about the exporter and its collections."""

from __future__ import annotations

from typing import Final

from deploy.rules.holding import PROCESS
from deploy.rules.rule import Alert, Group, Severity
from deploy.rules.values import Values


_EXPORTER: Final = "modelarts-exporter?var-instance={{ $labels.instance | urlquery }}"
_PROJECT: Final = (
    "modelarts-project?var-project={{ $labels.project | urlquery }}"
    "&var-kind={{ $labels.kind }}&var-api_version={{ $labels.api_version }}"
)
# The most frequent reason, if one is known.
_REASON: Final = (
    '{{ with query (printf "topk(1, sum by (reason)'
    " (increase(modelarts_collection_errors_total"
    '{project=%q,kind=%q,api_version=%q,job=%q}[15m])) > 0)"'
    " $labels.project $labels.kind $labels.api_version $labels.job) }}"
    ' Reason: {{ . | first | label "reason" }}.{{ end }}'
)


def exporter_group(values: Values) -> Group:
    """Return the group."""
    return Group(
        "modelarts-exporter", (*_scrapes(values), *_collections(values), *_rest())
    )


def _scrapes(values: Values) -> tuple[Alert, ...]:
    return (
        Alert(
            "ModelArtsExporterDown",
            Severity.CRITICAL,
            "5m",
            f'up{{job=~"{values["exporter_jobs"]}"}} == 0',
            "The ModelArts exporter cannot be scraped.",
            f"""
            Prometheus has failed to scrape {{{{ $labels.instance }}}} (job {{{{ $labels.job }}}})
            for ${{for}}. Nothing new is known of its projects: alerts about them keep their
            state for {values["hold"]}, and then resolve.
            """,
            _EXPORTER,
            is_of_project=False,
        ),
        Alert(
            "ModelArtsExporterAbsent",
            Severity.CRITICAL,
            "15m",
            "absent(modelarts_exporter_build_info)",
            "No ModelArts exporter is scraped.",
            """
            No target has exported modelarts_exporter_build_info for ${for}{{ with
            $labels.job }} (job {{ . }}){{ end }}: the scrape job is missing, or service
            discovery finds no target.
            """,
            "modelarts-fleet",
            is_of_project=False,
        ),
    )


def _collections(values: Values) -> tuple[Alert, ...]:
    return (
        Alert(
            "ModelArtsProjectNotCollected",
            Severity.WARNING,
            "8m",
            # If all fail, half of 15 minutes are over after seven. One that works again is
            # over after five, whatever its share. All scrapes count: numbers that are
            # recorded each minute would miss what fails in step with that.
            f"""
            1 - sum without ({PROCESS}) (sum_over_time(modelarts_up[15m]))
            / sum without ({PROCESS}) (count_over_time(modelarts_up[15m]))
            > {values["failed_collections_percent"]} / 100
            and min without ({PROCESS}) (min_over_time(modelarts_up[5m])) == 0
            and project_kind_api_version:modelarts_up:last
            """,
            "A ModelArts project is not collected.",
            f"""
            {{{{ $value | humanizePercentage }}}} of the collections of {{{{ $labels.kind }}}}
            ({{{{ $labels.api_version }}}}) of {{{{ $labels.project }}}} failed within 15 minutes.{_REASON}
            Alerts about its numbers keep their state. The status page,
            {values["status_page_url"]}, says what to do.
            """,
            _PROJECT,
        ),
        Alert(
            "ModelArtsCredentialExpiresSoon",
            Severity.WARNING,
            "2m",
            f"""
            min without (instance, pod, node) (
              modelarts_exporter_credential_expiry_timestamp_seconds
            )
            - time() < {values.seconds("credential_expiry")}
            """,
            "A ModelArts credential is about to expire.",
            """
            The token for {{ $labels.project }} on the cloud {{ $labels.cloud }} expires in {{
            $value | humanizeDuration }} and has not been renewed. The exporter renews it 15
            minutes before.
            """,
            "modelarts-exporter",
            has_cloud=True,
        ),
        Alert(
            "ModelArtsCollectionSlow",
            Severity.WARNING,
            "15m",
            f"""
            project_kind_api_version:modelarts_collection_duration_per_timeout:ratio
            > {values["slow_collection_percent"]} / 100
            """,
            "A ModelArts collection takes most of the scrape timeout.",
            f"""
            Collecting {{{{ $labels.kind }}}} ({{{{ $labels.api_version }}}}) of
            {{{{ $labels.project }}}} takes {{{{ $value | humanizePercentage }}}} of the scrape
            timeout, for ${{for}} more than {values["slow_collection_percent"]} %.{_REASON}
            """,
            "modelarts-exporter",
        ),
        Alert(
            "ModelArtsThrottled",
            Severity.WARNING,
            "15m",
            f"""
            sum without (api, code) (increase(modelarts_exporter_api_requests_total{{code="429"}}[15m]))
            > {values["throttled_requests"]}
            """,
            "ModelArts throttles the exporter.",
            """
            The cloud {{ $labels.cloud }} rejected {{ $value | humanize }} requests of {{
            $labels.instance }} with status 429 within 15 minutes.
            """,
            _EXPORTER,
            is_of_project=False,
        ),
    )


def _rest() -> tuple[Alert, ...]:
    return (
        Alert(
            "ModelArtsConfigurationNotReloaded",
            Severity.WARNING,
            "5m",
            "modelarts_exporter_config_last_reload_successful == 0",
            "The ModelArts exporter's configuration has errors.",
            """
            {{ $labels.instance }} could not reload its configuration, and runs with the
            previous one. Its log says what is wrong.
            """,
            _EXPORTER,
            is_of_project=False,
        ),
        Alert(
            "ModelArtsDiscoveryFails",
            Severity.WARNING,
            "15m",
            "modelarts_discovery_up == 0",
            "The projects of a cloud cannot be listed.",
            """
            {{ $labels.instance }} has not been able to list the projects of the cloud {{
            $labels.cloud }} for ${for}. New projects are not collected, and deleted ones
            still are.
            """,
            _EXPORTER,
            is_of_project=False,
        ),
        Alert(
            "ModelArtsDiscoveryLeavesOut",
            Severity.WARNING,
            "15m",
            'modelarts_discovery_projects{state=~"over_limit|conflict"} > 0',
            "Projects of a cloud are listed and not collected.",
            """
            {{ $value }} of the listed projects of the cloud {{ $labels.cloud }} are not
            collected by {{ $labels.instance }}: {{ if eq $labels.state "over_limit" }}there are
            more than max_projects{{ else }}another project has the same name{{ end }}.
            """,
            _EXPORTER,
            is_of_project=False,
        ),
    )
