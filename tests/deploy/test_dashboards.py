"""The dashboards: as the code makes them, as Grafana's linter wants them."""

import json
import re
import subprocess
import sys

from itertools import combinations

import pytest
import yaml

from dashboard_files import DASHBOARDS, FOLDER, PANELS, ROOT, TARGETS, with_values
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from programs import promtool


BOARD = pytest.mark.parametrize("uid", DASHBOARDS)
PANEL = pytest.mark.parametrize(
    ("uid", "panel"), PANELS, ids=[f"{uid}: {panel['title']}" for uid, panel in PANELS]
)
TARGET = pytest.mark.parametrize(
    "expr", [expr for _, expr in TARGETS], ids=[name for name, _ in TARGETS]
)
# What Prometheus and its client library add to what the exporter documents.
FOREIGN = {
    "up",
    "scrape_duration_seconds",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
}
FUNCTIONS = {"cluster", "job", "instance", "le"}
ALERTS = {"ALERTS", "ALERTS_FOR_STATE"}


def test_there_are_six():
    """Grafana reads all JSON that is below the folder, and these are dashboards."""
    assert {file.stem for file in FOLDER.rglob("*.json")} == {
        "modelarts-fleet",
        "modelarts-project",
        "modelarts-pools",
        "modelarts-notebooks",
        "modelarts-cost",
        "modelarts-exporter",
    }


def test_they_are_what_the_code_makes():
    """`make dashboards` changes nothing."""
    subprocess.run([sys.executable, FOLDER / "build.py", "--check"], check=True)


@BOARD
def test_grafanas_own_types_know_all_of_it(uid):
    """Decoded into Grafana's published types and encoded again, nothing is lost."""
    board = Dashboard.from_json(DASHBOARDS[uid])

    encoded = JSONEncoder(sort_keys=True, indent=2).encode(board)
    in_sight = re.sub(r'"placement": "inControlsMenu",\s*', "", encoded)
    assert json.loads(in_sight) == DASHBOARDS[uid]
    assert board.uid == uid
    assert board.schema_version == 42


@BOARD
def test_a_dashboard_as_a_whole(uid):
    """Not editable, tagged, linked with the others, annotated with alerts."""
    board = DASHBOARDS[uid]
    (link,) = board["links"]
    (annotation,) = board["annotations"]["list"]

    assert board["editable"] is False
    assert board["tags"] == ["modelarts"]
    assert board["description"]
    assert (link["type"], link["tags"]) == ("dashboards", ["modelarts"])
    assert link["includeVars"] is True
    assert link["keepTime"] is True
    assert "ALERTS" in annotation["expr"]
    assert "project" in annotation["expr"]
    # There, newer versions of Grafana hide them.
    assert "inControlsMenu" not in json.dumps(board)
    assert len(uid) <= 40


@BOARD
def test_variables(uid):
    """
    A data source, then whose series, then the others; with several values and All.

    All of `job` is those that have the exporter's metrics; a project dashboard has one.
    """
    source, *others = DASHBOARDS[uid]["templating"]["list"]

    assert (source["name"], source["type"], source["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    jobs = ["cloud_region", "project", "kind", "api_version"]
    chosen = {
        "modelarts-exporter": [],
        "modelarts-pools": ["cloud_region", "project", "pool"],
        "modelarts-notebooks": ["cloud_region", "project"],
        "modelarts-cost": ["cloud_region", "project"],
    }
    expected = ["cluster", "job", "instance", *chosen.get(uid, jobs)]
    assert [one["name"] for one in others] == expected
    for one in others:
        assert one["datasource"]["uid"] == "${datasource}"
        several = (uid, one["name"]) != ("modelarts-project", "project")
        assert one.get("multi", False) is several
        assert one.get("includeAll", False) is several
        expected = {"cluster": ".*", "job": None}.get(one["name"], ".+")
        assert not several or one.get("allValue") == expected
        assert one["refresh"] == 2
        assert one["label"]
        assert "modelarts_" in one["definition"]
    if uid != "modelarts-exporter":
        assert 'cloud_region=~"$cloud_region"' in others[4]["definition"]


@PANEL
def test_a_panel(uid, panel):
    """It says what it shows, in which unit, and what no data mean."""
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["datasource"]["uid"] == "${datasource}"
    defaults = panel["fieldConfig"]["defaults"]
    units = {"none", "short", "s", "percentunit", "reqps", "bytes"}
    assert defaults["unit"] in units
    assert defaults["noValue"].endswith(".")
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}"
        if panel["type"] in {"timeseries", "state-timeline", "bargauge"}:
            assert target["legendFormat"] != "__auto"
        # The last value of a range may be hours old.
        is_of_now = panel["type"] in {"stat", "bargauge", "table"}
        assert target["instant"] is is_of_now
        assert is_of_now or target["interval"] == "1m"
    if panel["type"] == "timeseries":
        legend = panel["options"]["legend"]
        assert (legend["displayMode"], bool(legend["calcs"])) == ("table", True)
    if panel["type"] == "table":
        columns = panel["fieldConfig"]["overrides"]
        properties = [{one["id"] for one in column["properties"]} for column in columns]
        assert all("unit" in one for one in properties)
    if panel["type"] == "heatmap":
        assert panel["options"]["yAxis"]["unit"] == "s"


@BOARD
def test_what_comes_first(uid):
    """Whether the exporter is up, and then the alerts that fire."""
    _, first, *others = DASHBOARDS[uid]["panels"]
    numbers = [panel["title"] for panel in others if panel["type"] == "stat"]
    following = [panel["title"] for panel in others[len(numbers) :]]

    assert first["targets"][0]["expr"].startswith("min(up{")
    assert "Firing alerts" in following[:2]


@BOARD
def test_panels_do_not_overlap(uid):
    """Each panel has its own place and ID."""
    panels = DASHBOARDS[uid]["panels"]
    places = [panel["gridPos"] for panel in panels]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(one["x"] + one["w"] <= 24 for one in places)
    for one, other in combinations(places, 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        ), (one, other)


@TARGET
def test_a_query_as_the_linter_wants_it(expr):
    """It selects by job and instance everywhere, and takes rates of counters."""
    selectors = re.findall(r"(\w+)\{([^}]*)\}", expr)
    assert selectors
    for name, matchers in selectors:
        if name in ALERTS:
            continue
        assert 'cluster=~"$cluster"' in matchers, name
        assert 'job=~"$job"' in matchers, name
        assert 'instance=~"$instance"' in matchers, name
    for name in re.findall(r"\b(\w+_total|\w+_seconds_bucket)\b", expr):
        if name != "modelarts_job_duration_seconds_bucket":
            assert re.search(rf"(rate|increase)\({name}\{{", expr), name
    for window in re.findall(r"(?:rate|increase)\([^[]*\[([^]]+)\]", expr):
        assert window in {"$__rate_interval", "15m", "1d"}


@TARGET
def test_a_query_is_about_what_is_documented(expr):
    """No metric and no label that the exporter does not document."""
    text = (ROOT / "docs/metrics.md").read_text()
    documented = {
        name: set(re.findall(r"\w+", labels))
        for name, labels in re.findall(
            r"^\| `(modelarts_\w+)` \| [a-z ]+ \|([^|]*)\|", text, re.MULTILINE
        )
    }
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", expr):
        labels = set(re.findall(r"(\w+)\s*(?:=~|!=|=)", matchers))
        if name in ALERTS:
            assert labels <= {"alertname", "alertstate", "cluster", "project"}
            continue
        if name in FOREIGN:
            assert labels <= FUNCTIONS
            continue
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        known = documented[name if name in documented else base]
        assert labels <= known | FUNCTIONS, (name, labels - known)


@pytest.mark.needs("promtool")
def test_prometheus_reads_every_query(tmp_path):
    """As rules, so that Prometheus's own parser sees them."""
    rules = [
        {"record": f"test:{number}", "expr": with_values(expr)}
        for number, (_, expr) in enumerate(TARGETS)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", file)


def test_provisioning():
    """The files that Grafana reads name what the compose stack has."""
    folder = ROOT / "deploy/grafana/provisioning"
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    (provider,) = yaml.safe_load((folder / "dashboards/modelarts.yml").read_text())[
        "providers"
    ]

    assert source["type"] == "prometheus"
    assert source["jsonData"]["timeInterval"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
