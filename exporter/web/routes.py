"""The exporter's HTTP interface: metrics, probes, discovery, a page, health, reload."""

from __future__ import annotations

import asyncio

from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from ..cloud.watchdog import is_stalled
from ..config import MAX_SHARDS, Project, Shard, shard_key
from ..errors import ConfigurationError
from ..metrics.exposition import accepts_gzip, choose_format, compress
from .connection_limiter import connection_limit
from .discovery import discover
from .paths import OwnPath, WebPaths
from .scrape_limit import ScrapeLimit, scrape_limits
from .scrape_timeout import SCRAPE_TIMEOUT_HEADER, scrape_seconds, scraper_timeout
from .scraping import Exporter, ResponseFormat
from .status_page import ExporterStatus, headers, render
from .status_page.listed_clouds import listed_clouds
from .status_page.view import InvalidViewError, view_of


_CLIENT_CLOSED_REQUEST: Final = 499
_ACCOUNT_HEADERS: Final = {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store",
}
_VARY: Final = {"Vary": "Accept, Accept-Encoding"}


def create_app(exporter: Exporter, paths: WebPaths) -> Starlette:
    """Return the ASGI application, which answers at `paths`."""
    answers = _Answers(exporter, paths)
    routes = [
        Route(paths.route(paths.telemetry), answers.metrics),
        Route(paths.route(OwnPath.PROBE), answers.probe),
        Route(paths.route(OwnPath.DISCOVERY), answers.discovery),
        Route(paths.route(OwnPath.OWN_METRICS), answers.own_metrics),
        Route(paths.route(OwnPath.HEALTHY), answers.healthy),
        Route(paths.route(OwnPath.READY), answers.ready),
        Route(paths.route(OwnPath.RELOAD), answers.reload, methods=["POST"]),
    ]
    if paths.telemetry != OwnPath.PAGE:
        routes.append(Route(paths.route(OwnPath.PAGE), answers.page))
    if paths.prefix:
        # The page's links are relative to the slash.
        routes += [Route("/", answers.front), Route(paths.prefix, answers.unslashed)]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app


class _Answers:
    def __init__(self, exporter: Exporter, paths: WebPaths) -> None:
        self._exporter = exporter
        self._paths = paths
        self._all_limit, self._probe_limit = scrape_limits(connection_limit())

    async def metrics(self, request: Request) -> Response:
        return await self._scrape(request, self._exporter.metrics, self._all_limit)

    async def probe(self, request: Request) -> Response:
        project = self._project(request)
        kinds = self._kinds(request, project)
        is_debug = _is_debug(request)

        async def collect(seconds: float, response_format: ResponseFormat) -> bytes:
            if is_debug:
                return await self._exporter.explained_probe(project, kinds, seconds)
            return await self._exporter.probe(project, kinds, seconds, response_format)

        headers = _ACCOUNT_HEADERS if is_debug else None
        return await self._scrape(request, collect, self._probe_limit, headers)

    async def own_metrics(self, request: Request) -> Response:
        response_format = _response_format(request)
        body = self._exporter.own_metrics(response_format)
        return Response(body, headers=_scrape_headers(response_format))

    async def discovery(self, request: Request) -> Response:
        host = request.headers.get("host")
        shard = _shard(request)
        if not host:
            raise HTTPException(400, "A Host header is needed: it is the target.\n")
        if not self._exporter.discovery.is_complete:
            # Prometheus keeps the targets it has, instead of dropping the discovered.
            raise HTTPException(503, "Not every cloud has listed its projects yet.\n")
        projects = [
            project
            for project in self._exporter.collector.configuration.projects
            if shard is None or shard.holds(shard_key(project))
        ]
        scheme, prefix = self._paths.base_of(request.url.scheme, host)
        path = prefix + OwnPath.PROBE
        body = discover(projects, address=host, scheme=scheme, path=path)
        return Response(body, media_type="application/json")

    async def page(self, request: Request) -> Response:
        try:
            view = view_of(request.query_params)
        except InvalidViewError as error:
            raise HTTPException(400, f"{error}\n") from None
        exporter = self._exporter
        status = ExporterStatus(
            telemetry_path=self._paths.telemetry,
            now=exporter.clock(),
            started=exporter.started,
            configuration_read=exporter.configuration_read,
            errors=exporter.errors,
            clouds=listed_clouds(exporter.discovery),
            shard=exporter.collector.configuration.shard,
        )
        latest = exporter.collector.latest()
        is_zipped = accepts_gzip(_header(request, "Accept-Encoding"))

        def answer() -> HTMLResponse:
            page = render(latest, status, view)
            if not is_zipped:
                return HTMLResponse(page, headers=headers())
            zipped = {**headers(), "Content-Encoding": "gzip"}
            return HTMLResponse(compress(page), headers=zipped)

        # In a thread, since it takes a tenth of a second with 500 projects.
        return await asyncio.to_thread(answer)

    async def front(self, request: Request) -> Response:
        """Lead from the root to the prefix, as Prometheus does."""
        return RedirectResponse(f"{self._paths.prefix}/", 302)

    async def unslashed(self, request: Request) -> Response:
        prefix = self._paths.external.path or self._paths.prefix
        return RedirectResponse(f"{prefix}/", 302)

    async def healthy(self, request: Request) -> Response:
        if is_stalled(self._exporter.collector.scheduler):
            return PlainTextResponse(
                "Internal error: API requests are waiting, but none is in flight. "
                "Restart the exporter if this persists, and report the log.\n",
                status_code=503,
            )
        return PlainTextResponse("ModelArts exporter is healthy.\n")

    async def ready(self, request: Request) -> Response:
        return PlainTextResponse("ModelArts exporter is ready.\n")

    async def reload(self, request: Request) -> Response:
        if _is_cross_origin(request):
            raise HTTPException(403, "Another site's page cannot reload this.\n")
        try:
            self._exporter.reload()
        except ConfigurationError as error:
            return PlainTextResponse("\n".join([*error.lines(), ""]), status_code=400)
        return PlainTextResponse("configuration reloaded\n")

    async def _scrape(
        self,
        request: Request,
        collect: Callable[[float, ResponseFormat], Coroutine[None, None, bytes]],
        limit: ScrapeLimit,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        response_format = _response_format(request)
        headers = headers or _scrape_headers(response_format)
        if request.method == "HEAD":
            return Response(headers=headers)
        timeout = scraper_timeout(request.headers.get(SCRAPE_TIMEOUT_HEADER))
        if timeout is not None:
            self._exporter.telemetry.scrape_timeout(timeout)
        settings = self._exporter.collector.configuration.collection
        seconds = scrape_seconds(timeout, settings)
        with limit.slot():
            scrape = asyncio.create_task(collect(seconds, response_format))
            if not await _finishes_before_client_leaves(request, scrape):
                return Response(status_code=_CLIENT_CLOSED_REQUEST)
        return Response(scrape.result(), headers=headers)

    def _project(self, request: Request) -> Project:
        names = request.query_params.getlist("project")
        if len(names) != 1:
            raise HTTPException(400, "Give one project: /probe?project=NAME\n")
        for project in self._exporter.collector.configuration.projects:
            if project.name == names[0]:
                return project
        raise HTTPException(404, self._no_such_project(names[0]))

    def _no_such_project(self, name: str) -> str:
        shard = self._exporter.collector.configuration.shard
        owner = self._exporter.discovery.selection.elsewhere.get(name)
        if shard is None or owner is None:
            return "No project of that name is configured.\n"
        return (
            f"This project belongs to shard {owner} of {shard.number}, and this process "
            f"is shard {shard.index}.\n"
        )

    def _kinds(self, request: Request, project: Project) -> Collection[str]:
        registry = self._exporter.collector.registry
        kinds = request.query_params.getlist("kind")
        titles = {product.kind: product.title for product in registry.products}
        if kinds and not titles.keys() >= set(kinds):
            raise HTTPException(400, f"A kind is one of: {', '.join(titles)}.\n")
        collected = {target.kind for target in registry.targets([project])}
        for kind in kinds:
            if kind not in collected:
                raise HTTPException(
                    404,
                    f"The project's {titles[kind].lower()} are not among its "
                    "collectors.\n",
                )
        return kinds or collected


def _is_cross_origin(request: Request) -> bool:
    """Return whether a browser sent `request` for a page of another origin."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site.lower() not in {"none", "same-origin"}:
        return True
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return True
    return host.lower() != request.headers.get("Host", "").lower()


def _is_debug(request: Request) -> bool:
    given = request.query_params.getlist("debug") or ["false"]
    if given not in (["true"], ["false"]):
        raise HTTPException(400, "debug is true or false.\n")
    return given == ["true"]


def _shard(request: Request) -> Shard | None:
    given = [request.query_params.getlist(name) for name in ("shard", "shards")]
    if given == [[], []]:
        return None
    try:
        ((index,), (number,)) = given
        shard = Shard(int(index), int(number))
    except ValueError:
        shard = Shard(0, 0)
    if not shard.is_valid:
        raise HTTPException(
            400,
            "Give both shard and shards, such as ?shard=0&shards=3: "
            f"0 <= shard < shards <= {MAX_SHARDS}.\n",
        )
    return shard


def _response_format(request: Request) -> ResponseFormat:
    return ResponseFormat(
        choose_format(_header(request, "Accept")),
        accepts_gzip(_header(request, "Accept-Encoding")),
    )


def _scrape_headers(response_format: ResponseFormat) -> dict[str, str]:
    found = {**_VARY, "Content-Type": response_format.format.value}
    return {**found, "Content-Encoding": "gzip"} if response_format.zipped else found


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
    # A repeated header is equivalent to one with commas.
    return ",".join(request.headers.getlist(name)) or None
