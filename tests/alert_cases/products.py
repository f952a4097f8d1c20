"""Cases of the alerts about notebooks, services, Lite Servers and scheduled events."""

from .case import Case, E


N = f'{E}, project="a"'
S = f'{N}, api_version="v1"'
UP = {
    kind: f'modelarts_up{{{N}, kind="{kind}", api_version="v1"}}'
    for kind in ("notebook", "service", "lite_server", "scheduled_event")
}
ENDLESS = f'modelarts_running_notebooks{{{N}, flavor="f", pool="", auto_stop="off"}}'
IDLE = f'modelarts_running_notebooks{{{N}, flavor="f", pool="", auto_stop="idle"}}'
STORED = f'modelarts_notebook_storage_bytes{{{N}, phase="stopped", category="evs"}}'
OLDEST = f'modelarts_notebook_oldest_created_timestamp_seconds{{{N}, phase="stopped"}}'
STARTING = f'modelarts_notebooks{{{N}, status="starting", phase="pending"}}'
CREATING = f'modelarts_notebooks{{{N}, status="creating", phase="pending"}}'
CONCERNING = (
    f'modelarts_services{{{S}, type="batch", status="concerning", phase="running"}}'
)
FAILED = f'modelarts_services{{{S}, type="batch", status="failed", phase="failed"}}'
SINCE = "modelarts_service_oldest_transition_timestamp_seconds"
DEPLOYING = f'{SINCE}{{{S}, type="batch", status="deploying"}}'
WAITING = f'{SINCE}{{{S}, type="batch", status="waiting"}}'
SERVER = (
    f'modelarts_lite_servers{{{N}, flavor="f", charging="post_paid", '
    'status="error", phase="failed"}'
)
ASKING = f'modelarts_scheduled_events{{{N}, type="node_reboot", state="inquiring"}}'
NEXT = f'modelarts_next_scheduled_event_timestamp_seconds{{{N}, pool="p"}}'
NEXT_OF_NONE = f'modelarts_next_scheduled_event_timestamp_seconds{{{N}, pool=""}}'
NODES = f'modelarts_active_nodes{{{N}, flavor="f", accelerator="", pool="p"}}'
WORKLOADS = (
    f'modelarts_pool_workloads{{{N}, pool="p", type="train", status="running", '
    'phase="running"}'
)
LONG_AGO = -15 * 86_400


def simple(alert, series, kind, wait):
    """Return the cases of an alert that fires `wait` minutes after a number appears."""
    up, late = UP[kind], wait + 10
    return [
        Case(
            "fires and resolves",
            alert,
            {up: f"1x{late + 10}", series: f"0x5 2x{late - 5} 0x10"},
            {5: 0, wait + 7: 1, late + 5: 0},
        ),
        Case("none", alert, {up: f"1x{late}", series: f"0x{late}"}, {late: 0}),
        Case("missing", alert, {up: f"1x{late}"}, {late: 0}),
        Case(
            "the API fails",
            alert,
            {up: f"1x{late} 0x20", series: f"2x{late} stale"},
            {late: 1, late + 18: 1},
        ),
    ]


CASES = [
    *simple("ModelArtsNotebooksStartSlowly", STARTING, "notebook", 30),
    *simple("ModelArtsServiceConcerning", CONCERNING, "service", 5),
    *simple("ModelArtsServiceFailed", FAILED, "service", 5),
    *simple("ModelArtsLiteServerFailed", SERVER, "lite_server", 5),
    *simple("ModelArtsMaintenanceNeedsConsent", ASKING, "scheduled_event", 60),
    Case(
        "one alert for all statuses",
        "ModelArtsNotebooksStartSlowly",
        {UP["notebook"]: "1x60", STARTING: "1x60", CREATING: "1x60"},
        {40: 1},
    ),
    Case(
        "fires and resolves",
        "ModelArtsNotebooksWithoutAutoStop",
        {UP["notebook"]: "1x740", ENDLESS: "1x730 stale"},
        {700: 0, 725: 1, 735: 0},
    ),
    Case(
        "all stop by themselves",
        "ModelArtsNotebooksWithoutAutoStop",
        {UP["notebook"]: "1x725", IDLE: "5x725"},
        {725: 0},
    ),
    Case(
        "one is stopped in the evening",
        "ModelArtsNotebooksWithoutAutoStop",
        {UP["notebook"]: "1x730", ENDLESS: "1x600 stale _x9 1x120"},
        {725: 0},
    ),
    Case(
        "the API fails",
        "ModelArtsNotebooksWithoutAutoStop",
        {UP["notebook"]: "1x300 0x100 1x330", ENDLESS: "1x300 stale _x99 1x330"},
        {700: 0, 725: 1},
    ),
    Case(
        "fires and resolves",
        "ModelArtsNotebooksLeftStopped",
        {UP["notebook"]: "1x200", STORED: "1e12x150 0x50", OLDEST: f"{LONG_AGO}x200"},
        {50: 0, 70: 1, 160: 0},
    ),
    Case(
        "less than 500 GB",
        "ModelArtsNotebooksLeftStopped",
        {UP["notebook"]: "1x100", STORED: "5e11x100", OLDEST: f"{LONG_AGO}x100"},
        {95: 0},
    ),
    Case(
        "the oldest is not old",
        "ModelArtsNotebooksLeftStopped",
        {UP["notebook"]: "1x100", STORED: "1e12x100", OLDEST: "0x100"},
        {95: 0},
    ),
    Case(
        "the API fails",
        "ModelArtsNotebooksLeftStopped",
        {
            UP["notebook"]: "1x70 0x50",
            STORED: "1e12x70 stale",
            OLDEST: f"{LONG_AGO}x70 stale",
        },
        {69: 1, 115: 1},
    ),
]

for _alert, _since in (
    ("ModelArtsServiceDeploysLong", DEPLOYING),
    ("ModelArtsServiceWaitsForResources", WAITING),
):
    CASES += [
        Case(
            "fires and resolves",
            _alert,
            {UP["service"]: "1x60", _since: "0x50 stale"},
            {30: 0, 37: 1, 55: 0},
        ),
        Case(
            "one after the other",
            _alert,
            {UP["service"]: "1x60", _since: "0x20 1200x30 3000x10"},
            {30: 0, 59: 0},
        ),
        Case("missing", _alert, {UP["service"]: "1x60"}, {55: 0}),
        Case(
            "the API fails",
            _alert,
            {UP["service"]: "1x40 0x20", _since: "0x40 stale"},
            {38: 1, 58: 1},
        ),
    ]

CASES += [
    Case(
        "fires and resolves",
        "ModelArtsMaintenanceHitsRunningJobs",
        {NEXT: "90000x120", NODES: "3x100 stale"},
        # At first it begins in 25 hours; after one hour, it is a day ahead.
        {60: 0, 78: 1, 110: 0},
    ),
    Case(
        "workloads that the pool reports",
        "ModelArtsMaintenanceHitsRunningJobs",
        {NEXT: "7200x60", WORKLOADS: "2x60"},
        {20: 1},
    ),
    Case(
        "no job runs there",
        "ModelArtsMaintenanceHitsRunningJobs",
        {NEXT: "7200x60", WORKLOADS: "0x60"},
        {50: 0},
    ),
    Case(
        "an event without a pool",
        "ModelArtsMaintenanceHitsRunningJobs",
        {NEXT_OF_NONE: "7200x60", NODES: "3x60", NODES.replace('"p"', '""'): "3x60"},
        {50: 0},
    ),
    Case("missing", "ModelArtsMaintenanceHitsRunningJobs", {NODES: "3x60"}, {50: 0}),
]
