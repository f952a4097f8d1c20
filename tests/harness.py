"""A simulated cloud, an exporter that collects it, and scrapes over real HTTP."""

from __future__ import annotations

import contextlib
import functools
import re
import socket
import time

from collections import defaultdict
from dataclasses import dataclass, field, replace

import httpx

from exporter.app import open_exporter
from exporter.collectors.jobs.kinds import Kind
from exporter.collectors.registry import REGISTRY
from exporter.config import (
    AccessKeyAuth,
    Cloud,
    CollectionSettings,
    Configuration,
    PasswordAuth,
    Project,
    Secret,
    TrainingApi,
)
from exporter.simulator import (
    Clock,
    Jobs,
    Key,
    ManualClock,
    SimulatedCloud,
    SimulatedProject,
    User,
    serve,
)
from exporter.web.middleware import AccessMiddleware
from exporter.web.paths import WebPaths
from exporter.web.routes import create_app
from exporter.web.server import serving


DEFAULT_PATHS = WebPaths()
PASSWORD = "canary-password-7f3a"
SECRET_KEY = "canary-secret-key-91bc"
SECURITY_TOKEN = "canary-security-token-55de"


def simulated(
    *names: str, clock: Clock | None = None, training_api: str = "v1"
) -> SimulatedCloud:
    """Return a cloud with projects of these names, each with jobs of each kind."""
    clock = clock or ManualClock()
    projects = []
    for index, name in enumerate(names, 1):
        project = SimulatedProject(name, f"{index:032x}", training_api=training_api)
        project.training = Jobs(Kind.TRAINING, quota=5, capacity=100, seed=index)
        project.visualization = Jobs(
            Kind.VISUALIZATION, quota=3, capacity=50, seed=index
        )
        project.training.history(10 + index, clock.now() - 60)
        project.training.create_job(8, created=clock.now() - 50)
        project.training.create_job(7, created=clock.now() - 40)
        project.visualization.history(index, clock.now() - 60)
        projects.append(project)
    cloud = SimulatedCloud(projects, clock)
    cloud.identity.users.append(User("exporter", PASSWORD, "OTC1"))
    cloud.identity.keys.append(Key("AKCANARY", SECRET_KEY))
    return cloud


def password_auth(password: str | Secret = PASSWORD) -> PasswordAuth:
    """Return the simulated cloud's user."""
    secret = password if isinstance(password, Secret) else Secret(password)
    return PasswordAuth(username="exporter", password=secret, domain="OTC1")


def key_auth(secret_key: str | Secret = SECRET_KEY) -> AccessKeyAuth:
    """Return the simulated cloud's access key."""
    secret = secret_key if isinstance(secret_key, Secret) else Secret(secret_key)
    return AccessKeyAuth(access_key="AKCANARY", secret_key=secret)


def configuration(
    cloud: SimulatedCloud, url: str, auth=None, **collection
) -> Configuration:
    """Return a configuration for all projects of `cloud`, which is at `url`."""
    configured = Cloud(
        name="otc",
        region="eu-de",
        iam_url=url,
        modelarts_url=url,
        auth=auth or password_auth(),
    )
    return Configuration(
        clouds=(configured,),
        projects=tuple(
            Project(
                name=project.name,
                cloud=configured,
                project_id=project.project_id,
                training_api=TrainingApi(project.training_api),
            )
            for project in cloud.projects
        ),
        collection=CollectionSettings(**collection),
    )


_NAME = re.compile(r"\w+")
_LABEL = re.compile(r'(\w+)="((?:[^"\\\n]|\\["\\n])*)"[,}]')
_ESCAPED = re.compile(r"\\(.)")

Labels = frozenset[tuple[str, str]]


@functools.lru_cache(100_000)
def labels_of(text: str) -> Labels:
    """
    Return the labels of `{name="value"}`, cached since scrapes repeat most of them.

    The parser of prometheus_client takes five times as long.
    """
    assert not _LABEL.sub("", text.removeprefix("{")), f"malformed: {text}"
    return frozenset(
        (label, _ESCAPED.sub(lambda found: found[1].replace("n", "\n"), value))
        for label, value in _LABEL.findall(text)
    )


@dataclass
class Scrape:
    """The answer to a scrape, parsed as far as a test reads it."""

    response: httpx.Response
    _lines: dict[str, list[str]] = field(init=False)
    """Labels and values as text, by the metric's name."""

    def __post_init__(self):
        self._lines = defaultdict(list)
        for line in self.response.text.splitlines():
            if not line.startswith("#"):
                name = _NAME.match(line)[0]
                self._lines[name].append(line.removeprefix(name))

    @functools.cached_property
    def samples(self) -> dict[tuple[str, Labels], float]:
        """The values by name and labels."""
        return {
            (name, labels): value
            for name in self._lines
            for labels, value in self._named(name).items()
        }

    def _named(self, name: str) -> dict[Labels, float]:
        read = {}
        for line in self._lines[name]:
            labels, _, value = line.rpartition(" ")
            read[labels_of(labels)] = float(value)
        return read

    def value(self, name: str, **labels: str) -> float | None:
        """
        Return the value of one series, given with all its labels.

        `api_version` may be left out if there is only one.
        """
        wanted = labels.items()
        found = [
            value
            for series, value in self.series(name, **labels).items()
            if dict(series).items() - wanted
            <= {("api_version", dict(series).get("api_version"))}
        ]
        assert len(found) <= 1, f"{name} has several API versions"
        return found[0] if found else None

    def series(self, name: str, **labels: str) -> dict[Labels, float]:
        """Return all series of a name that have these labels."""
        return {
            found: value
            for found, value in self._named(f"modelarts_{name}").items()
            if labels.items() <= found
        }

    def up(self) -> dict[tuple[str, str], float]:
        """Return `modelarts_up` by project and kind."""
        return {
            (dict(labels)["project"], dict(labels)["kind"]): value
            for labels, value in self.series("up").items()
        }

    def statuses(self, project: str, kind: str) -> dict[str, float]:
        """Return the number of jobs by status, without the zeros."""
        return {
            dict(labels)["status"]: value
            for labels, value in self.series("jobs", project=project, kind=kind).items()
            if value
        }

    def errors(self, project: str, kind: str) -> dict[str, float]:
        """Return the errors by reason, without the zeros."""
        return {
            dict(labels)["reason"]: value
            for labels, value in self.series(
                "collection_errors_total", project=project, kind=kind
            ).items()
            if value
        }


@dataclass
class Running:
    """A running exporter that can be scraped."""

    url: str
    client: httpx.AsyncClient
    collector: object

    async def scrape(self, seconds: float | None = None, **headers: str) -> Scrape:
        """Scrape, as a Prometheus with a scrape timeout of `seconds`."""
        if seconds is not None:
            headers["X-Prometheus-Scrape-Timeout-Seconds"] = str(seconds)
        response = await self.client.get(f"{self.url}/metrics", headers=headers)
        assert response.status_code == 200
        return Scrape(response)


@contextlib.asynccontextmanager
async def exporting(
    configuration: Configuration,
    load=None,
    web=None,
    registry=REGISTRY,
    clock=time.time,
    paths=DEFAULT_PATHS,
    **client,
):
    """
    Run an exporter within an `async with` block; `load` returns what it reloads.

    `web` is its web configuration, `registry` has its products, `clock` returns its
    time, and `paths` are its paths. `client` are more arguments for the HTTP client.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        scheme = "https" if web is not None and web.has_tls else "http"
        # Loading the default authorities takes 40 ms.
        client.setdefault("verify", scheme == "https")
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        async with open_exporter(
            load or (lambda: configuration), registry, clock
        ) as exporter:
            app = create_app(exporter, paths)
            async with (
                serving(
                    app if web is None else AccessMiddleware(app, web, paths.open),
                    listener,
                    web,
                    exporter.telemetry,
                ),
                httpx.AsyncClient(timeout=30, trust_env=False, **client) as asking,
            ):
                yield Running(url, asking, exporter.collector)


@contextlib.asynccontextmanager
async def exporting_from(cloud: SimulatedCloud, auth=None, change=None, **collection):
    """Run a simulated cloud, and an exporter that collects it."""
    async with serve(cloud) as url:
        configured = configuration(cloud, url, auth, **collection)
        if change is not None:
            configured = change(configured)
        async with exporting(configured) as running:
            yield running


def with_cloud(**changes):
    """Return a change of a configuration: that of its only cloud."""

    def change(configured: Configuration) -> Configuration:
        cloud = replace(configured.clouds[0], **changes)
        return replace(
            configured,
            clouds=(cloud,),
            projects=tuple(replace(p, cloud=cloud) for p in configured.projects),
        )

    return change


def with_projects(**changes):
    """Return a change of a configuration: that of all its projects."""

    def change(configured: Configuration) -> Configuration:
        projects = (replace(project, **changes) for project in configured.projects)
        return replace(configured, projects=tuple(projects))

    return change
