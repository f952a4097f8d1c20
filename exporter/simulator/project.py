"""A simulated project, with what it has of each product."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..collectors.jobs.kinds import Kind
from .lite_servers import LiteServers
from .notebooks import Notebooks
from .pools import Pools
from .scheduled_events import ScheduledEvents
from .services import Services
from .state import Jobs
from .workspaces import Workspaces


def _no_jobs() -> Jobs:
    return Jobs(Kind.TRAINING)


@dataclass(slots=True)
class SimulatedProject:
    """
    A project: its ID, its names here and in IAM, its jobs and its other products.

    `training_api` is the version of the API that lists `training`; the other version
    lists `other_training`. A project that is suspended looks enabled in IAM.
    """

    name: str
    project_id: str
    training: Jobs = field(default_factory=_no_jobs)
    visualization: Jobs = field(default_factory=lambda: Jobs(Kind.VISUALIZATION))
    training_api: str = "v1"
    iam_name: str | None = None
    """Its name in IAM, if that is another one."""

    enabled: bool = True
    suspended: bool = False
    other_training: Jobs = field(default_factory=_no_jobs)
    pools: Pools = field(default_factory=Pools)
    lite_servers: LiteServers = field(default_factory=LiteServers)
    notebooks: Notebooks = field(default_factory=Notebooks)
    scheduled_events: ScheduledEvents = field(default_factory=ScheduledEvents)
    services: Services = field(default_factory=Services)
    workspaces: Workspaces = field(default_factory=Workspaces)

    @property
    def listed_name(self) -> str:
        """Its name in IAM."""
        return self.name if self.iam_name is None else self.iam_name

    def jobs(self, kind: Kind) -> Jobs:
        """Return the project's jobs of a kind."""
        return self.training if kind is Kind.TRAINING else self.visualization

    def training_of(self, version: str) -> Jobs:
        """Return the training jobs that a version of the API lists."""
        return self.training if version == self.training_api else self.other_training
