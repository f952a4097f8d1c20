"""A simulated cloud, for tests, the demo and benchmarks: IAM and ModelArts over HTTP."""

from .access import Access, OwnProjects
from .clock import Clock, ManualClock, RealClock
from .cloud import DEMO_KEY, DEMO_USER, SimulatedCloud, Throttle, demo_cloud
from .demo_products import DEMO_PRICES
from .demo_projects import other_projects
from .dialect import Dialect, RequestIds
from .faults import Effect, Fault
from .identity import Key, User
from .job_items import phase_of, uuid_of
from .lite_servers import LiteServer
from .notebooks import NOTEBOOK_TOKEN, Lease, Notebook
from .pools import (
    CPU_NODE,
    GPU_NODE,
    NPU_NODE,
    NodeFlavor,
    Pool,
    PoolNode,
    Quantities,
    Workload,
)
from .project import SimulatedProject
from .project_lists import ListedProject
from .scheduled_events import ScheduledEvent
from .server import ServerCertificate, serve
from .services import Service
from .state import (
    CPU_FLAVOR,
    FLAVORS,
    GPU_FLAVOR,
    NPU_FLAVOR,
    AcceleratorsAs,
    Flavor,
    Jobs,
    Placement,
    Plan,
    Stream,
)
from .workspaces import Workspace


__all__ = [
    "CPU_FLAVOR",
    "CPU_NODE",
    "DEMO_KEY",
    "DEMO_PRICES",
    "DEMO_USER",
    "FLAVORS",
    "GPU_FLAVOR",
    "GPU_NODE",
    "NOTEBOOK_TOKEN",
    "NPU_FLAVOR",
    "NPU_NODE",
    "AcceleratorsAs",
    "Access",
    "Clock",
    "Dialect",
    "Effect",
    "Fault",
    "Flavor",
    "Jobs",
    "Key",
    "Lease",
    "ListedProject",
    "LiteServer",
    "ManualClock",
    "NodeFlavor",
    "Notebook",
    "OwnProjects",
    "Placement",
    "Plan",
    "Pool",
    "PoolNode",
    "Quantities",
    "RealClock",
    "RequestIds",
    "ScheduledEvent",
    "ServerCertificate",
    "Service",
    "SimulatedCloud",
    "SimulatedProject",
    "Stream",
    "Throttle",
    "User",
    "Workload",
    "Workspace",
    "demo_cloud",
    "other_projects",
    "phase_of",
    "serve",
    "uuid_of",
]
