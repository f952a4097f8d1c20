"""A simulated cloud, for tests, the demo and benchmarks: IAM and ModelArts over HTTP."""

from .clock import Clock, ManualClock, RealClock
from .cloud import DEMO_KEY, DEMO_USER, SimulatedCloud, Throttle, demo_cloud
from .faults import Effect, Fault
from .identity import Key, User
from .modelarts import Spelling
from .server import ServerCertificate, serve
from .world import Jobs, Plan, SimulatedProject, Stream


__all__ = [
    "DEMO_KEY",
    "DEMO_USER",
    "Clock",
    "Effect",
    "Fault",
    "Jobs",
    "Key",
    "ManualClock",
    "Plan",
    "RealClock",
    "ServerCertificate",
    "SimulatedCloud",
    "SimulatedProject",
    "Spelling",
    "Stream",
    "Throttle",
    "User",
    "demo_cloud",
    "serve",
]
