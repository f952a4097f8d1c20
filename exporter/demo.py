"""The demo: an exporter on a simulated cloud, without an account or a configuration."""

from __future__ import annotations

import socket
import sys

from dataclasses import replace
from functools import partial
from typing import Final

from .app import serve_exporter
from .collectors.registry import REGISTRY
from .config import (
    AccessKeyAuth,
    Cloud,
    CollectionSettings,
    Configuration,
    Discovery,
    JobSeries,
    NotebookSeries,
    PasswordAuth,
    Prices,
    Project,
    Secret,
    ServiceSeries,
)
from .metrics.name_filter import EVERYTHING, NameFilter
from .simulator import (
    DEMO_KEY,
    DEMO_PRICES,
    DEMO_USER,
    RealClock,
    SimulatedCloud,
    SimulatedProject,
    demo_cloud,
    serve,
)
from .web.paths import WebPaths
from .web.server import url_of, wait_for_signal


_SIGNED: Final = "forecast"
"""The project whose requests are signed; the others use tokens."""

_DISCOVERED: Final = "sandbox"
"""The project that is not configured."""

_WELCOME: Final = """\
The exporter's demo: {projects} projects of a simulated cloud.

  Page       {exporter}/
  Metrics    {exporter}{path}
  Cloud      {cloud}/  (inspect it, inject faults)

Try next:

  curl -s {exporter}{path} | grep '^modelarts_jobs{{'
  curl -s '{exporter}/probe?project={broken}&debug=true'
  curl -d '{{"effect": "status", "status": 503, "project_id": "{broken_id}"}}' {cloud}/simulator/faults
  curl -s {exporter}{path} | grep '^modelarts_up{{.*{broken}'
  curl -X DELETE {cloud}/simulator/faults

They count jobs, list one project's requests, break that project, show that it is down
while the others are up, and repair it. Press Ctrl-C to stop.
"""


async def run_demo(
    listener: socket.socket,
    paths: WebPaths,
    speed: float,
    names: NameFilter = EVERYTHING,
) -> None:
    """Serve a simulated cloud and an exporter of it until a signal ends both."""
    cloud = demo_cloud(RealClock(speed))
    async with serve(cloud) as url:
        sys.stdout.write(
            _WELCOME.format(
                projects=len(cloud.projects),
                exporter=url_of(listener) + paths.prefix,
                path=paths.telemetry,
                cloud=url,
                broken=cloud.projects[0].name,
                broken_id=cloud.projects[0].project_id,
            )
        )
        sys.stdout.flush()
        await serve_exporter(
            partial(demo_configuration, cloud, url),
            listener,
            paths,
            names=names,
        )


async def run_simulator(listener: socket.socket, speed: float) -> None:
    """Serve a simulated cloud alone until a signal ends it."""
    async with serve(demo_cloud(RealClock(speed)), listener) as url:
        sys.stdout.write(f"The simulated cloud: {url}/\n")
        sys.stdout.flush()
        await wait_for_signal()


def demo_configuration(cloud: SimulatedCloud, url: str) -> Configuration:
    """
    Return a configuration for `cloud` at `url`.

    It uses both kinds of credentials, and leaves one project to discovery.
    """
    by_password = Cloud(
        name="demo",
        region="eu-de",
        iam_url=url,
        modelarts_url=url,
        auth=PasswordAuth(
            username=DEMO_USER.name,
            password=Secret(DEMO_USER.password),
            domain=DEMO_USER.domain,
        ),
        discovery=Discovery(),
    )
    by_key = replace(
        by_password,
        name="demo-key",
        auth=AccessKeyAuth(
            access_key=DEMO_KEY.access_key, secret_key=Secret(DEMO_KEY.secret_key)
        ),
        discovery=None,
    )
    return Configuration(
        clouds=(by_password, by_key),
        projects=tuple(
            Project(
                name=project.name,
                cloud=by_key if project.name == _SIGNED else by_password,
                project_id=project.project_id,
                collectors=_collectors(project),
                labels=(("team", project.name),),
            )
            for project in cloud.projects
            if project.name != _DISCOVERED
        ),
        collection=CollectionSettings(
            job_series=JobSeries(enabled=True),
            notebook_series=NotebookSeries(enabled=True),
            service_series=ServiceSeries(enabled=True),
            pool_nodes=True,
        ),
        prices=Prices(currency="EUR", flavors=DEMO_PRICES),
    )


def _collectors(project: SimulatedProject) -> tuple[str, ...]:
    """Return the default collectors, and those of what else a project has."""
    has = {
        "pools": bool(project.pools.pools),
        "notebooks": project.notebooks.plan is not None,
        "services": project.services.plan is not None,
        "lite_servers": bool(project.lite_servers.servers),
        "scheduled_events": project.scheduled_events.plan is not None,
    }
    return (*REGISTRY.names.default, *(name for name in has if has[name]))
