"""Every alert: firing, not firing just below its threshold, resolving, without data."""

import json
import re

from dataclasses import replace
from pathlib import Path

import pytest

from alert_cases import CASES, INFO, SCRAPED
from programs import promtool
from rule_files import ALERTS, FILES, GROUPS, RECORDED, RULES


ROOT = Path(__file__).parents[2]


@pytest.mark.needs("promtool")
def test_promtool_accepts_the_rules():
    """promtool accepts the rules without a warning."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", *FILES)


def rules_of(alert):
    """Return an alert's rule, and the recording rules that it needs."""
    wanted = [next(rule for rule in ALERTS if rule["alert"] == alert)]
    for rule in wanted:
        wanted += [
            record
            for name, record in RECORDED.items()
            if name in str(rule) and record not in wanted
        ]
    return [*(rule for rule in RECORDED.values() if rule in wanted), wanted[0]]


# These alerts depend on series of more than one exporter.
ACROSS_JOBS = {"ModelArtsExporterAbsent", "ModelArtsCollectionSlow"}


def run_cases(cases, folder):
    """
    Run the cases of one alert in promtool, with the rules that it needs.

    Each case has scrape jobs of its own, so that the rules are evaluated only once.
    `keep_firing_for` is 0, so that the cases need not wait for it.
    """
    *recorded, alert = rules_of(cases[0].alert)
    # Annotations would take a third of the time, and no case needs them.
    alert = {**alert, "keep_firing_for": "0s", "annotations": {}}
    (folder / "rules.yml").write_text(
        json.dumps({"groups": [{"name": "rules", "rules": [*recorded, alert]}]})
    )
    groups = [[case] for case in cases] if alert["alert"] in ACROSS_JOBS else [cases]
    tests = [
        {
            "interval": "1m",
            "input_series": [
                {"series": with_own_job(name, case), "values": values}
                for case in group
                for name, values in (SCRAPED | case.series).items()
            ],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{case.alert}", alertstate="firing", job=~"(.*/{case.name})?", {labels}}}) or vector(0)',
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": "{}", "value": number}],
                }
                for case in group
                for minute, number in case.fires.items()
                # With these labels, and in total: there are no others.
                for labels in {case.labels, ""}
            ],
        }
        for group in groups
    ]
    # Recorded series last for five minutes, so long cases can be evaluated every four.
    lasts_hours = max(minute for case in cases for minute in case.fires) > 300
    whole = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "4m" if lasts_hours else "1m",
        "tests": tests,
    }
    file = folder / "rules.test.yml"
    file.write_text(json.dumps(whole))
    promtool("test", "rules", file)


def with_own_job(series, case):
    """Return a series with the case's name in its job."""
    return re.sub(r'job="(.*?)"', rf'job="\1/{case.name}"', series)


# About the exporter or a cloud, not about a project.
WITHOUT_TEAM = {
    "ModelArtsExporterDown",
    "ModelArtsExporterAbsent",
    "ModelArtsThrottled",
    "ModelArtsConfigurationNotReloaded",
    "ModelArtsDiscoveryFails",
    "ModelArtsDiscoveryLeavesOut",
}


def with_team(case, team):
    """Return a case whose alerts have this team, if they are about a project."""
    expected = "" if case.alert in WITHOUT_TEAM else team
    return replace(case, labels=f'team="{expected}"')


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("alert", [rule["alert"] for rule in ALERTS])
def test_when_an_alert_fires(alert, tmp_path):
    """
    Alerts fire as the cases say, with the team of the project's configuration.

    A case that fires also does so without the project's info.
    """
    cases = [case for case in CASES if case.alert == alert]
    firing = next(case for case in cases if any(case.fires.values()))
    configured = [
        case
        if case.labels
        else with_team(replace(case, series=case.series | {INFO: "1x900"}), "vision")
        for case in cases
    ]
    unknown = with_team(replace(firing, name="no project info"), "unknown")
    run_cases([*configured, unknown], tmp_path)


def test_every_alert_has_every_kind_of_case():
    """Each alert has cases in which it fires, resolves, and does not fire."""
    for rule in ALERTS:
        cases = [case for case in CASES if case.alert == rule["alert"]]
        assert len(cases) >= 3, rule["alert"]
        firing = [case for case in cases if any(case.fires.values())]
        assert any(list(case.fires.values())[-1] == 0 for case in firing), rule["alert"]
        assert any(not any(case.fires.values()) for case in cases), rule["alert"]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_labels_and_annotations(rule):
    """Labels and annotations follow the mixins' linter, with links."""
    annotations = rule["annotations"]

    assert re.fullmatch(r"ModelArts[A-Za-z]{1,31}", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert re.fullmatch(r"[A-Z][^{]*\.", annotations["summary"])
    assert "{{" in annotations["description"]
    uid = re.search(r"/d/([a-z-]+)", annotations["dashboard_url"])[1]
    assert (ROOT / f"dashboards/{uid}.json").exists()
    assert annotations["runbook_url"].endswith(f"/docs/runbooks/{rule['alert']}.md")


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_runbook(rule):
    """A runbook has meaning, impact, diagnosis with queries, and mitigation."""
    text = (ROOT / f"docs/runbooks/{rule['alert']}.md").read_text()

    assert text.startswith(f"# {rule['alert']}\n")
    for heading in ("## Meaning", "## Impact", "## Diagnosis", "## Mitigation"):
        assert heading in text
    assert "```promql" in text


def test_recording_rules_are_named_by_level_metric_and_operation():
    """Groups are small, as the mixins' linter requires."""
    for group in GROUPS:
        assert len(group["name"]) <= 40
        assert len(group["rules"]) <= 20
    for name in RECORDED:
        assert re.fullmatch(r"[a-z_]+:modelarts_\w+:\w+|modelarts:\w+:seconds", name)


def test_every_alert_is_documented():
    """The table has each alert with its severity."""
    text = (ROOT / "docs/monitoring.md").read_text()
    table = re.findall(
        r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| (\w+) \|", text, re.MULTILINE
    )

    assert sorted(table) == sorted(
        (rule["alert"], rule["labels"]["severity"]) for rule in ALERTS
    )


@pytest.mark.needs("promtool")
def test_prometheus_reads_the_queries_of_runbooks(tmp_path):
    """The queries can be pasted as they are."""
    queries = [
        query
        for file in (ROOT / "docs").rglob("*.md")
        for query in re.findall(r"```promql\n(.*?)```", file.read_text(), re.DOTALL)
    ]
    assert len(queries) > 40
    rules = [
        {"record": f"test:{index}", "expr": query}
        for index, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", file)


def documented_labels():
    """Return the labels of each metric in the documents' tables."""
    text = (ROOT / "docs/metrics.md").read_text()
    rows = re.findall(
        r"^\| (`modelarts_.*?) \| [a-z ]+ \| (.*?) \|", text, re.MULTILINE
    )
    return {
        name: set(labels.split(", "))
        for names, labels in rows
        for name in re.findall(r"`(modelarts_\w+)", names)
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: next(iter(rule.values())))
def test_metrics_of_a_rule_are_documented(rule):
    """Metrics and labels in a rule are documented, or recorded by another rule."""
    documented = documented_labels()
    selectors = re.findall(
        r"(?<![:\w\"])((?:[a-z_]+:)?modelarts_\w+(?::\w+)?)\b(?:\{(.*?)\})?", str(rule)
    )

    assert len(documented) > 70
    for name, matchers in selectors:
        labels = set(re.findall(r"(\w+)(?:=|!)", matchers)) - {"job", "instance"}
        if name in RECORDED:
            continue
        assert name in documented, name
        assert {one for one in labels if not one.startswith("label_")} <= documented[
            name
        ], name
