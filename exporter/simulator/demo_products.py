"""What the demo's projects have besides jobs."""

from __future__ import annotations

import random
import uuid

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .demo_projects import BATCH_POOL, USERS
from .lite_servers import LiteServer
from .notebooks import Lease, Notebook
from .pools import CPU_NODE, GPU_NODE, NPU_NODE, NodeFlavor, Pool, PoolNode, Workload
from .project import SimulatedProject
from .scheduled_events import ScheduledEvent
from .services import Service
from .state import GPU_FLAVOR, NPU_FLAVOR


_DAY: Final = 86_400.0
_HOUR: Final = 3600.0
_TROUBLE: Final = 300.0
_SHIFT: Final = 1800.0
_NOTEBOOK_STATUSES: Final = (
    *("RUNNING",) * 6,
    *("STOPPED",) * 8,
    "START_FAILED",
    "CREATING",
)
_NOTEBOOK_FLAVORS: Final = ("modelarts.vm.cpu.8u", "modelarts.vm.gpu.v100")
_SERVICE_STATUSES: Final = (*("running",) * 5, "stopped", "stopped", "failed")
_EVENT_STATES: Final = ("inquiring", "scheduled", "executing", "completed")
DEMO_PRICES: Final = (
    ("modelarts.vm.cpu.8u", 0.6),
    ("modelarts.vm.gpu.v100", 3.1),
    (GPU_FLAVOR.flavor_id, 22.0),
    (NPU_FLAVOR.flavor_id, 27.0),
    (CPU_NODE.flavor_id, 0.6),
    (GPU_NODE.flavor_id, 21.0),
    (NPU_NODE.flavor_id, 25.0),
    (LiteServer().flavor, 24.0),
)
"""What an hour costs in the demo, by flavor; invented."""

_AUTO_STOPS: Final = (None, "timing", "idle", "idle")


def add_products(projects: Sequence[SimulatedProject], now: float, seed: int) -> None:
    """Give some of the demo's projects something of every product."""
    by_name = {project.name: project for project in projects}
    vision, speech = by_name["vision"], by_name["speech"]
    vision.pools.pools += _busy_pools(now, seed)
    by_name["translation"].pools.pools += _idle_pools(now, seed)
    shared = vision.pools.pools[0]
    in_pool = (shared.pool_id, shared.name)
    vision.notebooks.plan = _NotebookPlan(now, count=64, seed=seed, pool=in_pool)
    vision.scheduled_events.plan = _EventPlan(shared.pool_id)
    vision.services.plan = _ServicePlan(now, count=9, seed=seed)
    speech.lite_servers.servers += [
        LiteServer(f"server-{number}", status, created=now - 20 * _DAY)
        for number, status in enumerate(("RUNNING", "RUNNING", "STOPPED", "ERROR"))
    ]
    speech.notebooks.plan = _NotebookPlan(now, count=12, seed=seed + 1)


def _busy_pools(now: float, seed: int) -> list[Pool]:
    # Its nodes are nearly always full, and one of them is broken.
    nodes = [PoolNode(GPU_NODE, used=8) for _ in range(4)]
    nodes.append(PoolNode(GPU_NODE, phase="Abnormal"))
    shared = Pool(
        _pool_id(1),
        "gpu-shared",
        nodes,
        created=now - 90 * _DAY,
        plan=_Shifts(GPU_NODE, 4, busy=0.97, queue=5, seed=seed, shares=(1,)),
    )
    part = Pool(
        _pool_id(2),
        "gpu-annotation",
        nodes[:1],
        type="Logical",
        parent=shared.pool_id,
        created=now - 30 * _DAY,
        plan=_Shifts(GPU_NODE, 1, busy=0.5, queue=0, seed=seed + 1),
    )
    return [shared, part]


def _idle_pools(now: float, seed: int) -> list[Pool]:
    idle = Pool(
        _pool_id(3),
        "npu-benchmarks",
        [PoolNode(NPU_NODE) for _ in range(2)],
        created=now - 200 * _DAY,
    )
    growing = Pool(
        BATCH_POOL.pool_id,
        BATCH_POOL.pool_name,
        [PoolNode(CPU_NODE) for _ in range(6)] + [PoolNode(CPU_NODE, phase="Creating")],
        created=now - 10 * _DAY,
        desired={CPU_NODE.flavor_id: 8},
        plan=_Shifts(CPU_NODE, 6, busy=0.7, queue=1, seed=seed + 3),
    )
    return [idle, growing]


@dataclass(frozen=True, slots=True)
class _Shifts:
    """Each node is busy with one workload or with none, half an hour at a time."""

    flavor: NodeFlavor
    nodes: int
    busy: float
    queue: int
    seed: int
    shares: Sequence[float] = (0.5, 1)
    """What a workload can take of a node's accelerators."""

    def __call__(self, now: float) -> list[Workload]:
        """Return what runs and waits at a time."""
        found: list[Workload] = []
        for slot in range(self.nodes + self.queue):
            # Shifts of the nodes do not begin at the same time.
            offset = slot * _SHIFT / (self.nodes + self.queue)
            shift = int((now + offset) // _SHIFT)
            begun = shift * _SHIFT - offset
            # The same for everyone who asks in this shift.
            chance = random.Random(f"{self.seed}/{slot}/{shift}")  # noqa: S311 - simulation
            is_node = slot < self.nodes
            if chance.random() < (self.busy if is_node else 0.5):
                found.append(self._workload(chance, begun, running=is_node))
        return found

    def _workload(
        self, chance: random.Random, begun: float, *, running: bool
    ) -> Workload:
        name = f"{chance.choice(('resnet', 'bert', 'yolo'))}-{chance.randrange(1000)}"
        return Workload(
            type=chance.choice(("train", "train", "train", "notebook", "infer")),
            status="Running" if running else "Queue",
            created=begun,
            started=begun + 30 if running else None,
            name=name,
            user=chance.choice(USERS),
            cpu=self.flavor.cpu * chance.choice((0.25, 0.5)),
            memory=self.flavor.memory * chance.choice((0.25, 0.5)),
            accelerators=self.flavor.accelerators * chance.choice(self.shares),
            accelerator=self.flavor.accelerator,
            uuid=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        )


@dataclass(frozen=True, slots=True)
class _NotebookPlan:
    """Notebooks of several users; those that stop by themselves run by the hour."""

    begun: float
    count: int
    seed: int
    pool: tuple[str, str] | None = None

    def __call__(self, now: float) -> list[Notebook]:
        """Return the notebooks at a time."""
        return [self._notebook(number, now) for number in range(self.count)]

    def _notebook(self, number: int, now: float) -> Notebook:
        chance = random.Random(f"{self.seed}/{number}")  # noqa: S311 - simulation
        created = self.begun - chance.uniform(1, 60) * _DAY
        auto_stop = chance.choice(_AUTO_STOPS)
        status = chance.choice(_NOTEBOOK_STATUSES)
        if auto_stop is not None:
            # It is started anew every hour, but for every third.
            hours = int((now - created) // _HOUR)
            created += hours * _HOUR
            if status == "RUNNING" and (hours + number) % 3 == 0:
                status = "STOPPED"
        lease = Lease(created, _HOUR, enabled=auto_stop is not None, type=auto_stop)
        user = chance.choice(USERS)
        return Notebook(
            f"{user}-{number}",
            status,
            chance.choice(_NOTEBOOK_FLAVORS),
            user,
            user,
            lease,
            self.pool if chance.random() < 0.3 else None,  # noqa: PLR2004 - a share
            capacity=chance.choice((5, 50, 100, 500)),
            notebook_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        )


@dataclass(frozen=True, slots=True)
class _ServicePlan:
    """Services that are called all the time, and malfunction now and then."""

    begun: float
    count: int
    seed: int

    def __call__(self, now: float) -> list[Service]:
        """Return the services at a time."""
        return [self._service(number, now) for number in range(self.count)]

    def _service(self, number: int, now: float) -> Service:
        chance = random.Random(f"{self.seed}/{number}")  # noqa: S311 - simulation
        created = self.begun - chance.uniform(1, 60) * _DAY
        status = chance.choice(_SERVICE_STATUSES)
        # The first has trouble for five minutes, and none for the next ten.
        trouble = number == 0 and int(now // _TROUBLE) % 3 == 0
        is_serving = number == 0 or status == "running"
        calls = int((now - created) * chance.uniform(0.1, 20)) if is_serving else 1000
        changed = now // _TROUBLE * _TROUBLE if number == 0 else created + _HOUR
        return Service(
            f"{chance.choice(('detect', 'translate', 'rank'))}-{number}",
            "concerning" if trouble else "running" if number == 0 else status,
            chance.choice(("real-time", "real-time", "batch")),
            created,
            changed,
            due=created + 365 * _DAY if number % 2 else None,
            owner=chance.choice(USERS),
            invocations=calls,
            failures=calls // 50,
            instances=(1 if trouble else 2, 2),
            service_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        )


@dataclass(frozen=True, slots=True)
class _EventPlan:
    """One event after the other, each in one state after the other."""

    pool: str

    def __call__(self, now: float) -> list[ScheduledEvent]:
        """Return the event at a time."""
        number, step = divmod(int(now // _HOUR), len(_EVENT_STATES))
        published = number * len(_EVENT_STATES) * _HOUR
        begins = published + 2 * _HOUR
        return [
            ScheduledEvent(
                state=_EVENT_STATES[step],
                pool=self.pool,
                published=published,
                not_before=begins,
                started=begins if step > 1 else None,
                event_id=f"event-{number}",
            )
        ]


def _pool_id(number: int) -> str:
    return f"pool-{number:04x}-0000-4000-8000-{number:012x}"
