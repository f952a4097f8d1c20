"""Cases with both versions of the training API, and with v2 alone."""

from .case import (
    CREATED,
    ERRORS,
    FAILED,
    LONGEST,
    OLDEST,
    QUOTA,
    REMAINING,
    RUNNING,
    SUCCEEDED,
    UP,
    WAITING,
    Case,
    v2,
)


BOTH_UP = {UP: "1x200", v2(UP): "1x200"}
NO_V1 = {UP.replace("_up", "_offered"): "0x200", v2(UP): "1x200"}

CASES = [
    Case(
        "one of two versions fails",
        "ModelArtsProjectNotCollected",
        {UP: "1x20 0x20 1x20", v2(UP): "1x60"},
        {35: 0, 38: 1, 49: 0},
        'api_version="v1"',
    ),
    Case(
        "both versions fail",
        "ModelArtsProjectNotCollected",
        {UP: "0x30", v2(UP): "0x30"},
        {6: 0, 16: 2},
    ),
    Case("only v2 is offered", "ModelArtsProjectNotCollected", NO_V1, {30: 0}),
    Case(
        "v1 fails, and is then no longer offered",
        "ModelArtsProjectNotCollected",
        {UP: "0x30 stale", v2(UP): "1x60"},
        {16: 1, 32: 0},
    ),
    Case(
        "v1's quota is full, v2 has no quota",
        "ModelArtsRunningQuotaFull",
        BOTH_UP
        | {RUNNING: "8x60", WAITING: "3x60", QUOTA: "8x60"}
        | {v2(RUNNING): "1x60", v2(WAITING): "0x60"},
        {10: 0, 17: 1},
        'api_version="v1"',
    ),
    Case(
        "v2's running jobs do not count against v1's quota",
        "ModelArtsRunningQuotaFull",
        BOTH_UP
        | {RUNNING: "4x60", WAITING: "3x60", QUOTA: "8x60"}
        | {v2(RUNNING): "8x60", v2(WAITING): "0x60"},
        {30: 0},
    ),
    Case(
        "v2's waiting jobs do not wait for v1's quota",
        "ModelArtsRunningQuotaFull",
        BOTH_UP
        | {RUNNING: "8x60", WAITING: "0x60", QUOTA: "8x60"}
        | {v2(RUNNING): "0x60", v2(WAITING): "3x60"},
        {30: 0},
    ),
    Case(
        "only v2 is offered",
        "ModelArtsRunningQuotaFull",
        NO_V1 | {v2(RUNNING): "8x60", v2(WAITING): "3x60"},
        {30: 0},
    ),
    Case(
        "v2 fails",
        "ModelArtsRunningQuotaFull",
        {UP: "1x60", v2(UP): "1x20 0x40"}
        | {RUNNING: "8x60", WAITING: "3x60", QUOTA: "8x60"}
        | {v2(RUNNING): "8x20 stale"},
        {18: 1, 58: 1},
    ),
    Case(
        "v1 is full, v2 is empty",
        "ModelArtsCapacityHigh",
        BOTH_UP
        | {CREATED: "90x60", REMAINING: "10x60"}
        | {v2(CREATED): "0x60", v2(REMAINING): "100x60"},
        {17: 1},
        'api_version="v1"',
    ),
    Case(
        "v2 alone is full",
        "ModelArtsCapacityCritical",
        NO_V1 | {v2(CREATED): "96x60", v2(REMAINING): "4x60"},
        {3: 0, 7: 1},
        'api_version="v2"',
    ),
    Case(
        "v2 has no quota API",
        "ModelArtsCapacityCritical",
        NO_V1 | {v2(CREATED): "5000x60"},
        {30: 0},
    ),
    Case(
        "only v2's quota fails",
        "ModelArtsCapacityCritical",
        NO_V1
        | {v2(CREATED): "96x90", v2(REMAINING): "4x20 stale"}
        | {v2(ERRORS): "0x20 1+1x30 31x40"},
        {10: 1, 30: 1, 50: 1, 65: 0},
    ),
    Case(
        "only v2's quota fails",
        "ModelArtsNoJobCanBeCreated",
        NO_V1
        | {v2(CREATED): "96x90", v2(REMAINING): "0x20 stale _x40 7x30"}
        | {v2(ERRORS): "0x20 1+1x60"},
        {10: 1, 30: 1, 55: 1, 63: 0},
    ),
    Case(
        "v2 no longer has a quota",
        "ModelArtsNoJobCanBeCreated",
        NO_V1 | {v2(REMAINING): "0x20 stale", v2(ERRORS): "0x60", ERRORS: "0+1x60"},
        {10: 1, 22: 0},
    ),
    Case(
        "v1 fails, v2 does not",
        "ModelArtsCapacityCritical",
        {UP: "1x20 0x40", CREATED: "96x20 stale", REMAINING: "4x20 stale"}
        | {v2(UP): "1x60", v2(CREATED): "5x60", v2(REMAINING): "95x60"},
        {10: 1, 50: 1},
        'api_version="v1"',
    ),
    Case(
        "v1's are used up, v2's are not",
        "ModelArtsNoJobCanBeCreated",
        BOTH_UP | {REMAINING: "0x60", v2(REMAINING): "5x60"},
        {7: 1},
        'api_version="v1"',
    ),
    Case(
        "v2's trend",
        "ModelArtsCapacityUsedUpSoon",
        {v2(CREATED): "1000+1x400", v2(REMAINING): "1400-1x400"}
        | {CREATED: "50x400", REMAINING: "950x400"},
        {345: 1},
        'api_version="v2"',
    ),
    Case(
        "both limits of v1: one alert",
        "ModelArtsQuotaLowered",
        {QUOTA: "10x70 8x60 10x60", CREATED: "100x200"}
        | {REMAINING: "900x70 400x60 900x60"}
        | {v2(CREATED): "100x200", v2(REMAINING): "900x200"},
        {85: 1, 135: 0},
        'api_version="v1"',
    ),
    Case(
        "jobs move from v1 to v2",
        "ModelArtsQuotaLowered",
        {CREATED: "100-1x90 10x100", REMAINING: "900+1x90 990x100"}
        | {v2(CREATED): "0+1x90 90x100", v2(REMAINING): "500-1x90 410x100"},
        {90: 0, 120: 0},
    ),
    Case(
        "enough of both versions together: one alert",
        "ModelArtsJobsFail",
        BOTH_UP
        | {FAILED: "0+0.05x200", SUCCEEDED: "0x200"}
        | {v2(FAILED): "0+0.05x200", v2(SUCCEEDED): "0x200"},
        {20: 0, 120: 1},
    ),
    Case(
        "v2's successes outweigh v1's failures",
        "ModelArtsJobsFail",
        BOTH_UP
        | {FAILED: "0+1x120", SUCCEEDED: "0x120"}
        | {v2(FAILED): "0x120", v2(SUCCEEDED): "0+2x120"},
        {60: 0, 110: 0},
    ),
    Case(
        "only v2 is offered",
        "ModelArtsJobsFail",
        NO_V1 | {v2(FAILED): "0+1x120", v2(SUCCEEDED): "0x120"},
        {60: 1},
    ),
    Case(
        "in both versions: one alert, until the last has ended",
        "ModelArtsJobRunsLong",
        BOTH_UP
        | {LONGEST: "200000x30 100x60", v2(LONGEST): "300000x60 100x30"}
        | {OLDEST: "0x90"},
        {17: 1, 45: 1, 63: 0},
    ),
    Case(
        "v1 fails, v2 has a short one",
        "ModelArtsJobRunsLong",
        {UP: "1x20 0x40", LONGEST: "200000x20 stale"}
        | {v2(UP): "1x60", v2(LONGEST): "100x60"},
        {18: 1, 58: 1},
    ),
    Case(
        "only v2 is offered",
        "ModelArtsJobRunsLong",
        NO_V1 | {v2(LONGEST): "200000x60"},
        {17: 1},
    ),
    Case(
        "in both versions: one alert, until the last has started",
        "ModelArtsJobsWaitLong",
        BOTH_UP
        | {OLDEST: "0x90 stale", v2(OLDEST): "0x100 stale"}
        | {LONGEST: "100x120"},
        {77: 1, 95: 1, 103: 0},
    ),
    Case(
        "v1 fails, v2 has a new one",
        "ModelArtsJobsWaitLong",
        {UP: "1x80 0x40", OLDEST: "0x80 stale"}
        | {v2(UP): "1x120", v2(OLDEST): "4200x120"},
        {78: 1, 115: 1},
    ),
]
