"""The Compose stack's Alertmanager: who is notified, and of what not twice."""

import re
import subprocess

import httpx
import pytest
import yaml

from dashboard_files import ROOT
from programs import an_alertmanager, wait_until


CONFIGURATION = ROOT / "deploy/compose/alertmanager.yml"
PROJECT = {
    "job": "modelarts",
    "instance": "e:10198",
    "project": "a",
    "kind": "training",
}


@pytest.mark.needs("amtool")
def test_alertmanagers_own_tool_accepts_it():
    """Without a complaint."""
    command = ["amtool", "check-config", CONFIGURATION]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "SUCCESS" in done.stdout


def test_the_documented_routes():
    """They are the ones that are tested."""
    text = (ROOT / "docs/monitoring.md").read_text()
    found = re.search(r"<!-- The tests route.*?```yaml\n(.*?)```", text, re.DOTALL)[1]

    assert (
        yaml.safe_load(found)["route"]
        == yaml.safe_load(CONFIGURATION.read_text())["route"]
    )


@pytest.mark.needs("amtool")
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "ModelArtsJobRunsLong", "team": "vision"}, "vision"),
        ({"alertname": "ModelArtsProjectNotCollected", "team": "speech"}, "speech"),
        ({"alertname": "ModelArtsJobRunsLong", "team": "unknown"}, "platform"),
        ({"alertname": "ModelArtsExporterDown"}, "platform"),
    ],
    ids=["a team", "another team", "no team", "the exporter"],
)
def test_alerts_are_routed_by_team(labels, receiver):
    """To the team of the project; what has none goes to who runs the exporter."""
    subprocess.run(
        [
            *("amtool", "config", "routes", "test"),
            f"--config.file={CONFIGURATION}",
            f"--verify.receivers={receiver}",
            *(f"{name}={value}" for name, value in labels.items()),
        ],
        check=True,
    )


def suppressed(url, alerts):
    """Return which of the alerts an Alertmanager suppresses, by their places."""
    found = [
        one["labels"]
        for one in httpx.get(url).json()
        if one["status"]["state"] == "suppressed"
    ]
    return {place for place, labels in enumerate(alerts) if labels in found}


@pytest.mark.slow
@pytest.mark.needs("prometheus-alertmanager")
def test_one_cause_is_one_notification(tmp_path):
    """The consequence is suppressed, for the same project, version or pool alone."""
    none_left = {"alertname": "ModelArtsNoJobCanBeCreated", **PROJECT}
    nearly = {"alertname": "ModelArtsCapacityCritical", **PROJECT}
    alerts = [
        {**none_left, "api_version": "v1"},
        {**nearly, "api_version": "v1"},
        {**nearly, "api_version": "v2"},
        {**nearly, "api_version": "v1", "project": "b"},
        {"alertname": "ModelArtsExporterDown", "instance": "e:10198"},
        {"alertname": "ModelArtsExporterAbsent"},
        {"alertname": "ModelArtsPoolFull", **PROJECT, "pool": "1"},
        {"alertname": "ModelArtsPoolQueueLong", **PROJECT, "pool": "1"},
        {"alertname": "ModelArtsPoolQueueLong", **PROJECT, "pool": "2"},
    ]
    posted = [{"labels": labels} for labels in alerts]
    with an_alertmanager(tmp_path, CONFIGURATION.read_text()) as address:
        url = f"http://{address}/api/v2/alerts"
        wait_until(lambda: httpx.post(url, json=posted).is_success)
        wait_until(lambda: {1, 5, 7} <= suppressed(url, alerts))

        assert suppressed(url, alerts) == {1, 5, 7}
