"""The thresholds that the alert rules and the status page share."""

from __future__ import annotations

import re

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


_DURATION: Final = re.compile("([0-9]{1,9})([mhdw])")
_UNIT_SECONDS: Final = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


class Severity(StrEnum):
    """The label `severity` of an alert."""

    CRITICAL = "critical"
    WARNING = "warning"


class Concern(StrEnum):
    """What an alert is about, whatever the product."""

    QUOTA = "quota"
    """No room for more."""

    CAPACITY = "capacity"
    """Little room for more."""

    WAITING = "waiting"
    """Something should have started by now."""

    RUNNING = "running"
    """Something should have ended by now."""

    HEALTH = "health"


@dataclass(frozen=True, slots=True)
class Alert:
    """
    An alert of `deploy/prometheus/rules`, named as there.

    It fires above `threshold`: a number, a ratio, or seconds. Prometheus also waits
    for the rule's `for`; the status page does not.
    """

    name: str
    concern: Concern
    threshold: float = 0.0
    severity: Severity = Severity.WARNING
    label: str = ""
    """The label by which a project can have its own threshold, such as `3d`; or none."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds of a project with these configured labels."""

    labels: Mapping[str, str] = field(default_factory=dict)

    def of(self, alert: Alert) -> float:
        """Return the project's own threshold, or the alert's if it has none."""
        own = _DURATION.fullmatch(self.labels.get(alert.label, ""))
        return int(own[1]) * _UNIT_SECONDS[own[2]] if own else alert.threshold


RUNNING_QUOTA_FULL: Final = Alert("ModelArtsRunningQuotaFull", Concern.QUOTA, 1)
"""It fires at the threshold, if jobs wait."""

CAPACITY_HIGH: Final = Alert("ModelArtsCapacityHigh", Concern.CAPACITY, 0.8)
CAPACITY_CRITICAL: Final = Alert(
    "ModelArtsCapacityCritical", Concern.CAPACITY, 0.95, Severity.CRITICAL
)
NO_JOB_CAN_BE_CREATED: Final = Alert(
    "ModelArtsNoJobCanBeCreated", Concern.QUOTA, 0, Severity.CRITICAL
)
"""It fires at the threshold: how many more jobs can be created."""

JOB_RUNS_LONG: Final = Alert(
    "ModelArtsJobRunsLong", Concern.RUNNING, 2 * 86_400, label="max_job_duration"
)
JOBS_WAIT_LONG: Final = Alert(
    "ModelArtsJobsWaitLong", Concern.WAITING, 3600, label="max_job_wait"
)

POOL_UNHEALTHY: Final = Alert("ModelArtsPoolUnhealthy", Concern.HEALTH)
POOL_NODES_ABNORMAL: Final = Alert("ModelArtsPoolNodesAbnormal", Concern.HEALTH)
POOL_NODES_MISSING: Final = Alert("ModelArtsPoolNodesMissing", Concern.HEALTH)
POOL_FROZEN: Final = Alert(
    "ModelArtsPoolFrozen", Concern.HEALTH, severity=Severity.CRITICAL
)
POOL_FULL: Final = Alert("ModelArtsPoolFull", Concern.QUOTA, 0.95)
"""If work is queued."""

POOL_QUEUE_LONG: Final = Alert("ModelArtsPoolQueueLong", Concern.WAITING, 3600)

SERVICE_CONCERNING: Final = Alert("ModelArtsServiceConcerning", Concern.HEALTH)
SERVICE_FAILED: Final = Alert("ModelArtsServiceFailed", Concern.HEALTH)
SERVICE_DEPLOYS_LONG: Final = Alert(
    "ModelArtsServiceDeploysLong", Concern.WAITING, 1800
)
SERVICE_WAITS_FOR_RESOURCES: Final = Alert(
    "ModelArtsServiceWaitsForResources", Concern.WAITING, 1800
)

LITE_SERVER_FAILED: Final = Alert("ModelArtsLiteServerFailed", Concern.HEALTH)
MAINTENANCE_NEEDS_CONSENT: Final = Alert(
    "ModelArtsMaintenanceNeedsConsent", Concern.WAITING
)
