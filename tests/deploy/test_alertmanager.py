"""The Compose stack's Alertmanager: who is notified, and which alerts are inhibited."""

import re
import subprocess

import httpx
import pytest
import yaml

from dashboard_files import ROOT
from programs import running_alertmanager, wait_until


CONFIGURATION = ROOT / "deploy/compose/alertmanager.yml"


@pytest.mark.needs("amtool")
def test_amtool_accepts_it():
    """amtool accepts the configuration."""
    command = ["amtool", "check-config", CONFIGURATION]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "SUCCESS" in done.stdout


def test_the_documented_routes():
    """The documented routes are the tested ones."""
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
    """Alerts go to the project's team, or else to those who run the exporter."""
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
    """Return the indices of the alerts that an Alertmanager suppresses."""
    found = [
        one["labels"]
        for one in httpx.get(url).json()
        if one["status"]["state"] == "suppressed"
    ]
    return {index for index, labels in enumerate(alerts) if labels in found}


def project(alert, **labels):
    """Return the labels of an alert about a project."""
    about = {"job": "modelarts", "cloud": "otc", "project": "a", "kind": "training"}
    return {"alertname": f"ModelArts{alert}", **about, "api_version": "v1", **labels}


def exporter(alert, **labels):
    """Return the labels of an alert about the exporter."""
    return {
        "alertname": f"ModelArts{alert}",
        "job": "modelarts",
        "instance": "e:10198",
        **labels,
    }


NO_JOB = project("NoJobCanBeCreated")
CRITICAL = project("CapacityCritical")
NOT_COLLECTED = project("ProjectNotCollected")
DISCOVERY = exporter("DiscoveryFails", cloud="otc")
DOWN = exporter("ExporterDown")
ABSENT = {"alertname": "ModelArtsExporterAbsent"}
FULL = project("PoolFull", pool="1")


# The alerts that inhibit, those that are inhibited, and those that are not.
@pytest.mark.parametrize(
    ("causes", "consequences", "others"),
    [
        (
            [NO_JOB],
            [CRITICAL, project("CapacityHigh"), project("CapacityUsedUpSoon")],
            [
                project("CapacityCritical", api_version="v2"),
                project("CapacityHigh", project="b"),
                project("RunningQuotaFull"),
            ],
        ),
        (
            [CRITICAL],
            [project("CapacityHigh"), project("CapacityUsedUpSoon")],
            [project("CapacityHigh", job="other"), project("JobRunsLong")],
        ),
        (
            [DOWN],
            [DISCOVERY, NOT_COLLECTED, project("CollectionSlow")],
            [
                exporter("DiscoveryFails", cloud="otc", job="other"),
                # Another shard of the job may have this project.
                CRITICAL,
            ],
        ),
        ([DOWN], [ABSENT], []),
        (
            [ABSENT],
            [NOT_COLLECTED, CRITICAL, FULL],
            [{"alertname": "NodeDown", "job": "node"}],
        ),
        (
            [DISCOVERY],
            [NOT_COLLECTED, exporter("Throttled", cloud="otc")],
            [project("ProjectNotCollected", cloud="hwc"), CRITICAL],
        ),
        (
            [NOT_COLLECTED],
            [project("CollectionSlow")],
            [project("CollectionSlow", kind="visualization")],
        ),
        (
            [FULL],
            [project("PoolQueueLong", pool="1")],
            [project("PoolQueueLong", pool="2")],
        ),
    ],
    ids=[
        "no job",
        "critical",
        "exporter down",
        "the only exporter down",
        "no exporter",
        "discovery",
        "not collected",
        "pool",
    ],
)
@pytest.mark.slow
@pytest.mark.needs("prometheus-alertmanager")
def test_one_cause_is_one_notification(tmp_path, causes, consequences, others):
    """An alert is inhibited only by an alert with the same cause."""
    alerts = [*causes, *consequences, *others]
    places = range(len(causes), len(causes) + len(consequences))
    posted = [{"labels": labels} for labels in alerts]
    with running_alertmanager(tmp_path, CONFIGURATION.read_text()) as address:
        url = f"http://{address}/api/v2/alerts"
        wait_until(lambda: httpx.post(url, json=posted).is_success)
        wait_until(lambda: set(places) <= suppressed(url, alerts))

        assert suppressed(url, alerts) == set(places)


@pytest.mark.slow
@pytest.mark.needs("prometheus-alertmanager")
def test_a_failing_cloud_is_one_notification(tmp_path):
    """Alerts about its projects are in one group."""
    posted = [
        {"labels": project("ProjectNotCollected", project=f"p{number}", cloud=cloud)}
        for number in range(10)
        for cloud in ("otc", "hwc")
    ]
    with running_alertmanager(tmp_path, CONFIGURATION.read_text()) as address:
        wait_until(
            lambda: (
                httpx.post(f"http://{address}/api/v2/alerts", json=posted).is_success
            )
        )
        groups = wait_until(
            lambda: httpx.get(f"http://{address}/api/v2/alerts/groups").json()
        )

    assert sorted(len(group["alerts"]) for group in groups) == [10, 10]
