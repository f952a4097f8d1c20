"""The exporter's HTTP interface: metrics, health, and a page that links to them."""

from __future__ import annotations

import asyncio
import time

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Final

import structlog

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import __version__
from .budget import scrape_seconds
from .collector import Collector
from .config import Configuration
from .errors import ConfigurationError
from .exposition import Format, accepts_gzip, choose_format, compress, encode
from .families import families
from .report import Report
from .telemetry import Telemetry


log: Final = structlog.get_logger(__name__)

_CLIENT_CLOSED_REQUEST: Final = 499
_VARY: Final = {"Vary": "Accept, Accept-Encoding"}

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ModelArts exporter</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }}
</style>
</head>
<body>
<h1>ModelArts exporter</h1>
<p>Prometheus exporter for ModelArts training and visualization jobs, version {version}.</p>
<ul>
<li><a href="{path}">Metrics</a> of {projects} (a scrape asks the cloud)</li>
<li><a href="/-/healthy">Health</a></li>
<li><a href="/-/ready">Readiness</a></li>
</ul>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Exporter:
    """All that answers a request: how to read the configuration, and what collects."""

    load: Callable[[], Configuration]
    collector: Collector
    telemetry: Telemetry

    async def metrics(self, seconds: float, wanted: Format, *, zipped: bool) -> bytes:
        """Collect for at most `seconds` and return the metrics, encoded."""
        configuration = self.collector.configuration
        reports = await self.collector.collect(seconds)
        # In a thread, since many projects take long to write.
        return await asyncio.to_thread(
            self._encode, configuration, reports, wanted, zipped=zipped
        )

    def reload(self) -> None:
        """
        Read the configuration again and go on with it.

        Raises `ConfigurationError` if it has mistakes; then nothing has changed.
        """
        try:
            configuration = self.load()
        except ConfigurationError as error:
            self.telemetry.configuration_refused()
            for line in error.lines():
                log.error("configuration not reloaded", mistake=line)  # noqa: TRY400
            raise
        self.collector.configure(configuration)
        self.telemetry.configuration_read(time.time())
        log.info("configuration reloaded", projects=len(configuration.projects))

    def _encode(
        self,
        configuration: Configuration,
        reports: list[Report],
        wanted: Format,
        *,
        zipped: bool,
    ) -> bytes:
        collected = families(
            reports,
            configuration.projects,
            configuration.collection.duration_buckets,
        )
        body = encode(collected, self.telemetry.registry, wanted)
        return compress(body) if zipped else body


def create_app(exporter: Exporter, telemetry_path: str) -> Starlette:
    """Return the ASGI application; `telemetry_path` is where metrics are served."""
    answers = _Answers(exporter, telemetry_path)
    routes = [
        Route(telemetry_path, answers.metrics),
        Route("/-/healthy", answers.healthy),
        Route("/-/ready", answers.ready),
        Route("/-/reload", answers.reload, methods=["POST"]),
    ]
    if telemetry_path != "/":
        routes.append(Route("/", answers.page))
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app


class _Answers:
    def __init__(self, exporter: Exporter, telemetry_path: str) -> None:
        self._exporter = exporter
        self._telemetry_path = telemetry_path

    async def metrics(self, request: Request) -> Response:
        wanted = choose_format(_header(request, "Accept"))
        zipped = accepts_gzip(_header(request, "Accept-Encoding"))
        headers = {**_VARY, "Content-Type": wanted.value}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        if request.method == "HEAD":
            return Response(headers=headers)
        seconds = scrape_seconds(
            request.headers.get("X-Prometheus-Scrape-Timeout-Seconds"),
            self._exporter.collector.configuration.collection,
        )
        scrape = asyncio.create_task(
            self._exporter.metrics(seconds, wanted, zipped=zipped)
        )
        if not await _finishes_before_client_leaves(request, scrape):
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        return Response(scrape.result(), headers=headers)

    async def page(self, request: Request) -> Response:
        projects = len(self._exporter.collector.configuration.projects)
        return HTMLResponse(
            _PAGE.format(
                version=escape(__version__),
                path=escape(self._telemetry_path),
                projects=_number(projects, "project"),
            )
        )

    async def healthy(self, request: Request) -> Response:
        return PlainTextResponse("ModelArts exporter is healthy.\n")

    async def ready(self, request: Request) -> Response:
        return PlainTextResponse("ModelArts exporter is ready.\n")

    async def reload(self, request: Request) -> Response:
        try:
            self._exporter.reload()
        except ConfigurationError as error:
            return PlainTextResponse("\n".join([*error.lines(), ""]), status_code=400)
        return PlainTextResponse("configuration reloaded\n")


async def _finishes_before_client_leaves(
    request: Request, scrape: asyncio.Task[bytes]
) -> bool:
    leaving = asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait({scrape, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return scrape.done()
    finally:
        leaving.cancel()
        scrape.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _header(request: Request, name: str) -> str | None:
    # A header that comes several times means the same as one with commas.
    return ",".join(request.headers.getlist(name)) or None


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
