"""The simulated cloud: its parts, its replies, and a record of requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..collectors.jobs.kinds import Kind
from .clock import Clock, RealClock
from .demo_projects import demo_projects
from .dialect import Dialect
from .faults import Faults
from .identity import Identity, Key, Request, User
from .metadata import Metadata
from .modelarts import list_jobs, show_job
from .replies import Reply, gateway_error
from .searches import search_jobs, show_quotas
from .state import Jobs, SimulatedProject


DEMO_USER: Final = User("exporter", "demo-password", "OTC00000000001000000001")
DEMO_KEY: Final = Key("DEMOACCESSKEY", "demo-secret-key")

_APIS: Final = {
    "training-jobs": Kind.TRAINING,
    "visualization-jobs": Kind.VISUALIZATION,
}
_NO_JOBS: Final = Jobs(Kind.TRAINING)
_MAX_RECORD: Final = 100_000


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """An answered request: API, project, page, query and status."""

    api: str
    project_id: str | None
    page: int
    query: str
    status: int


@dataclass(slots=True)
class Throttle:
    """A token bucket; requests get 429 when it is empty."""

    per_second: float
    burst: float
    retry_after: str | None = None
    _tokens: float = field(init=False)
    _filled_at: float = 0.0

    def __post_init__(self) -> None:
        self._tokens = self.burst

    def refuses(self, now: float) -> bool:
        """Take a token; return True if there was none."""
        earned = (now - self._filled_at) * self.per_second
        self._tokens = min(self.burst, self._tokens + earned)
        self._filled_at = now
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False


@dataclass(slots=True)
class SimulatedCloud:
    """IAM and ModelArts of one region; tests may change its fields."""

    projects: Sequence[SimulatedProject]
    clock: Clock = field(default_factory=RealClock)
    identity: Identity = field(init=False)
    metadata: Metadata = field(init=False)
    faults: Faults = field(default_factory=Faults)
    dialect: Dialect = field(default_factory=Dialect)
    throttle: Throttle | None = None
    latency: float = 0.0
    """Seconds before every answer."""

    date_ahead: float = 0.0
    """Seconds by which the `Date` of responses is ahead of this machine's clock."""

    record: deque[RecordedRequest] = field(
        default_factory=lambda: deque(maxlen=_MAX_RECORD)
    )
    before_answer: Callable[[str, int], None] | None = None
    """Called with API and page before each response, so that a test can change the state."""

    def __post_init__(self) -> None:
        self.identity = Identity(self.clock, self.projects)
        self.metadata = Metadata(self.identity)

    def project(self, project_id: str) -> SimulatedProject | None:
        """Return the project with that ID."""
        return next((p for p in self.projects if p.project_id == project_id), None)

    def asked(self, api: str | None = None) -> list[RecordedRequest]:
        """Return the requests answered so far, of all APIs or of `api`."""
        return [request for request in self.record if api in {None, request.api}]

    def list_jobs(
        self,
        request: Request,
        project_id: str,
        collection: str,
        query: Mapping[str, str],
    ) -> Reply:
        """Answer a listing of v1."""

        def answer(project: SimulatedProject, now: float) -> Reply:
            kind = _APIS[collection]
            jobs = project.jobs(kind)
            if kind is Kind.TRAINING and project.training_api != "v1":
                jobs = _NO_JOBS
            jobs.advance(now)
            return list_jobs(jobs, query, now, self.dialect)

        return self._answer(request, project_id, answer)

    def show_job(self, request: Request, project_id: str, job_id: str) -> Reply:
        """Answer a visualization job's details."""

        def answer(project: SimulatedProject, now: float) -> Reply:
            project.visualization.advance(now)
            return show_job(project.visualization, job_id, now)

        return self._answer(request, project_id, answer)

    def search_jobs(self, request: Request, project_id: str, body: bytes) -> Reply:
        """Answer a search of v2."""

        def answer(project: SimulatedProject, now: float) -> Reply:
            jobs = project.training if project.training_api == "v2" else _NO_JOBS
            jobs.advance(now)
            return search_jobs(jobs, body, now, self.dialect)

        return self._answer(request, project_id, answer)

    def show_quotas(self, request: Request, project_id: str) -> Reply:
        """Answer v2's quotas."""
        if self.dialect.without_quota_api:
            return gateway_error(404, "APIG.0101", "The API does not exist")

        def answer(project: SimulatedProject, now: float) -> Reply:
            project.training.advance(now)
            return show_quotas(project.training)

        return self._answer(request, project_id, answer)

    def _answer(
        self,
        request: Request,
        project_id: str,
        answer: Callable[[SimulatedProject, float], Reply],
    ) -> Reply:
        now = self.clock.now()
        if self.throttle is not None and self.throttle.refuses(now):
            retry = self.throttle.retry_after
            return gateway_error(
                429,
                "APIG.0308",
                "The throttling threshold has been reached: policy user over ratelimit",
                **({"retry_after": retry} if retry else {}),
            )
        refusal = self.identity.refusal(request, project_id)
        project = self.project(project_id)
        if refusal is not None or project is None:
            return refusal or gateway_error(
                403, "ModelArts.0210", "The project id does not match the credential."
            )
        return answer(project, now)


def demo_cloud(clock: Clock | None = None, seed: int = 1) -> SimulatedCloud:
    """Return a cloud with the demo's projects, a user and a key."""
    clock = clock or RealClock()
    cloud = SimulatedCloud(demo_projects(clock.now(), seed), clock)
    cloud.identity.users.append(
        User(DEMO_USER.name, DEMO_USER.password, DEMO_USER.domain)
    )
    cloud.identity.keys.append(Key(DEMO_KEY.access_key, DEMO_KEY.secret_key))
    return cloud
