"""The simulated cloud over HTTP, with routes to inspect it and inject faults."""

from __future__ import annotations

import asyncio
import time

from collections.abc import Callable
from email.utils import formatdate
from typing import Final

import msgspec

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from . import project_lists
from .cloud import Received, RecordedRequest, SimulatedCloud
from .effects import Answer, as_response, take_effect
from .endpoints import Endpoint, State
from .faults import Effect, Fault
from .gateway import finish
from .identity import Request
from .products import PRODUCTS, Product
from .project_lists import ProjectLists
from .replies import Json, Reply, gateway_error, json_reply


_HELP: Final = """\
A simulated cloud: IAM and ModelArts, v1 and v2, with changing jobs.

  GET    /simulator/jobs     the actual state: jobs by the API's status, quota, remaining
  GET    /simulator/NAME     likewise, of another product: {products}
  GET    /simulator/faults   the active faults
  POST   /simulator/faults   add a fault
  DELETE /simulator/faults   remove all faults

Effects: {effects}

  curl -d '{{"effect": "hang", "api": "training_jobs"}}' {url}simulator/faults
  curl -X DELETE {url}simulator/faults
"""


def create_app(cloud: SimulatedCloud) -> Starlette:
    """Return the ASGI application of `cloud`."""

    async def tokens(request: WebRequest) -> Response:
        body = await request.body()
        return await _answer(
            cloud, request, "auth_tokens", lambda: cloud.identity.log_in(body)
        )

    async def session(request: WebRequest) -> Response:
        return as_response(cloud.metadata.open_session())

    async def security_key(request: WebRequest) -> Response:
        return as_response(cloud.metadata.security_key(request.headers))

    async def nowhere(request: WebRequest) -> Response:
        return as_response(gateway_error(404, "APIG.0101", "The API does not exist"))

    return Starlette(
        routes=[
            Route("/v3/auth/tokens", tokens, methods=["POST"]),
            *(_iam_route(cloud, endpoint) for endpoint in project_lists.ENDPOINTS),
            *(
                _route(cloud, endpoint, cloud.answer(endpoint))
                for product in PRODUCTS
                for endpoint in product.endpoints
            ),
            Route("/meta-data/latest/api/token", session, methods=["PUT"]),
            Route("/openstack/latest/securitykey", security_key),
            *_inspection_routes(cloud),
            Route("/{path:path}", nowhere),
        ]
    )


def _iam_route(cloud: SimulatedCloud, endpoint: Endpoint[ProjectLists]) -> Route:
    return _route(cloud, endpoint, cloud.iam_answer(endpoint))


def _route(
    cloud: SimulatedCloud, endpoint: Endpoint[State], reply: Callable[[Received], Reply]
) -> Route:
    async def handle(request: WebRequest) -> Response:
        received = Received(
            await _seen(request), request.path_params, request.query_params
        )
        return await _answer(cloud, request, endpoint.api, lambda: reply(received))

    return Route(endpoint.path, handle, methods=[endpoint.method])


def _inspection_routes(cloud: SimulatedCloud) -> list[Route]:
    async def page(request: WebRequest) -> Response:
        help_text = _HELP.format(
            url=request.base_url,
            effects=", ".join(Effect),
            products=", ".join(product.name for product in PRODUCTS[1:]),
        )
        return PlainTextResponse(help_text)

    async def faults(request: WebRequest) -> Response:
        if request.method == "POST":
            try:
                cloud.faults.add(msgspec.json.decode(await request.body(), type=Fault))
            except msgspec.DecodeError as error:
                return PlainTextResponse(f"not a fault: {error}\n", status_code=400)
        elif request.method == "DELETE":
            cloud.faults.clear()
        body = msgspec.json.encode(cloud.faults.active)
        return Response(body, media_type="application/json")

    return [
        Route("/", page),
        *(_truth_route(cloud, product) for product in PRODUCTS),
        Route("/simulator/faults", faults, methods=["GET", "POST", "DELETE"]),
    ]


def _truth_route(cloud: SimulatedCloud, product: Product) -> Route:
    async def handle(request: WebRequest) -> Response:
        now = cloud.clock.now()
        truth: Json = {
            project.name: product.truth(project, now) for project in cloud.projects
        }
        return as_response(json_reply(200, truth))

    return Route(f"/simulator/{product.name}", handle)


async def _seen(request: WebRequest) -> Request:
    return Request(
        request.method,
        request.scope["raw_path"].decode("ascii").partition("?")[0],
        request.scope["query_string"].decode("ascii"),
        request.headers,
        await request.body(),
    )


async def _answer(
    cloud: SimulatedCloud, request: WebRequest, api: str, answer: Answer
) -> Response:
    project_id = request.path_params.get("project_id")
    body = await request.body()
    page = _page(request, body)
    if cloud.latency:
        await asyncio.sleep(cloud.latency)
    if cloud.before_answer is not None:
        cloud.before_answer(api, page)
    asked = str(request.query_params)
    if api == "training_job_searches":
        asked = body.decode(errors="replace")
    fault = cloud.faults.take(project_id, api, page, asked)
    response = (
        as_response(answer())
        if fault is None
        else await take_effect(fault, request, answer)
    )
    finish(response, cloud.dialect, is_iam=request.url.path.startswith("/v3/"))
    now = time.time() + cloud.date_ahead
    if not cloud.dialect.without_dates:
        response.headers["date"] = formatdate(now, usegmt=True)
    cloud.record.append(
        RecordedRequest(api, project_id, page, asked, response.status_code)
    )
    return response


class _Offset(msgspec.Struct):
    offset: int = 0


def _page(request: WebRequest, body: bytes) -> int:
    """Return the number of the page that is asked for, from 1."""
    if request.method == "POST":
        try:
            return msgspec.json.decode(body, type=_Offset).offset + 1
        except msgspec.DecodeError:
            return 1
    query = request.query_params
    number, offset, size = (query.get(n, "") for n in ("page", "offset", "limit"))
    if offset.isdecimal():
        return 1 + int(offset) // max(1, int(size) if size.isdecimal() else 10)
    return int(number) if number.isdecimal() else 1
