"""The status page's thresholds are those of the alert rules."""

import re

from pathlib import Path

import pytest

from rule_files import ALERTS

from deploy.rules.values import VALUES
from exporter.collectors import alerts
from exporter.collectors.alerts import Alert


ROOT = Path(__file__).parents[2]
RULES = {rule["alert"]: rule for rule in ALERTS}
OWN = {value.label for value in VALUES if value.label}
SHARED = [alert for alert in vars(alerts).values() if isinstance(alert, Alert)]


def thresholds(expression):
    """Return what an expression compares with, such as `80 / 100`; 1 for another series."""
    numbers = re.findall(r"[=><]=?\s*(\d[\d.]*)(?:\s*/\s*(\d+))?", expression)
    found = {float(number) / float(divisor or 1) for number, divisor in numbers}
    return found | ({1.0} if re.search("<= project_", expression) else set())


@pytest.mark.parametrize("alert", SHARED, ids=lambda alert: alert.name)
def test_a_rule_has_the_threshold(alert):
    """An alert's rule has its severity, its threshold and a runbook."""
    rule = RULES[alert.name]
    comparisons = thresholds(rule["expr"])

    assert rule["labels"]["severity"] == alert.severity
    # A state is 1 if it applies, instead of a number above 0.
    assert float(alert.threshold) in comparisons or comparisons == {1.0}
    assert rule["annotations"]["runbook_url"].endswith(f"/{alert.name}.md")


def test_projects_can_have_their_own_by_the_same_labels():
    """The labels are those that the rules use, and no others."""
    assert {alert.label for alert in SHARED} - {""} == OWN
