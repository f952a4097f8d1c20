"""Service discovery of projects, with the real Prometheus."""

import asyncio

import httpx
import pytest

from discovering import CONFIGURATION, account_of
from programs import prometheus_queries, running_exporter, wait_until

from exporter.simulator import (
    SimulatedProject,
    demo_cloud,
    serve,
)


@pytest.mark.needs("prometheus")
async def test_prometheus_discovers_every_project_once(tmp_path):
    """
    Two exporters with service discovery and Prometheus have each project exactly once.

    Once with the exporter's shards, and once with Prometheus's own hashmod.
    """
    projects = [f"p{number:02}" for number in range(12)]
    cloud = demo_cloud()
    async with serve(cloud) as url:
        lines = [
            f"  - {{name: {name}, cloud: demo, project_id: {1 + index % 6:032x}, "
            f'workspace_id: "{index}"}}\n'
            for index, name in enumerate(projects)
        ]
        file = tmp_path / "modelarts.yml"
        file.write_text(
            f"""\
clouds:
  demo:
    region: eu-de
    iam_url: {url}
    modelarts_url: {url}
    auth: {{access_key: {{access_key: DEMOACCESSKEY, secret_key: demo-secret-key}}}}
projects:
{"".join(lines)}"""
        )
        await asyncio.to_thread(_compare, tmp_path, file, projects)


def _compare(folder, file, projects):
    with running_exporter(file) as first, running_exporter(file) as second:
        jobs = "".join(
            f"""\
  - job_name: shards-{index}
    http_sd_configs: [{{url: "http://{address}/sd?shard={index}&shards=2"}}]
    relabel_configs:
      - {{source_labels: [__param_project], target_label: instance}}
      - {{target_label: job, replacement: shards}}
  - job_name: hashmod-{index}
    http_sd_configs: [{{url: "http://{address}/sd"}}]
    relabel_configs:
      - {{source_labels: [__param_project], modulus: 2, target_label: __tmp, action: hashmod}}
      - {{source_labels: [__tmp], regex: {index}, action: keep}}
      - {{source_labels: [__param_project], target_label: instance}}
      - {{target_label: job, replacement: hashmod}}
"""
            for index, address in enumerate((first, second))
        )
        text = f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}"
        with prometheus_queries(folder, text) as query:
            expression = 'modelarts_up{kind="visualization"} == 1'
            found = wait_until(
                lambda: (
                    len(query(expression)) >= 2 * len(projects) and query(expression)
                )
            )
            targets = query("up")
    for job in ("shards", "hashmod"):
        seen = sorted(
            one["metric"]["project"] for one in found if one["metric"]["job"] == job
        )
        assert seen == projects
        assert all(
            one["metric"]["instance"] == one["metric"]["project"] for one in found
        )
        assert (
            sorted(
                one["metric"]["instance"]
                for one in targets
                if one["metric"]["job"] == job
            )
            == projects
        )


@pytest.mark.timeout(300)
@pytest.mark.needs("prometheus")
async def test_an_account_with_200_projects(tmp_path):
    """All are scraped, also one that is added, and no longer one that is deleted."""
    projects = [
        SimulatedProject(f"eu-de_p{number:03}", f"{number:032x}")
        for number in range(1, 201)
    ]
    async with serve(account_of(projects)) as url:
        file = tmp_path / "modelarts.yml"
        file.write_text(CONFIGURATION.format(url=url))
        await asyncio.to_thread(_follow, tmp_path, file, projects)


def _follow(folder, file, projects):
    names = {project.name for project in projects}
    with running_exporter(file) as address:
        text = f"""\
global: {{scrape_interval: 5s, scrape_timeout: 5s}}
scrape_configs:
  - job_name: projects
    http_sd_configs: [{{url: "http://{address}/sd", refresh_interval: 1s}}]
    relabel_configs:
      - {{source_labels: [__param_project], target_label: instance}}
  - job_name: exporter
    scrape_interval: 1s
    scrape_timeout: 1s
    metrics_path: /exporter-metrics
    static_configs: [{{targets: ["{address}"]}}]
"""
        with prometheus_queries(folder, text) as query:

            def collected():
                found = query("modelarts_up == 1")
                return {one["metric"]["project"] for one in found}

            def lists_again():
                before = _listed_at(query)
                httpx.post(f"http://{address}/-/reload").raise_for_status()
                wait_until(lambda: _listed_at(query) > before)

            wait_until(lambda: collected() == names, 150)
            gone = projects.pop(7).name
            projects.append(SimulatedProject("eu-de_new", f"{201:032x}"))
            names ^= {gone, "eu-de_new"}
            lists_again()
            wait_until(lambda: collected() == names)
            # A project is dropped when two lists in a row lack it.
            assert query(f'up{{instance="{gone}"}}')
            lists_again()
            wait_until(lambda: not query(f'up{{instance="{gone}"}}'))
            assert collected() == names
            assert len(query('up{job="projects"}')) == len(names)
            # Nothing else has failed, except that a busy machine may have been too
            # slow.
            others = f'project!="{gone}", reason!="timeout"'
            assert not query(f"modelarts_collection_errors_total{{{others}}} > 0")


def _listed_at(query):
    found = query("modelarts_discovery_last_success_timestamp_seconds")
    return float(found[0]["value"][1]) if found else 0.0
