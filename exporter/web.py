"""The exporter's HTTP interface: metrics, health, and a page that links to them."""

from __future__ import annotations

import asyncio

from dataclasses import dataclass
from html import escape
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import __version__
from .budget import scrape_seconds
from .collection import Collector, Report
from .config import Configuration
from .exposition import Format, accepts_gzip, choose_format, compress, encode
from .families import families
from .telemetry import Telemetry


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
    """All that answers a request: what to collect, how, and what was measured."""

    configuration: Configuration
    collector: Collector
    telemetry: Telemetry

    async def metrics(self, seconds: float, wanted: Format, *, zipped: bool) -> bytes:
        """Collect for at most `seconds` and return the metrics, encoded."""
        reports = await self.collector.collect(seconds)
        # In a thread, since many projects take long to write.
        return await asyncio.to_thread(self._encode, reports, wanted, zipped=zipped)

    def _encode(self, reports: list[Report], wanted: Format, *, zipped: bool) -> bytes:
        collected = families(
            reports,
            self.configuration.projects,
            self.configuration.collection.duration_buckets,
        )
        body = encode(collected, self.telemetry.registry, wanted)
        return compress(body) if zipped else body


def create_app(exporter: Exporter, telemetry_path: str) -> Starlette:
    """Return the ASGI application; `telemetry_path` is where metrics are served."""

    async def metrics(request: Request) -> Response:
        wanted = choose_format(_header(request, "Accept"))
        zipped = accepts_gzip(_header(request, "Accept-Encoding"))
        headers = {**_VARY, "Content-Type": wanted.value}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        if request.method == "HEAD":
            return Response(headers=headers)
        seconds = scrape_seconds(
            request.headers.get("X-Prometheus-Scrape-Timeout-Seconds"),
            exporter.configuration.collection,
        )
        scrape = asyncio.create_task(exporter.metrics(seconds, wanted, zipped=zipped))
        if not await _finishes_before_client_leaves(request, scrape):
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        return Response(scrape.result(), headers=headers)

    async def page(request: Request) -> Response:
        return HTMLResponse(
            _PAGE.format(
                version=escape(__version__),
                path=escape(telemetry_path),
                projects=_number(len(exporter.configuration.projects), "project"),
            )
        )

    async def healthy(request: Request) -> Response:
        return PlainTextResponse("ModelArts exporter is healthy.\n")

    async def ready(request: Request) -> Response:
        return PlainTextResponse("ModelArts exporter is ready.\n")

    routes = [Route(telemetry_path, metrics)]
    if telemetry_path != "/":
        routes.append(Route("/", page))
    routes += [Route("/-/healthy", healthy), Route("/-/ready", ready)]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app


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
