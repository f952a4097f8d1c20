"""The values in the rules: thresholds, times and addresses, with their defaults."""

from __future__ import annotations

import re

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol


class Form(Enum):
    """How a value is written: a pattern that the whole of it matches."""

    DURATION = r"[0-9]+[smhdw]"
    NUMBER = r"[0-9]+(\.[0-9]+)?"
    TEXT = r"[^\n]+"


@dataclass(frozen=True)
class Value:
    """A value in the rules, and what it is."""

    name: str
    default: str
    form: Form
    meaning: str

    label: str = ""
    """The configured label by which a project can have its own, if it can."""

    @property
    def flag(self) -> str:
        """As an option of the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def key(self) -> str:
        """As the Helm chart's values have it."""
        first, *others = self.name.split("_")
        return first + "".join(other.capitalize() for other in others)


_STATUS_PAGE: Final = (
    'http://{{ with query (printf "(modelarts_up{project=%q,job=%q}'
    " and on (job, instance) modelarts_exporter_build_info)"
    ' or on () modelarts_exporter_build_info" $labels.project $labels.job) }}'
    '{{ . | sortByLabel "instance" | first | label "instance" }}{{ end }}/'
)

VALUES: Final = (
    Value(
        "hold",
        "15m",
        Form.DURATION,
        "for how long alerts keep their state while the exporter cannot be scraped",
    ),
    Value(
        "keep_firing_for",
        "5m",
        Form.DURATION,
        "for how long an alert fires on when its condition has ended",
    ),
    Value(
        "failed_collections_percent",
        "50",
        Form.NUMBER,
        "failed collections of the last 15 minutes: ModelArtsProjectNotCollected",
    ),
    Value(
        "slow_collection_percent",
        "80",
        Form.NUMBER,
        "of the scrape timeout: ModelArtsCollectionSlow",
    ),
    Value(
        "throttled_requests",
        "5",
        Form.NUMBER,
        "rejected with status 429 within 15 minutes: ModelArtsThrottled",
    ),
    Value(
        "credential_expiry",
        "10m",
        Form.DURATION,
        "before a token expires: ModelArtsCredentialExpiresSoon",
    ),
    Value(
        "capacity_high_percent",
        "80",
        Form.NUMBER,
        "of the jobs that can exist: ModelArtsCapacityHigh",
    ),
    Value(
        "capacity_critical_percent",
        "95",
        Form.NUMBER,
        "of the jobs that can exist: ModelArtsCapacityCritical",
    ),
    Value(
        "capacity_forecast",
        "1d",
        Form.DURATION,
        "how far to look ahead: ModelArtsCapacityUsedUpSoon",
    ),
    Value(
        "quota_history",
        "7d",
        Form.DURATION,
        "the time whose highest quota counts: ModelArtsQuotaLowered",
    ),
    Value(
        "failed_jobs_percent",
        "50",
        Form.NUMBER,
        "of the jobs that finished within an hour: ModelArtsJobsFail",
    ),
    Value(
        "finished_jobs_minimum",
        "5",
        Form.NUMBER,
        "fewer finished jobs do not count: ModelArtsJobsFail",
    ),
    Value(
        "max_job_duration",
        "2d",
        Form.DURATION,
        "how long a job may run: ModelArtsJobRunsLong",
        label="max_job_duration",
    ),
    Value(
        "max_job_wait",
        "1h",
        Form.DURATION,
        "how long a job may wait: ModelArtsJobsWaitLong",
        label="max_job_wait",
    ),
    Value(
        "pool_full_percent",
        "95",
        Form.NUMBER,
        "of a pool is allocated: ModelArtsPoolFull, ModelArtsPoolFragmented",
    ),
    Value(
        "max_pool_queue_time",
        "1h",
        Form.DURATION,
        "how long a workload may be queued: ModelArtsPoolQueueLong",
    ),
    Value(
        "max_pool_usage_age",
        "15m",
        Form.DURATION,
        "how old measurements may be: ModelArtsPoolUsageStale",
    ),
    Value(
        "notebook_storage_gib",
        "500",
        Form.NUMBER,
        "that stopped notebooks may keep: ModelArtsNotebooksLeftStopped",
    ),
    Value(
        "max_stopped_notebook_age",
        "14d",
        Form.DURATION,
        "of the oldest stopped notebook: ModelArtsNotebooksLeftStopped",
    ),
    Value(
        "max_service_deploy_time",
        "30m",
        Form.DURATION,
        "how long a service may deploy: ModelArtsServiceDeploysLong",
    ),
    Value(
        "max_service_wait",
        "30m",
        Form.DURATION,
        "how long it may wait for resources: ModelArtsServiceWaitsForResources",
    ),
    Value(
        "maintenance_notice",
        "1d",
        Form.DURATION,
        "before an event begins: ModelArtsMaintenanceHitsRunningJobs",
    ),
    Value(
        "exporter_jobs",
        ".*modelarts.*",
        Form.TEXT,
        "the scrape jobs of exporters, a regular expression",
    ),
    Value(
        "dashboard_url",
        "http://localhost:3000",
        Form.TEXT,
        "Grafana's address, without a slash at its end",
    ),
    Value(
        "runbook_url",
        "https://github.com/modelarts-exporter/modelarts-exporter/blob/main/docs/runbooks/",
        Form.TEXT,
        "what stands before the runbooks' names",
    ),
    Value(
        "status_page_url",
        _STATUS_PAGE,
        Form.TEXT,
        "the status page's address; by default the exporter's as Prometheus has it",
    ),
)

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Values(Protocol):
    """The values as the rules' texts have them."""

    def __getitem__(self, name: str) -> str:
        """Return a value as it is written."""

    def seconds(self, name: str) -> str:
        """Return a duration in seconds, since PromQL compares numbers."""

    def wait(self, wait: str) -> str:
        """Return what an alert's description says of its `for`."""


class Chosen:
    """The defaults, but for those that are chosen."""

    def __init__(self, chosen: Mapping[str, str] | None = None) -> None:
        """Raises ValueError if a value has another form than its own."""
        self._texts = {value.name: value.default for value in VALUES}
        self._texts |= chosen or {}
        for value in VALUES:
            if not re.fullmatch(value.form.value, self[value.name]):
                form = value.form.name.lower()
                raise ValueError(f"{value.name}: {self[value.name]!r} is no {form}")

    def __getitem__(self, name: str) -> str:
        """Return a value as it is written."""
        return self._texts[name]

    def seconds(self, name: str) -> str:
        """Return a duration in seconds."""
        text = self[name]
        return str(int(text[:-1]) * _SECONDS[text[-1]])

    def wait(self, wait: str) -> str:
        """Return it as it is."""
        return wait


class Placeholders:
    """What the Helm chart replaces by its own values."""

    def __init__(self) -> None:
        """By the values' names."""
        self._keys = {value.name: value.key for value in VALUES}

    def __getitem__(self, name: str) -> str:
        """Return the place of a value."""
        return f"${{{self._keys[name]}}}"

    def seconds(self, name: str) -> str:
        """Return the place of a duration in seconds."""
        return f"${{{self._keys[name]}.seconds}}"

    def wait(self, wait: str) -> str:
        """Return the place of an alert's own `for`."""
        return "${for}"
