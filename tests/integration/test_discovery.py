"""Service discovery of projects, by the real Prometheus."""

import asyncio

import pytest

from programs import a_prometheus, an_exporter, wait_until

from exporter.simulator import demo_cloud, serve


@pytest.mark.needs("prometheus")
async def test_prometheus_discovers_every_project_once(tmp_path):
    """
    Two exporters, service discovery, the real Prometheus: each project exactly once.

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
    with an_exporter(file) as first, an_exporter(file) as second:
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
        with a_prometheus(folder, text) as query:
            expression = 'modelarts_up{kind="training"} == 1'
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
