"""A simulated cloud, for tests, the demo and benchmarks: IAM and ModelArts over HTTP."""

from .access import Access, OwnProjects
from .clock import Clock, ManualClock, RealClock
from .cloud import DEMO_KEY, DEMO_USER, SimulatedCloud, Throttle, demo_cloud
from .demo_projects import other_projects
from .dialect import Dialect, RequestIds
from .faults import Effect, Fault
from .identity import Key, User
from .project import SimulatedProject
from .project_lists import ListedProject
from .searches import phase_of, uuid_of
from .server import ServerCertificate, serve
from .state import (
    CPU_FLAVOR,
    FLAVORS,
    GPU_FLAVOR,
    NPU_FLAVOR,
    Flavor,
    Jobs,
    Plan,
    Stream,
)
from .workspaces import Workspace


__all__ = [
    "CPU_FLAVOR",
    "DEMO_KEY",
    "DEMO_USER",
    "FLAVORS",
    "GPU_FLAVOR",
    "NPU_FLAVOR",
    "Access",
    "Clock",
    "Dialect",
    "Effect",
    "Fault",
    "Flavor",
    "Jobs",
    "Key",
    "ListedProject",
    "ManualClock",
    "OwnProjects",
    "Plan",
    "RealClock",
    "RequestIds",
    "ServerCertificate",
    "SimulatedCloud",
    "SimulatedProject",
    "Stream",
    "Throttle",
    "User",
    "Workspace",
    "demo_cloud",
    "other_projects",
    "phase_of",
    "serve",
    "uuid_of",
]
