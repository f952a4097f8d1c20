"""The simulated cloud: its parts, its replies, and a record of requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from starlette.datastructures import QueryParams

from .access import Access
from .clock import Clock, RealClock
from .demo_products import add_products
from .demo_projects import demo_projects, other_projects
from .dialect import Dialect
from .endpoints import Call, Endpoint
from .faults import Faults
from .identity import Caller, Identity, Key, Request, User
from .metadata import Metadata
from .project import SimulatedProject
from .project_lists import ProjectLists
from .replies import Reply, gateway_error, modelarts_error


DEMO_USER: Final = User("exporter", "demo-password", "OTC00000000001000000001")
DEMO_KEY: Final = Key("DEMOACCESSKEY", "demo-secret-key")

_MAX_RECORD: Final = 100_000


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """An answered request: API, project, page, query and status."""

    api: str
    project_id: str | None
    page: int
    query: str
    status: int


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it was received, with the parameters of its path and query."""

    request: Request
    path: Mapping[str, str]
    query: QueryParams


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
    project_lists: ProjectLists = field(init=False)
    metadata: Metadata = field(init=False)
    faults: Faults = field(default_factory=Faults)
    dialect: Dialect = field(default_factory=Dialect)
    not_offered: set[str] = field(default_factory=set)
    """APIs that this cloud does not have, as the record calls them."""

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
        self.project_lists = ProjectLists(self.identity, self.projects)
        self.metadata = Metadata(self.identity)

    def project(self, project_id: str) -> SimulatedProject | None:
        """Return the project with that ID."""
        return next((p for p in self.projects if p.project_id == project_id), None)

    def asked(self, api: str | None = None) -> list[RecordedRequest]:
        """Return the requests answered so far, of all APIs or of `api`."""
        return [request for request in self.record if api in {None, request.api}]

    def answer(
        self, endpoint: Endpoint[SimulatedProject]
    ) -> Callable[[Received], Reply]:
        """Return what answers calls of a product's endpoint."""

        def reply(received: Received) -> Reply:
            if endpoint.api in self.not_offered:
                return gateway_error(404, "APIG.0101", "The API does not exist")
            if self.throttle is not None and self.throttle.refuses(self.clock.now()):
                return self._throttled(self.throttle)
            caller = self.identity.authenticate(received.request)
            if isinstance(caller, Reply):
                return caller
            project = self.project(received.path["project_id"])
            refusal = _refusal(caller, received, project)
            if project is None or refusal is not None:
                return refusal or _denied("The project does not exist.")
            if endpoint.api in caller.access.denied:
                message = "You are not authorized to perform the operation."
                return gateway_error(403, "ModelArts.0108", message)
            return endpoint.answer(project, self._call(caller, received))

        return reply

    def iam_answer(
        self, endpoint: Endpoint[ProjectLists]
    ) -> Callable[[Received], Reply]:
        """Return what answers calls of an endpoint of IAM."""

        def reply(received: Received) -> Reply:
            if endpoint.api in self.not_offered:
                return gateway_error(404, "APIG.0101", "The API does not exist")
            caller = self.identity.authenticate(received.request)
            if isinstance(caller, Reply):
                return caller
            return endpoint.answer(self.project_lists, self._call(caller, received))

        return reply

    def _call(self, caller: Caller, received: Received) -> Call:
        return Call(
            caller.access,
            received.path,
            received.query,
            received.request.body,
            self.clock.now(),
            self.dialect,
        )

    def _throttled(self, throttle: Throttle) -> Reply:
        retry = throttle.retry_after
        return gateway_error(
            429,
            "APIG.0308",
            "The throttling threshold has been reached: policy user over ratelimit",
            **({"retry_after": retry} if retry else {}),
        )


def _refusal(
    caller: Caller, received: Received, project: SimulatedProject | None
) -> Reply | None:
    """Return why a caller may not call a project; None if it may."""
    project_id = received.path["project_id"]
    if caller.scope is None and "x-domain-id" in received.request.headers:
        message = f"{project_id} doesn't match Context's project_id null."
        return modelarts_error(400, "ModelArts.0210", message)
    if caller.scope not in {None, project_id}:
        return _denied("The project id in the request URL does not match the token.")
    if project is None or not caller.access.has_role_in(project_id):
        return _denied("The project id does not match the credential.")
    if project.suspended:
        return gateway_error(403, "APIG.0310", "The project is unavailable.")
    return None


def _denied(message: str) -> Reply:
    return gateway_error(403, "ModelArts.0210", message)


def demo_cloud(clock: Clock | None = None, seed: int = 1) -> SimulatedCloud:
    """Return a cloud with the demo's projects, a user and a key."""
    clock = clock or RealClock()
    projects = demo_projects(clock.now(), seed)
    add_products(projects, clock.now(), seed)
    cloud = SimulatedCloud(projects, clock)
    others = cloud.project_lists.others = other_projects()
    # Nobody has a role in the region's own project.
    allowed = {project.project_id for project in cloud.projects}
    allowed |= {other.project_id for other in others if other.name != "eu-de"}
    user, key = replace(DEMO_USER), replace(DEMO_KEY)
    user.access, key.access = Access(projects=allowed), Access(projects=allowed)
    cloud.identity.users.append(user)
    cloud.identity.keys.append(key)
    return cloud
