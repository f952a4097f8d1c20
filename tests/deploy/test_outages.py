"""Alerts while the exporter is restarted, killed or replaced."""

import json
import re

import pytest

from programs import promtool
from rule_files import GROUPS


# Alerts first: in Prometheus, they may also see recorded values of a minute ago.
ORDER = sorted(
    (group["name"] for group in GROUPS), key=lambda name: name.endswith("recording")
)

OLD = 'job="modelarts", instance="10.0.0.1:10198", pod="exporter-a"'
NEW = 'job="modelarts", instance="10.0.0.2:10198", pod="exporter-b"'
PROJECT = 'project="a", kind="training", api_version="v1"'
POOL = 'project="a", pool="pool-1"'
# The series of an exporter with problems in one project, and their values.
NUMBERS = {
    f"modelarts_up{{$, {PROJECT}}}": "1",
    'modelarts_up{$, project="a", kind="pool", api_version="v2"}': "1",
    'modelarts_up{$, project="a", kind="notebook", api_version="v1"}': "1",
    'modelarts_project_info{$, project="a", cloud="otc", label_team="vision"}': "1",
    f'modelarts_jobs{{$, {PROJECT}, status="running", phase="running"}}': "8",
    f'modelarts_jobs{{$, {PROJECT}, status="waiting", phase="pending"}}': "3",
    f"modelarts_running_job_quota{{$, {PROJECT}}}": "8",
    f"modelarts_created_jobs{{$, {PROJECT}}}": "100",
    f"modelarts_job_count_limit_remaining{{$, {PROJECT}}}": "0",
    f'modelarts_job_longest_duration_seconds{{$, {PROJECT}, phase="running"}}': "1e6",
    f'modelarts_pool_info{{$, {POOL}, pool_name="p", type="physical", billing="prepaid"}}': "1",
    f"modelarts_pool_frozen{{$, {POOL}}}": "1",
    'modelarts_notebooks{$, project="a", status="creating", phase="pending"}': "2",
    "modelarts_exporter_build_info{$}": "1",
}
# They fire within 40 minutes.
FIRING = {
    "ModelArtsRunningQuotaFull",
    "ModelArtsCapacityHigh",
    "ModelArtsCapacityCritical",
    "ModelArtsNoJobCanBeCreated",
    "ModelArtsJobRunsLong",
    "ModelArtsPoolFrozen",
    "ModelArtsNotebooksStartSlowly",
}
START = 160  # scrapes


def scraped(target, *phases, numbers=NUMBERS):
    """
    Return the series of a target, which is in each state for a number of scrapes.

    `up`: all series exist; `down`: `up` is 0, and nothing else exists; `gone`: not even
    `up` exists; `empty`: only the exporter's own metrics exist.
    """
    series = {f"up{{{target}}}": ""}
    for name in numbers:
        series[name.replace("$", target)] = ""
    ups = {"up": "1", "empty": "1", "down": "0", "gone": "stale"}
    for index, name in enumerate(series):
        value = "" if index == 0 else numbers[name.replace(target, "$")]
        for state, scrapes in phases:
            is_own = "build_info" in name
            if index == 0:
                value = ups[state]
            there = index == 0 or state == "up" or (state == "empty" and is_own)
            text = value if there else "stale"
            first = "stale" if text == "stale" else text
            rest = "_" if text == "stale" else text
            series[name] += f" {first} {rest}x{scrapes - 2}"
    return series


def fired(expected, at, *, exporter_down=False):
    """Return a test that exactly these alerts fire after so many scrapes."""
    labels = {
        name: f'alertname="{name}", cloud="otc", team="vision"' for name in expected
    }
    down = ["ModelArtsExporterDown"] if exporter_down else []
    return {
        "expr": "count by (alertname, cloud, team) (ALERTS{$firing})",
        "eval_time": f"{at * 15}s",
        "exp_samples": [
            *({"labels": f"{{{text}}}", "value": 1} for text in labels.values()),
            *({"labels": f'{{alertname="{name}"}}', "value": 1} for name in down),
        ],
    }


def minutes(number):
    """Return the number of scrapes in some minutes."""
    return number * 4


def fails_most_of_the_time(seconds):
    """Return the series and expectations of a project that fails 48 of 62 seconds."""
    moments = range(0, 90 * 60, 15)
    ups = ["0" if at >= 1200 and at % 62 < 48 else "1" for at in moments]
    scrapes = [
        up if at % seconds == 0 else "_" for at, up in zip(moments, ups, strict=True)
    ]
    present = re.sub("[01]", "1", " ".join(scrapes))
    series = {
        f"modelarts_up{{{OLD}, {PROJECT}}}": " ".join(scrapes),
        f"up{{{OLD}}}": present,
        f"modelarts_exporter_build_info{{{OLD}}}": present,
    }
    expected = [
        {
            "expr": "count(ALERTS{$firing}) or vector(0)",
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": "{}", "value": int(minute > 19)}],
        }
        for minute in (19, *range(45, 88, 3))
    ]
    return series, expected


AFTER = START + minutes(30)
WHOLE = ("up", minutes(40))

CASES = {
    "one missed scrape": (
        scraped(OLD, ("up", START), ("down", 2), WHOLE),
        [fired(FIRING, at) for at in range(START - 1, AFTER, 7)],
    ),
    "a restart of 30 seconds": (
        scraped(OLD, ("up", START), ("down", 3), WHOLE),
        [fired(FIRING, at) for at in range(START - 1, AFTER, 7)],
    ),
    "a restart between two scrapes, after which projects are discovered again": (
        scraped(OLD, ("up", START), ("empty", minutes(2)), WHOLE)
        | {
            f"process_start_time_seconds{{{OLD}}}": f"0x{START - 1} {START * 15}x400",
        },
        [fired(FIRING, at) for at in range(START - 1, AFTER, 7)],
    ),
    "killed: nothing ends before it is known to be down": (
        scraped(OLD, ("up", START), ("down", minutes(40))),
        [
            *(fired(FIRING, at) for at in range(START - 1, START + minutes(5), 7)),
            *(
                fired(FIRING, START + minutes(at), exporter_down=True)
                for at in (8, 11, 14)
            ),
            {
                "expr": "count(ALERTS{$firing, alertname!~'ModelArtsExporter.*'})",
                "eval_time": f"{(START + minutes(25)) * 15}s",
                "exp_samples": [],
            },
        ],
    ),
    "killed, and back after ten minutes": (
        scraped(OLD, ("up", START), ("down", minutes(10)), WHOLE),
        [
            fired(FIRING, START + minutes(9), exporter_down=True),
            *(fired(FIRING, START + minutes(at)) for at in (20, 30, 45)),
        ],
    ),
    "the pod is replaced": (
        scraped(OLD, ("up", START), ("gone", minutes(40)))
        | scraped(NEW, ("gone", START + 4), ("down", 3), WHOLE),
        [fired(FIRING, at) for at in range(START - 1, AFTER, 7)],
    ),
    "the pod is replaced while both are there": (
        scraped(OLD, ("up", START + 4), ("gone", minutes(40)))
        | scraped(NEW, ("gone", START), WHOLE),
        [fired(FIRING, at) for at in range(START - 1, AFTER, 7)],
    ),
    "a restart of 30 seconds, while alerts are pending": (
        scraped(OLD, ("up", 40), ("down", 3), WHOLE),
        [fired(FIRING, minutes(32))],
    ),
    "a restart between two scrapes, while alerts are pending": (
        scraped(OLD, ("up", 40), ("empty", minutes(2)), WHOLE)
        | {f"process_start_time_seconds{{{OLD}}}": "0x39 600x400"},
        [fired(FIRING, minutes(32))],
    ),
    "the pod is replaced, while alerts are pending": (
        scraped(OLD, ("up", 40), ("gone", minutes(40)))
        | scraped(NEW, ("gone", 44), ("down", 3), WHOLE),
        [fired(FIRING, minutes(32))],
    ),
    "the project is removed": (
        scraped(OLD, ("up", START), ("empty", minutes(40))),
        [
            fired(FIRING, START - 1),
            # Like every alert, it keeps firing for a short time after its condition.
            fired(set(), START + minutes(7)),
            fired(set(), AFTER),
        ],
    ),
    "the project's own target is removed": (
        scraped(OLD, ("up", START), ("gone", minutes(40)))
        | {'up{job="modelarts", instance="another"}': "1x900"},
        [fired(FIRING, START - 1), fired(set(), START + minutes(7))],
    ),
    "the project's own target is missed once": (
        scraped(OLD, ("up", START), ("down", 2), WHOLE)
        | {'up{job="modelarts", instance="another"}': "1x900"},
        [fired(FIRING, at) for at in range(START - 1, START + minutes(10), 7)],
    ),
    "the project is removed with the exporter's restart": (
        scraped(OLD, ("up", START), ("down", 3), ("empty", minutes(40))),
        [fired(FIRING, START + 2), fired(set(), START + minutes(13))],
    ),
    "the exporter is removed": (
        scraped(OLD, ("up", START), ("gone", minutes(40))),
        [fired(FIRING, START + minutes(10)), fired(set(), START + minutes(22))],
    ),
    "its API fails for half an hour": (
        scraped(OLD, ("up", START), ("empty", minutes(30)), WHOLE)
        | {
            name.replace("$", OLD): f"1x{START - 1} 0x{minutes(30)} 1x400"
            for name in NUMBERS
            if name.startswith("modelarts_up")
        },
        [
            fired(FIRING, START + minutes(5)),
            fired(FIRING, START + minutes(45)),
        ],
    ),
    **{
        f"the project fails most of the time, and is scraped every {seconds} s": (
            fails_most_of_the_time(seconds)
        )
        for seconds in (15, 30, 60)
    },
}


@pytest.mark.slow
@pytest.mark.needs("promtool")
def test_outages(tmp_path):
    """
    Only alerts whose cause is gone stop firing.

    Each case has a scrape job of its own, so that the rules are evaluated only once.
    """
    test = {
        "interval": "15s",
        "input_series": [
            {
                "series": series.replace('job="', f'job="{name}/'),
                "values": values.strip(),
            }
            for name, (all_series, _) in CASES.items()
            for series, values in all_series.items()
        ],
        "promql_expr_test": [
            one
            | {
                "expr": one["expr"].replace(
                    "$firing", f'alertstate="firing", job=~"({name}/.*)?"'
                )
            }
            for name, (_, expected) in CASES.items()
            for one in expected
        ],
    }
    # Annotations would take a third of the time, and no case needs them.
    groups = [
        group | {"rules": [rule | {"annotations": {}} for rule in group["rules"]]}
        for group in GROUPS
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": groups}))
    whole = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "group_eval_order": ORDER,
        "tests": [test],
    }
    file = tmp_path / "outages.test.yml"
    file.write_text(json.dumps(whole))
    promtool("test", "rules", file)
