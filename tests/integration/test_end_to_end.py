"""
From the cloud to a webhook: simulator, exporter, the real Prometheus and Alertmanager.

The rules are the shipped ones, with seconds instead of minutes.
"""

import asyncio
import contextlib
import dataclasses
import re

import httpx
import pytest

from dashboard_files import DASHBOARDS, ROOT, TARGETS, with_values
from harness import configuration, exporting, simulated
from msgspec.structs import replace
from programs import (
    query_prometheus,
    running_alertmanager,
    running_prometheus,
    wait_until,
)
from webhook import running_webhook

from exporter.collectors.registry import REGISTRY
from exporter.config import JobSeries, NotebookSeries, Prices, ServiceSeries
from exporter.simulator import (
    DEMO_PRICES,
    GPU_FLAVOR,
    Effect,
    Fault,
    Jobs,
    RealClock,
    demo_cloud,
    serve,
)
from exporter.simulator.scheduled_events import ScheduledEvent, ScheduledEvents
from exporter.simulator.services import Service
from exporter.simulator.state import Placement


pytestmark = pytest.mark.needs("prometheus", "prometheus-alertmanager")
# This cloud has no data for these; another test draws them with data.
DRAWN_WITH_DATA = ("modelarts-exporter: Not offered",)


RULES = ROOT / "deploy/prometheus/rules"
TEAMS = {"full": "vision", "broken": "speech"}
PRODUCTS = ("pools", "notebooks", "services", "lite_servers", "scheduled_events")
# The last one has no problem.
PROJECTS = (
    "full",
    "failing",
    "exhausted",
    "broken",
    "modern",
    "throttled",
    "quiet",
)


def in_seconds(text):
    """Return rules whose times are seconds instead of minutes."""
    text = re.sub(r"for: \d+m", "for: 2s", text)
    text = text.replace("interval: 1m", "interval: 1s")
    return re.sub(r"\[(1h|15m|5m)\]", "[15s]", text)


def cloud_with_problems():
    """Return a cloud with every kind of problem."""
    cloud = simulated(*PROJECTS, clock=RealClock(1.0))
    now = cloud.clock.now()
    by_name = {project.name: project for project in cloud.projects}
    full = by_name["full"].training
    full.jobs.clear()
    full.quota, full.capacity = 2, 100
    full.create_job(8, created=now - 300_000)
    full.create_job(8, created=now - 5000)
    full.create_job(7, created=now - 4000)
    by_name["exhausted"].training.capacity = len(by_name["exhausted"].training.jobs)
    modern = by_name["modern"]
    modern.training_api = "v2"
    for job in modern.training.jobs:
        job.flavor = GPU_FLAVOR
    add_products(by_name)
    for project in cloud.projects:
        project.visualization.create_job(8, created=now - 600)
    cloud.faults.add(
        Fault(
            effect=Effect.STATUS,
            status=403,
            code="ModelArts.0108",
            project_id=by_name["broken"].project_id,
            api="training_jobs",
        )
    )
    return cloud, by_name


def add_products(by_name):
    """Give two projects the demo's products besides jobs."""
    demo = {project.name: project for project in demo_cloud().projects}
    for name, demo_project in (("modern", "vision"), ("failing", "speech")):
        project = by_name[name]
        for product in PRODUCTS:
            setattr(project, product, getattr(demo[demo_project], product))
    by_name["failing"].pools = demo["translation"].pools
    modern = by_name["modern"]
    pool = modern.pools.pools[0]
    now = RealClock(1.0).now()
    job = modern.training.create_job(8, created=now - 600)
    job.flavor = GPU_FLAVOR
    job.placement = Placement(pool.pool_id, pool.name, 8, "nvidia.com/gpu")
    # The demo's event is only in this state at times.
    waiting = ScheduledEvent(state="inquiring", pool=pool.pool_id, not_before=now + 600)
    modern.scheduled_events = ScheduledEvents([waiting])
    by_name["failing"].services.v1.append(Service(status="concerning"))


def with_products(configured):
    """Return the configuration, with all collectors for the projects that need them."""
    everything = REGISTRY.names.known
    projects = tuple(
        dataclasses.replace(one, collectors=everything)
        if one.name in {"modern", "failing"}
        else one
        for one in configured.projects
    )
    prices = Prices(currency="EUR", flavors=DEMO_PRICES)
    return dataclasses.replace(configured, projects=projects, prices=prices)


def with_teams(configured):
    """Return the configuration, with the label `team` for the projects that have one."""
    labels = {name: (("team", team),) for name, team in TEAMS.items()}
    projects = tuple(
        dataclasses.replace(one, labels=labels.get(one.name, ()))
        for one in configured.projects
    )
    return dataclasses.replace(configured, projects=projects)


async def change_jobs(by_name, cloud):
    """Let jobs fail and end, and requests be throttled, until the test ends."""
    throttled = by_name["throttled"].project_id
    throttling = Fault(effect=Effect.STATUS, status=429, project_id=throttled, times=0)
    while True:
        now = cloud.clock.now()
        for name, statuses in (("failing", (11, 11, 11, 10)), ("modern", (10, 11))):
            jobs: Jobs = by_name[name].training
            for status in statuses:
                jobs.finish_job(jobs.create_job(8, created=now - 30), status, now)
            while len(jobs.jobs) > 90:
                jobs.delete_job(next(job for job in jobs.jobs if job.ended))
        # One at a time: several, waiting for the first scrape, would delay all others.
        if throttling.times == 0:
            throttling = replace(throttling, times=1)
            cloud.faults.add(throttling)
        await asyncio.sleep(1)


@pytest.mark.timeout(240)
async def test_from_the_cloud_to_a_webhook(tmp_path):
    """Alerts arrive with labels and texts, and queries of dashboards find data."""
    cloud, by_name = cloud_with_problems()
    for file in RULES.glob("*.yml"):
        (tmp_path / file.name).write_text(in_seconds(file.read_text()))
    with running_webhook() as (webhook, hook):
        alertmanager = f"""\
route: {{receiver: test, group_by: [...], group_wait: 1s, group_interval: 1s}}
receivers:
  - name: test
    webhook_configs: [{{url: "{hook}", send_resolved: true}}]
"""
        async with serve(cloud) as cloud_url:
            configured = configuration(
                cloud,
                cloud_url,
                job_series=JobSeries(enabled=True),
                pool_nodes=True,
                notebook_series=NotebookSeries(enabled=True),
                service_series=ServiceSeries(enabled=True),
            )
            configured = with_products(with_teams(configured))
            async with exporting(configured) as exporter:
                changing = asyncio.create_task(change_jobs(by_name, cloud))
                try:
                    with running_alertmanager(tmp_path, alertmanager) as manager:
                        prometheus = f"""\
global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}}
rule_files: ["{tmp_path}/modelarts-*.yml"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{manager}"]}}]}}]}}
scrape_configs:
  - job_name: modelarts
    static_configs: [{{targets: ["{exporter.url.removeprefix("http://")}"]}}]
"""
                        with running_prometheus(tmp_path, prometheus) as url:
                            await asyncio.to_thread(
                                _check, webhook, url, cloud, by_name
                            )
                finally:
                    changing.cancel()


def _check(webhook, url, cloud, by_name):
    _alerts_arrive(webhook)
    _queries_find_data(url)
    _failures_resolve_nothing(webhook, cloud, by_name)
    _rules_are_healthy(url)
    # The waiting job is deleted, so the alert is resolved.
    full = by_name["full"].training
    full.delete_job(full.jobs[-1])
    wait_until(lambda: webhook.resolved("ModelArtsRunningQuotaFull", "full"))


def _alerts_arrive(webhook):
    for name, project, severity, words in (
        (
            "ModelArtsRunningQuotaFull",
            "full",
            "warning",
            r"\(v1\) as it may \(the quota is 2\)",
        ),
        (
            "ModelArtsJobRunsLong",
            "full",
            "warning",
            r"running for 3d 11h 2\dm.* It is \S+ \(\S+\)\.$",
        ),
        (
            "ModelArtsJobsWaitLong",
            "full",
            "warning",
            r"created 1h \dm \d+s ago.* It is \S+ \(\S+\)\.$",
        ),
        (
            "ModelArtsNoJobCanBeCreated",
            "exhausted",
            "critical",
            r"as many training jobs \(v1\) as can exist",
        ),
        ("ModelArtsCapacityCritical", "exhausted", "critical", r"has 100% of"),
        ("ModelArtsJobsFail", "failing", "warning", r"\d\d(\.\d+)?% of the training"),
        (
            "ModelArtsProjectNotCollected",
            "broken",
            "warning",
            r"\(v1\) of broken failed .* Reason: permission\..* http://127\.0\.0\.1:\d+/, ",
        ),
        ("ModelArtsThrottled", None, "warning", r"cloud otc rejected [\d.]+ requests"),
    ):
        alert = wait_until(lambda n=name, p=project: webhook.firing(n, p))
        assert alert["labels"]["severity"] == severity
        assert alert["labels"]["job"] == "modelarts"
        annotations = alert["annotations"]
        assert re.search(words, annotations["description"]), annotations
        assert annotations["summary"].endswith(".")
        assert "/d/modelarts-" in annotations["dashboard_url"]
        if project:
            assert alert["labels"]["kind"] == "training"
            assert alert["labels"]["team"] == TEAMS.get(project, "unknown")
            assert f"var-project={project}&" in annotations["dashboard_url"]
        assert annotations["runbook_url"].endswith(f"/{name}.md")
    assert webhook.firing("ModelArtsExporterDown") is None
    assert not [key for key in webhook.alerts if key[1] == "quiet"]


def _queries_find_data(url):
    missing = {
        name: with_values(expr)
        for name, expr in TARGETS
        if not name.startswith(DRAWN_WITH_DATA)
    }

    def are_found():
        for name in [
            name for name, expr in missing.items() if query_prometheus(url, expr)
        ]:
            del missing[name]
        return not missing

    with contextlib.suppress(pytest.fail.Exception):
        wait_until(are_found)
    assert not missing
    for name, expr in TARGETS:
        if name.startswith(DRAWN_WITH_DATA) or "project" not in expr:
            continue
        singles = [
            project
            for project in PROJECTS
            if query_prometheus(url, with_values(expr, "modelarts", project=project))
        ]
        assert singles, name
    for board in DASHBOARDS.values():
        for variable in board["templating"]["list"][1:]:
            query = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
            found = query_prometheus(url, with_values(query[1]))
            assert found
            if variable["name"] != "cluster":  # There is only one cluster.
                assert all(query[2] in one["metric"] for one in found), variable["name"]


def _rules_are_healthy(url):
    """No rule fails, for instance because it matches many series with many."""
    groups = httpx.get(f"{url}/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]

    assert len(rules) > 70
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    names = {rule["name"] for rule in rules if rule["type"] == "recording"}
    found = {
        name for name in names if query_prometheus(url, f"last_over_time({name}[1h])")
    }
    # Here, no project has these labels, no pool fails, and all products are collected.
    assert names - found <= {
        "project:modelarts_label_max_job_duration_seconds:max",
        "project:modelarts_label_max_job_wait_seconds:max",
        "project_pool:modelarts_pool_failed:max",
        "project_kind_api_version:modelarts_pools_up:held",
        "project_kind_api_version:modelarts_products_up:held",
    }


def _failures_resolve_nothing(webhook, cloud, by_name):
    """While the API fails, an alert about the project keeps firing."""
    fault = Fault(
        effect=Effect.STATUS,
        status=403,
        code="ModelArts.0108",
        project_id=by_name["full"].project_id,
    )
    with cloud.faults.on(fault):
        wait_until(lambda: webhook.firing("ModelArtsProjectNotCollected", "full"))
        assert webhook.firing("ModelArtsRunningQuotaFull", "full")
        assert webhook.firing("ModelArtsJobRunsLong", "full")
    wait_until(lambda: webhook.resolved("ModelArtsProjectNotCollected", "full"))
    assert webhook.firing("ModelArtsRunningQuotaFull", "full")
    notifications = webhook.alerts["ModelArtsRunningQuotaFull", "full"]
    assert {one["status"] for one in notifications} == {"firing"}


def test_the_shipped_rules_are_in_seconds():
    """Only times that no test here waits for are still in minutes."""
    for file in RULES.glob("*.yml"):
        assert not re.search(r"for: \d+m|\[1h\]|\[15m\]", in_seconds(file.read_text()))
