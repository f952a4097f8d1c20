"""Every alert: firing, not firing just below, resolving, and with data missing."""

import re
import subprocess

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml


ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/rules"
FILES = sorted(RULES.glob("*.yml"))

P = 'job="modelarts", instance="e:10198", project="a", kind="training"'
E = 'job="modelarts", instance="e:10198"'
UP = f"modelarts_up{{{P}}}"
RUNNING = f'modelarts_jobs{{{P}, status="running", phase="running"}}'
WAITING = f'modelarts_jobs{{{P}, status="waiting", phase="pending"}}'
QUOTA = f"modelarts_job_quota{{{P}}}"
CREATED = f"modelarts_created_jobs{{{P}}}"
LIMIT = f"modelarts_job_count_limit{{{P}}}"
FAILED = f'modelarts_jobs_finished_total{{{P}, phase="failed"}}'
SUCCEEDED = f'modelarts_jobs_finished_total{{{P}, phase="succeeded"}}'
LONGEST = f'modelarts_job_longest_duration_seconds{{{P}, phase="running"}}'
OLDEST = f'modelarts_job_oldest_created_timestamp_seconds{{{P}, phase="pending"}}'


@dataclass(frozen=True)
class Case:
    """What happens minute by minute, and how many alerts fire at which minute."""

    name: str
    alert: str
    series: dict[str, str]
    fires: dict[int, int]


# In each series `1x5` is 1 and five times more, `_` is a scrape without it, and `stale`
# is what Prometheus notes when a series has gone.
CASES = [
    Case(
        "fires and resolves",
        "ModelArtsExporterDown",
        {f"up{{{E}}}": "1x5 0x10 1x10"},
        {5: 0, 10: 0, 12: 1, 18: 0},
    ),
    Case(
        "short", "ModelArtsExporterDown", {f"up{{{E}}}": "1x5 0x3 1x10"}, {9: 0, 12: 0}
    ),
    Case("another job", "ModelArtsExporterDown", {'up{job="node"}': "0x20"}, {19: 0}),
    Case("missing", "ModelArtsExporterDown", {}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsExporterAbsent",
        {f"modelarts_exporter_build_info{{{E}}}": "1x5 stale _x30 1x10"},
        {5: 0, 20: 0, 23: 1, 40: 0},
    ),
    Case(
        "short",
        "ModelArtsExporterAbsent",
        {f"modelarts_exporter_build_info{{{E}}}": "1x5 stale _x10 1x30"},
        {16: 0, 20: 0, 40: 0},
    ),
    Case("missing", "ModelArtsExporterAbsent", {}, {10: 0, 16: 1}),
    Case(
        "fires and resolves",
        "ModelArtsProjectNotCollected",
        {UP: "1x5 0x20 1x10"},
        {5: 0, 20: 0, 22: 1, 28: 0},
    ),
    Case(
        "short", "ModelArtsProjectNotCollected", {UP: "1x5 0x13 1x10"}, {19: 0, 22: 0}
    ),
    Case("missing", "ModelArtsProjectNotCollected", {}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsCredentialExpiresSoon",
        {
            f'modelarts_exporter_credential_expiry_timestamp_seconds{{{E}, cloud="otc", project="a"}}': "1800x28 90000x10"
        },
        {19: 0, 24: 1, 31: 0},
    ),
    Case(
        "just renewed",
        "ModelArtsCredentialExpiresSoon",
        {
            f'modelarts_exporter_credential_expiry_timestamp_seconds{{{E}, cloud="otc", project="a"}}': "1800x20 90000x10"
        },
        {20: 0, 22: 0, 25: 0},
    ),
    Case("missing", "ModelArtsCredentialExpiresSoon", {}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsRunningQuotaFull",
        {UP: "1x60", RUNNING: "8x40 7x20", WAITING: "3x60", QUOTA: "8x60"},
        {10: 0, 17: 1, 42: 0},
    ),
    Case(
        "one slot free",
        "ModelArtsRunningQuotaFull",
        {UP: "1x60", RUNNING: "7x60", WAITING: "3x60", QUOTA: "8x60"},
        {30: 0, 59: 0},
    ),
    Case(
        "nobody waits",
        "ModelArtsRunningQuotaFull",
        {UP: "1x60", RUNNING: "8x60", WAITING: "0x60", QUOTA: "8x60"},
        {30: 0, 59: 0},
    ),
    Case(
        "a quota of zero is no quota",
        "ModelArtsRunningQuotaFull",
        {UP: "1x60", RUNNING: "8x60", WAITING: "3x60", QUOTA: "0x60"},
        {30: 0},
    ),
    Case(
        "no quota is told",
        "ModelArtsRunningQuotaFull",
        {UP: "1x60", RUNNING: "8x60", WAITING: "3x60"},
        {30: 0},
    ),
    Case(
        "the API fails meanwhile",
        "ModelArtsRunningQuotaFull",
        {
            UP: "1x20 0x30 1x30",
            RUNNING: "8x20 stale _x29 2x30",
            WAITING: "3x20 stale _x29 0x30",
            QUOTA: "8x20 stale _x29 8x30",
        },
        {18: 1, 30: 1, 48: 1, 55: 0},
    ),
    Case(
        "fires and resolves",
        "ModelArtsCapacityHigh",
        {UP: "1x60", CREATED: "81x40 80x20", LIMIT: "19x40 20x20"},
        {10: 0, 17: 1, 43: 0},
    ),
    Case(
        "just below",
        "ModelArtsCapacityHigh",
        {UP: "1x60", CREATED: "80x60", LIMIT: "20x60"},
        {30: 0},
    ),
    Case(
        "the worse one takes over",
        "ModelArtsCapacityHigh",
        {UP: "1x60", CREATED: "96x60", LIMIT: "4x60"},
        {30: 0},
    ),
    Case(
        "nothing can exist",
        "ModelArtsCapacityHigh",
        {UP: "1x60", CREATED: "0x60", LIMIT: "0x60"},
        {30: 0},
    ),
    Case(
        "the API fails meanwhile",
        "ModelArtsCapacityHigh",
        {
            UP: "1x20 0x40",
            CREATED: "90x20 stale",
            LIMIT: "10x20 stale",
        },
        {17: 1, 30: 1, 58: 1},
    ),
    Case("missing", "ModelArtsCapacityHigh", {UP: "1x60", CREATED: "90x60"}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsCapacityCritical",
        {UP: "1x60", CREATED: "96x40 95x20", LIMIT: "4x40 5x20"},
        {3: 0, 7: 1, 43: 0},
    ),
    Case(
        "just below",
        "ModelArtsCapacityCritical",
        {UP: "1x60", CREATED: "95x60", LIMIT: "5x60"},
        {30: 0},
    ),
    Case(
        "the API fails meanwhile",
        "ModelArtsCapacityCritical",
        {UP: "1x20 0x40", CREATED: "96x20 stale", LIMIT: "4x20 stale"},
        {10: 1, 50: 1},
    ),
    Case("missing", "ModelArtsCapacityCritical", {UP: "1x60"}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsNoJobCanBeCreated",
        {UP: "1x60", LIMIT: "0x40 1x20"},
        {3: 0, 7: 1, 43: 0},
    ),
    Case(
        "just above", "ModelArtsNoJobCanBeCreated", {UP: "1x60", LIMIT: "1x60"}, {30: 0}
    ),
    Case(
        "the API fails meanwhile",
        "ModelArtsNoJobCanBeCreated",
        {UP: "1x20 0x40", LIMIT: "0x20 stale"},
        {10: 1, 50: 1},
    ),
    Case("unlimited", "ModelArtsNoJobCanBeCreated", {UP: "1x60"}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsCapacityUsedUpSoon",
        {CREATED: "1000+1x400 1400x400", LIMIT: "1400-1x400 1000x400"},
        {250: 0, 345: 1, 790: 0},
    ),
    Case(
        "slow enough",
        "ModelArtsCapacityUsedUpSoon",
        {CREATED: "1000+1x400", LIMIT: "3000-1x400"},
        {345: 0, 400: 0},
    ),
    Case(
        "too little history",
        "ModelArtsCapacityUsedUpSoon",
        {CREATED: "1000+1x290", LIMIT: "1400-1x290"},
        {280: 0},
    ),
    Case(
        "lowered, but not rising",
        "ModelArtsCapacityUsedUpSoon",
        {CREATED: "1000x400", LIMIT: "500-1x400"},
        {345: 0},
    ),
    Case("missing", "ModelArtsCapacityUsedUpSoon", {CREATED: "1000+1x400"}, {345: 0}),
    Case(
        "running: fires and resolves",
        "ModelArtsQuotaLowered",
        {QUOTA: "10x70 8x120"},
        {70: 0, 85: 1, 135: 0},
    ),
    Case(
        "existing: fires and resolves",
        "ModelArtsQuotaLowered",
        {CREATED: "100x200", LIMIT: "900x70 400x130"},
        {70: 0, 85: 1, 135: 0},
    ),
    Case(
        "raised",
        "ModelArtsQuotaLowered",
        {QUOTA: "10x70 12x120", CREATED: "100x200", LIMIT: "100x70 200x130"},
        {85: 0},
    ),
    Case(
        "jobs created and deleted",
        "ModelArtsQuotaLowered",
        {CREATED: "100+1x100 50x100", LIMIT: "900-1x100 950x100"},
        {90: 0, 120: 0},
    ),
    Case(
        "missing meanwhile",
        "ModelArtsQuotaLowered",
        {QUOTA: "10x70 stale _x60 10x60"},
        {85: 0, 140: 0},
    ),
    Case(
        "fires and resolves",
        "ModelArtsJobsFail",
        {FAILED: "0+1x120 120x90", SUCCEEDED: "0+0.5x120 60+1x90"},
        {10: 0, 60: 1, 205: 0},
    ),
    Case(
        "half of them",
        "ModelArtsJobsFail",
        {FAILED: "0+1x120", SUCCEEDED: "0+1x120"},
        {60: 0, 110: 0},
    ),
    Case(
        "too few to tell",
        "ModelArtsJobsFail",
        {FAILED: "0+0.05x120", SUCCEEDED: "0x120"},
        {60: 0, 110: 0},
    ),
    Case(
        "none ended",
        "ModelArtsJobsFail",
        {FAILED: "0x120", SUCCEEDED: "0x120"},
        {60: 0},
    ),
    Case("missing", "ModelArtsJobsFail", {}, {60: 0}),
    Case(
        "fires and resolves",
        "ModelArtsJobRunsLong",
        {UP: "1x60", LONGEST: "172700+60x40 100x19"},
        {2: 0, 19: 1, 43: 0},
    ),
    Case(
        "just below",
        "ModelArtsJobRunsLong",
        {UP: "1x60", LONGEST: "172800x60"},
        {59: 0},
    ),
    Case(
        "the API fails meanwhile",
        "ModelArtsJobRunsLong",
        {UP: "1x20 0x40", LONGEST: "200000x20 stale"},
        {18: 1, 58: 1},
    ),
    Case("none runs", "ModelArtsJobRunsLong", {UP: "1x60"}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsJobsWaitLong",
        {UP: "1x200", OLDEST: "0x100 6000x60"},
        {60: 0, 77: 1, 103: 0},
    ),
    Case(
        "just below",
        "ModelArtsJobsWaitLong",
        {UP: "1x60", OLDEST: "0x60"},
        {59: 0},
    ),
    Case(
        "the API fails meanwhile",
        "ModelArtsJobsWaitLong",
        {UP: "1x80 0x40", OLDEST: "0x80 stale"},
        {78: 1, 115: 1},
    ),
    Case("none waits", "ModelArtsJobsWaitLong", {UP: "1x100"}, {90: 0}),
    Case(
        "fires and resolves",
        "ModelArtsCollectionSlow",
        {f"modelarts_collection_duration_seconds{{{P}}}": "25x30 5x20"},
        {10: 0, 17: 1, 33: 0},
    ),
    Case(
        "just below",
        "ModelArtsCollectionSlow",
        {f"modelarts_collection_duration_seconds{{{P}}}": "24x30"},
        {29: 0},
    ),
    Case("missing", "ModelArtsCollectionSlow", {}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsThrottled",
        {
            f'modelarts_exporter_api_requests_total{{{E}, cloud="otc", api="training_jobs", code="429"}}': "0+1x40 40x60"
        },
        {10: 0, 25: 1, 60: 0},
    ),
    Case(
        "a few",
        "ModelArtsThrottled",
        {
            f'modelarts_exporter_api_requests_total{{{E}, cloud="otc", api="training_jobs", code="429"}}': "0+0.3x60"
        },
        {30: 0, 59: 0},
    ),
    Case(
        "other answers",
        "ModelArtsThrottled",
        {
            f'modelarts_exporter_api_requests_total{{{E}, cloud="otc", api="training_jobs", code="200"}}': "0+9x60"
        },
        {30: 0},
    ),
    Case("missing", "ModelArtsThrottled", {}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsConfigurationNotReloaded",
        {f"modelarts_exporter_config_last_reload_successful{{{E}}}": "1x5 0x10 1x10"},
        {5: 0, 9: 0, 12: 1, 18: 0},
    ),
    Case(
        "corrected at once",
        "ModelArtsConfigurationNotReloaded",
        {f"modelarts_exporter_config_last_reload_successful{{{E}}}": "1x5 0x3 1x10"},
        {9: 0, 12: 0},
    ),
    Case("missing", "ModelArtsConfigurationNotReloaded", {}, {30: 0}),
]


def alerts():
    """Return all alerting rules."""
    return [
        rule
        for file in FILES
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


@pytest.mark.needs("promtool")
def test_promtool_accepts_the_rules():
    """They are read without a warning."""
    subprocess.run(
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", *FILES], check=True
    )


@pytest.mark.needs("promtool")
def test_when_alerts_fire(tmp_path):
    """Prometheus's own tool runs all cases."""
    tests = [
        {
            "name": f"{case.alert}: {case.name}",
            "interval": "1m",
            "input_series": [
                {"series": name, "values": values}
                for name, values in case.series.items()
            ],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{case.alert}", alertstate="firing"}}) or vector(0)',
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": "{}", "value": number}],
                }
                for minute, number in case.fires.items()
            ],
        }
        for case in CASES
    ]
    file = tmp_path / "rules.test.yml"
    file.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(path) for path in FILES],
                "evaluation_interval": "1m",
                "tests": tests,
            }
        )
    )
    result = subprocess.run(
        ["promtool", "test", "rules", file], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_every_sort_of_case():
    """It fires and resolves somewhere, and does not where data are missing or below."""
    for rule in alerts():
        cases = [case for case in CASES if case.alert == rule["alert"]]
        assert len(cases) >= 3, rule["alert"]
        firing = [case for case in cases if any(case.fires.values())]
        assert any(list(case.fires.values())[-1] == 0 for case in firing), rule["alert"]
        assert any(not any(case.fires.values()) for case in cases), rule["alert"]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_what_an_alert_says(rule):
    """Labels and annotations as the mixins' linter wants them, and where to go on."""
    annotations = rule["annotations"]

    assert re.fullmatch(r"ModelArts[A-Za-z]{1,31}", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert re.fullmatch(r"[A-Z][^{]*\.", annotations["summary"])
    assert "{{" in annotations["description"]
    uid = re.search(r"/d/([a-z-]+)", annotations["dashboard_url"])[1]
    assert (ROOT / f"dashboards/{uid}.json").exists()
    assert annotations["runbook_url"].endswith(f"/docs/runbooks/{rule['alert']}.md")


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_has_a_runbook(rule):
    """Meaning, impact, diagnosis with queries, mitigation."""
    text = (ROOT / f"docs/runbooks/{rule['alert']}.md").read_text()

    assert text.startswith(f"# {rule['alert']}\n")
    for heading in ("## Meaning", "## Impact", "## Diagnosis", "## Mitigation"):
        assert heading in text
    assert "```promql" in text


def test_recording_rules_are_named_by_level_metric_and_operation():
    """And groups are small, as the mixins' linter wants them."""
    for file in FILES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            assert len(group["name"]) <= 40
            assert len(group["rules"]) <= 20
            for rule in group["rules"]:
                if "record" in rule:
                    assert re.fullmatch(
                        r"[a-z_]+:modelarts_\w+:\w+|modelarts:\w+:seconds",
                        rule["record"],
                    )


def test_every_alert_is_documented():
    """The table has each alert with its severity."""
    text = (ROOT / "docs/monitoring.md").read_text()
    table = re.findall(
        r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| (\w+) \|", text, re.MULTILINE
    )

    assert sorted(table) == sorted(
        (rule["alert"], rule["labels"]["severity"]) for rule in alerts()
    )


@pytest.mark.needs("promtool")
def test_prometheus_reads_the_queries_of_runbooks(tmp_path):
    """They can be pasted as they are."""
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
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    subprocess.run(["promtool", "check", "rules", "--lint=none", file], check=True)
