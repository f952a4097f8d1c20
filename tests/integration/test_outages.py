"""
What a webhook receives while the exporter is restarted, replaced, reloaded and killed.

Simulator, exporter, the real Prometheus and Alertmanager; the rules are the shipped
ones, but a minute is a second.
"""

import asyncio
import contextlib
import json
import re

from dataclasses import replace

import pytest

from dashboard_files import ROOT
from harness import configuration, exporting, simulated
from programs import (
    query_prometheus,
    running_alertmanager,
    running_prometheus,
    wait_until,
)
from webhook import running_webhook

from exporter.simulator import RealClock, serve


pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("prometheus", "prometheus-alertmanager"),
]

ALERTS = ("ModelArtsJobRunsLong", "ModelArtsNoJobCanBeCreated")


def in_seconds(text):
    """Return rules in which a minute is a second."""
    text = re.sub(r"(for: |interval: |\[)(\d+)m", r"\1\2s", text)
    # No test here is about these durations.
    text = text.replace(" for: 15s", " for: 2s")
    return text.replace('_seconds{job=~".*modelarts.*"} < 300', "_seconds < 5")


def cloud_with_full_projects():
    """Return a cloud with two full projects, each with a job that hangs."""
    cloud = simulated("stays", "leaves", clock=RealClock(1.0))
    for project in cloud.projects:
        jobs = project.training
        jobs.create_job(8, created=cloud.clock.now() - 300_000)
        jobs.capacity = len(jobs.jobs)
    return cloud


class Target:
    """The target of Prometheus: one exporter after the other, under the same name."""

    def __init__(self, folder):
        """Use a file in `folder`, which Prometheus reads again when it changes."""
        self.file = folder / "targets.json"
        self.pods = 0

    def switch_to(self, exporter):
        """Scrape an exporter, as a pod with a new name."""
        self.pods += 1
        address = exporter.url.removeprefix("http://")
        labels = {"pod": f"exporter-{self.pods}"}
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps([{"targets": [address], "labels": labels}]))
        new.rename(self.file)


@pytest.mark.timeout(240)
async def test_outages(tmp_path):
    """Only alerts that are over are resolved, including those of a removed project."""
    cloud = cloud_with_full_projects()
    for file in (ROOT / "deploy/prometheus/rules").glob("*.yml"):
        (tmp_path / file.name).write_text(in_seconds(file.read_text()))
    with running_webhook() as (webhook, hook):
        alertmanager = f"""\
route: {{receiver: test, group_by: [...], group_wait: 100ms, group_interval: 1s}}
receivers:
  - name: test
    webhook_configs: [{{url: "{hook}", send_resolved: true}}]
"""
        with running_alertmanager(tmp_path, alertmanager) as manager:
            prometheus = f"""\
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{tmp_path}/modelarts-*.yml"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{manager}"]}}]}}]}}
scrape_configs:
  - job_name: modelarts
    file_sd_configs: [{{files: ["{tmp_path}/targets.json"]}}]
"""
            async with serve(cloud) as cloud_url:
                configured = configuration(cloud, cloud_url)
                with running_prometheus(tmp_path, prometheus) as url:
                    await _outages(configured, Target(tmp_path), url, webhook)


async def _outages(configured, target, url, webhook):
    def until(condition):
        return asyncio.to_thread(wait_until, condition)

    def fires(project):
        return all(webhook.firing(name, project) for name in ALERTS)

    def resolved():
        """Return the notifications of resolved alerts about projects."""
        return [
            (key, alert)
            for key, notifications in webhook.alerts.items()
            for alert in notifications
            if key[1] and alert["status"] == "resolved"
        ]

    def evaluated(seconds):
        """Return a condition: Prometheus has evaluated rules for some seconds."""
        then = float(query_prometheus(url, "time()")[1])
        return lambda: float(query_prometheus(url, "time()")[1]) > then + seconds

    now = configured
    async with contextlib.AsyncExitStack() as last:
        async with contextlib.AsyncExitStack() as second:
            async with exporting(configured) as first:
                target.switch_to(first)
                await until(lambda: fires("stays") and fires("leaves"))
            # It has stopped, and starts again a little later.
            await until(lambda: query_prometheus(url, "up == 0"))
            started = await second.enter_async_context(exporting(configured))
            target.switch_to(started)
            await until(lambda: query_prometheus(url, "up == 1"))
            # The next one starts before this one stops.
            replacing = await last.enter_async_context(
                exporting(configured, load=lambda: now)
            )
            target.switch_to(replacing)
            await until(lambda: query_prometheus(url, 'up{pod="exporter-3"} == 1'))
        await until(evaluated(6))
        assert resolved() == []
        # A project is removed.
        stays = [each for each in configured.projects if each.name == "stays"]
        now = replace(configured, projects=tuple(stays))
        (await replacing.client.post(f"{replacing.url}/-/reload")).raise_for_status()
        await until(lambda: all(webhook.resolved(name, "leaves") for name in ALERTS))
        assert {key[1] for key, _alert in resolved()} == {"leaves"}
    # The exporter is killed.
    await until(lambda: webhook.firing("ModelArtsExporterDown"))
    assert {key[1] for key, _alert in resolved()} == {"leaves"}
    alerts = [alert for name in ALERTS for alert in webhook.alerts[name, "stays"]]
    assert {alert["labels"]["cloud"] for alert in alerts} == {"otc"}
    words = alerts[0]["annotations"]["description"]
    page = first.url
    # Its series of jobs are gone.
    assert f"The status page, {page}/, names it." in words
