"""Cases of the alerts about resource pools."""

from .case import Case, E


S = f'{E}, project="a"'
POOL = f'{S}, pool="pool-1"'
UP = f'modelarts_up{{{S}, kind="pool", api_version="v2"}}'
ERRORS = (
    f"modelarts_collection_errors_total"
    f'{{{S}, kind="pool", api_version="v2", reason="timeout"}}'
)
GPU = 'accelerator="nvidia.com/gpu"'


def info(of_type="physical", billing="pay_per_use"):
    """Return the info series of a pool, which has its name."""
    known = f'pool_name="shared", type="{of_type}", billing="{billing}", parent=""'
    return f"modelarts_pool_info{{{POOL}, {known}}}"


def nodes(state):
    """Return the series of a pool's nodes in a state."""
    return f'modelarts_pool_nodes{{{POOL}, flavor="f", state="{state}"}}'


INFO = info()
FAILED = f'modelarts_pool_status{{{POOL}, status="abnormal", phase="failed"}}'
RUNNING = f'modelarts_pool_status{{{POOL}, status="running", phase="running"}}'
DESIRED = f'modelarts_pool_desired_nodes{{{POOL}, flavor="f"}}'
AVAILABLE, ABNORMAL = nodes("available"), nodes("abnormal")
FROZEN = f"modelarts_pool_frozen{{{POOL}}}"
CAPACITY = f"modelarts_pool_capacity_accelerators{{{POOL}, {GPU}}}"
ALLOCATED = f"modelarts_pool_allocated_accelerators{{{POOL}, {GPU}}}"
CORES = f"modelarts_pool_capacity_cpu_cores{{{POOL}}}"
CORES_ALLOCATED = f"modelarts_pool_allocated_cpu_cores{{{POOL}}}"
QUEUED = (
    f'modelarts_pool_workloads{{{POOL}, type="train", status="queue", phase="pending"}}'
)
OLDEST = f"modelarts_pool_oldest_queued_timestamp_seconds{{{POOL}}}"
MEASURED = f"modelarts_pool_usage_timestamp_seconds{{{POOL}}}"

WELL = {UP: "1x500", INFO: "1x500"}
DOWN = {UP: "1x40 0x200", INFO: "1x40 stale"}

CASES = [
    Case(
        "fires and resolves",
        "ModelArtsPoolUnhealthy",
        WELL | {FAILED: "1x40 stale", RUNNING: "_x41 1x30"},
        {5: 0, 15: 1, 45: 0},
    ),
    Case(
        "has its display name",
        "ModelArtsPoolUnhealthy",
        WELL | {FAILED: "1x40"},
        {15: 1},
        labels='pool_name="shared", team="unknown"',
    ),
    Case("running", "ModelArtsPoolUnhealthy", WELL | {RUNNING: "1x60"}, {30: 0}),
    Case(
        "the API fails",
        "ModelArtsPoolUnhealthy",
        DOWN | {FAILED: "1x40 stale"},
        {30: 1, 100: 1},
    ),
    Case("missing", "ModelArtsPoolUnhealthy", {UP: "1x60"}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsPoolNodesAbnormal",
        WELL | {ABNORMAL: "1x40 0x30"},
        {5: 0, 15: 1, 45: 0},
    ),
    Case("none", "ModelArtsPoolNodesAbnormal", WELL | {ABNORMAL: "0x60"}, {30: 0}),
    Case(
        "those of a part of a pool are its parent's",
        "ModelArtsPoolNodesAbnormal",
        {UP: "1x60", info("logical"): "1x60", ABNORMAL: "1x60"},
        {30: 0},
    ),
    Case(
        "the API fails",
        "ModelArtsPoolNodesAbnormal",
        DOWN | {ABNORMAL: "1x40 stale"},
        {30: 1, 100: 1},
    ),
    Case(
        "fires and resolves",
        "ModelArtsPoolNodesMissing",
        WELL | {DESIRED: "8x100", AVAILABLE: "6x60 8x40", ABNORMAL: "0x100"},
        {20: 0, 40: 1, 65: 0},
    ),
    Case(
        "abnormal ones are not missing",
        "ModelArtsPoolNodesMissing",
        WELL | {DESIRED: "8x100", AVAILABLE: "6x100", ABNORMAL: "2x100"},
        {60: 0},
    ),
    Case("unknown", "ModelArtsPoolNodesMissing", WELL | {AVAILABLE: "6x60"}, {50: 0}),
    Case(
        "fires and resolves",
        "ModelArtsPoolFrozen",
        WELL | {FROZEN: "1x40 0x30"},
        {3: 0, 10: 1, 45: 0},
    ),
    Case("not frozen", "ModelArtsPoolFrozen", WELL | {FROZEN: "0x60"}, {30: 0}),
    Case("missing", "ModelArtsPoolFrozen", WELL, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsPoolFull",
        WELL | {CAPACITY: "32x100", ALLOCATED: "32x60 24x40", QUEUED: "3x100"},
        {20: 0, 40: 1, 65: 0},
    ),
    Case(
        "no workload waits",
        "ModelArtsPoolFull",
        WELL | {CAPACITY: "32x100", ALLOCATED: "32x100", QUEUED: "0x100"},
        {60: 0},
    ),
    Case(
        "just below",
        "ModelArtsPoolFull",
        WELL | {CAPACITY: "20x100", ALLOCATED: "19x100", QUEUED: "3x100"},
        {60: 0},
    ),
    Case(
        "a pool of CPUs",
        "ModelArtsPoolFull",
        WELL
        | {
            CORES: "64x100",
            CORES_ALLOCATED: "64x60 8x40",
            CAPACITY: "0x100",
            ALLOCATED: "0x100",
            QUEUED: "1x100",
        },
        {40: 1, 65: 0},
    ),
    Case(
        "cores do not count where there are accelerators",
        "ModelArtsPoolFull",
        WELL
        | {
            CORES: "64x100",
            CORES_ALLOCATED: "64x100",
            CAPACITY: "8x100",
            ALLOCATED: "4x100",
            QUEUED: "1x100",
        },
        {60: 0},
    ),
    Case(
        "the request for the usage fails",
        "ModelArtsPoolFull",
        WELL
        | {
            CAPACITY: "32x50 stale",
            ALLOCATED: "32x50 stale",
            QUEUED: "3x200",
            ERRORS: "0x50 1+1x150",
        },
        {40: 1, 150: 1},
    ),
    Case("missing", "ModelArtsPoolFull", WELL | {QUEUED: "3x100"}, {60: 0}),
    Case(
        "fires and resolves",
        "ModelArtsPoolQueueLong",
        WELL | {OLDEST: "0x100 6000x60", QUEUED: "2x200"},
        {50: 0, 70: 1, 103: 0},
    ),
    Case(
        "just below",
        "ModelArtsPoolQueueLong",
        WELL | {OLDEST: "0x58", QUEUED: "2x58"},
        {58: 0},
    ),
    Case(
        "the queue empties while another request fails",
        "ModelArtsPoolQueueLong",
        WELL | {OLDEST: "0x80 stale", QUEUED: "2x80 0x80", ERRORS: "0+1x200"},
        {75: 1, 85: 0},
    ),
    Case("missing", "ModelArtsPoolQueueLong", WELL, {100: 0}),
    Case(
        "fires and resolves",
        "ModelArtsPoolFragmented",
        WELL | {CAPACITY: "32x160", ALLOCATED: "28x100 32x60", QUEUED: "1x160"},
        {50: 0, 70: 1, 105: 0},
    ),
    Case(
        "full",
        "ModelArtsPoolFragmented",
        WELL | {CAPACITY: "32x160", ALLOCATED: "31x160", QUEUED: "1x160"},
        {120: 0},
    ),
    Case(
        "a part of one is free",
        "ModelArtsPoolFragmented",
        WELL | {CAPACITY: "8x160", ALLOCATED: "7.5x160", QUEUED: "1x160"},
        {120: 0},
    ),
    Case(
        "no workload waits",
        "ModelArtsPoolFragmented",
        WELL | {CAPACITY: "32x160", ALLOCATED: "8x160", QUEUED: "0x160"},
        {120: 0},
    ),
    Case(
        "fires and resolves",
        "ModelArtsPoolIdle",
        WELL | {CAPACITY: "16x500", ALLOCATED: "0x400 8x100", AVAILABLE: "2x500"},
        {350: 0, 370: 1, 405: 0},
    ),
    Case(
        "a pool of CPUs",
        "ModelArtsPoolIdle",
        WELL | {CORES: "64x400", CORES_ALLOCATED: "0x400", AVAILABLE: "2x400"},
        {370: 1},
    ),
    Case(
        "paid by the month",
        "ModelArtsPoolIdle",
        {
            UP: "1x400",
            info(billing="prepaid"): "1x400",
            CAPACITY: "16x400",
            ALLOCATED: "0x400",
            AVAILABLE: "2x400",
        },
        {370: 0},
    ),
    Case(
        "used a little",
        "ModelArtsPoolIdle",
        WELL | {CAPACITY: "16x400", ALLOCATED: "0.5x400", AVAILABLE: "2x400"},
        {370: 0},
    ),
    Case(
        "unknown usage",
        "ModelArtsPoolIdle",
        WELL | {AVAILABLE: "2x400"},
        {370: 0},
    ),
    Case(
        "fires and resolves",
        "ModelArtsPoolUsageStale",
        WELL | {MEASURED: "0x60 3600x30"},
        {20: 0, 40: 1, 62: 0},
    ),
    Case(
        "just below",
        "ModelArtsPoolUsageStale",
        WELL | {MEASURED: "0+60x60"},
        {59: 0},
    ),
    Case("missing", "ModelArtsPoolUsageStale", WELL, {59: 0}),
]
