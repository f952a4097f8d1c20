"""The dashboards, and the queries in them."""

import json

from pathlib import Path


ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "dashboards"
DASHBOARDS = {file.stem: json.loads(file.read_text()) for file in FOLDER.glob("*.json")}
PANELS = [
    (uid, panel)
    for uid, board in DASHBOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
TARGETS = [
    (f"{uid}: {panel['title']} {target['refId']}", target["expr"])
    for uid, panel in PANELS
    for target in panel["targets"]
]


def with_values(expr: str, job=".+", instance=".+", project=".+", kind=".+") -> str:
    """Return a query with values of its variables, as Grafana sends it."""
    values = {
        "$__rate_interval": "10s",
        "$__interval_ms": "10000",
        "$__range": "1h",
        "$cluster": ".*",
        "$job": job,
        "$instance": instance,
        "$project": project,
        "$cloud_region": ".+",
        "$pool": ".+",
        "$kind": kind,
        "$api_version": ".+",
    }
    for name, value in values.items():
        expr = expr.replace(name, value)
    return expr
