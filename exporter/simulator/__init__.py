"""A simulated cloud, for tests, the demo and benchmarks: IAM and ModelArts over HTTP."""

from .clock import Clock, ManualClock, RealClock
from .cloud import DEMO_KEY, DEMO_USER, SimulatedCloud, Throttle, demo_cloud
from .dialect import Dialect
from .faults import Effect, Fault
from .identity import Key, User
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
    SimulatedProject,
    Stream,
)


__all__ = [
    "CPU_FLAVOR",
    "DEMO_KEY",
    "DEMO_USER",
    "FLAVORS",
    "GPU_FLAVOR",
    "NPU_FLAVOR",
    "Clock",
    "Dialect",
    "Effect",
    "Fault",
    "Flavor",
    "Jobs",
    "Key",
    "ManualClock",
    "Plan",
    "RealClock",
    "ServerCertificate",
    "SimulatedCloud",
    "SimulatedProject",
    "Stream",
    "Throttle",
    "User",
    "demo_cloud",
    "phase_of",
    "serve",
    "uuid_of",
]
