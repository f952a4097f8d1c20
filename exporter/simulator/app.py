"""The simulated cloud over HTTP, with routes to inspect it and inject faults."""

from __future__ import annotations

import asyncio
import time

from collections import Counter
from email.utils import formatdate
from typing import Final

import msgspec

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ..collectors.jobs.kinds import Kind
from .cloud import RecordedRequest, SimulatedCloud
from .effects import Answer, as_response, take_effect
from .faults import Effect, Fault
from .identity import Request
from .replies import Json, gateway_error, json_reply
from .searches import phase_of


_HELP: Final = """\
A simulated cloud: IAM and ModelArts, v1 and v2, with changing jobs.

  GET    /simulator/jobs     the actual state: jobs by the API's status, quota, remaining
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
            cloud, request, "auth_tokens", None, lambda: cloud.identity.log_in(body)
        )

    async def jobs(request: WebRequest) -> Response:
        project_id = request.path_params["project_id"]
        collection = request.url.path.rpartition("/")[2]
        seen = await _seen(request)
        query = dict(request.query_params)
        return await _answer(
            cloud,
            request,
            collection.replace("-", "_"),
            project_id,
            lambda: cloud.list_jobs(seen, project_id, collection, query),
        )

    async def job(request: WebRequest) -> Response:
        seen = await _seen(request)
        project_id, job_id = (request.path_params[k] for k in ("project_id", "job_id"))
        return await _answer(
            cloud,
            request,
            "visualization_job",
            project_id,
            lambda: cloud.show_job(seen, project_id, job_id),
        )

    async def searches(request: WebRequest) -> Response:
        project_id = request.path_params["project_id"]
        seen = await _seen(request)
        return await _answer(
            cloud,
            request,
            "training_job_searches",
            project_id,
            lambda: cloud.search_jobs(seen, project_id, seen.body),
            page=_offset(seen.body) + 1,
        )

    async def quotas(request: WebRequest) -> Response:
        project_id = request.path_params["project_id"]
        seen = await _seen(request)
        return await _answer(
            cloud,
            request,
            "training_quotas",
            project_id,
            lambda: cloud.show_quotas(seen, project_id),
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
            Route("/v1/{project_id}/training-jobs", jobs),
            Route("/v1/{project_id}/visualization-jobs", jobs),
            Route("/v1/{project_id}/visualization-jobs/{job_id}", job),
            Route("/v2/{project_id}/training-job-searches", searches, methods=["POST"]),
            Route("/v2/{project_id}/training-quotas", quotas),
            Route("/meta-data/latest/api/token", session, methods=["PUT"]),
            Route("/openstack/latest/securitykey", security_key),
            *_inspection_routes(cloud),
            Route("/{path:path}", nowhere),
        ]
    )


def _inspection_routes(cloud: SimulatedCloud) -> list[Route]:
    async def page(request: WebRequest) -> Response:
        effects = ", ".join(Effect)
        return PlainTextResponse(_HELP.format(url=request.base_url, effects=effects))

    async def truth(request: WebRequest) -> Response:
        return as_response(json_reply(200, _truth(cloud)))

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
        Route("/simulator/jobs", truth),
        Route("/simulator/faults", faults, methods=["GET", "POST", "DELETE"]),
    ]


def _truth(cloud: SimulatedCloud) -> Json:
    now = cloud.clock.now()
    truth: Json = {}
    for project in cloud.projects:
        kinds: Json = {}
        for kind in Kind:
            jobs = project.jobs(kind)
            jobs.advance(now)
            is_v2 = kind is Kind.TRAINING and project.training_api == "v2"
            counts = Counter(map(phase_of, jobs.jobs)) if is_v2 else jobs.counts()
            kinds[kind] = {
                "api": "v2" if is_v2 else "v1",
                "jobs": {str(status): n for status, n in sorted(counts.items())},
                # v2 does not report the limit of running jobs.
                "quota": None if is_v2 else jobs.quota,
                "created": len(jobs.jobs),
                "remaining": jobs.remaining,
            }
        truth[project.name] = kinds
    return truth


async def _seen(request: WebRequest) -> Request:
    return Request(
        request.method,
        request.scope["raw_path"].decode("ascii").partition("?")[0],
        request.scope["query_string"].decode("ascii"),
        request.headers,
        await request.body(),
    )


async def _answer(
    cloud: SimulatedCloud,
    request: WebRequest,
    api: str,
    project_id: str | None,
    answer: Answer,
    *,
    page: int | None = None,
) -> Response:
    if page is None:
        number = request.query_params.get("page", "1")
        page = int(number) if number.isdecimal() else 1
    if cloud.latency:
        await asyncio.sleep(cloud.latency)
    if cloud.before_answer is not None:
        cloud.before_answer(api, page)
    asked = str(request.query_params)
    if api == "training_job_searches":
        asked = (await request.body()).decode(errors="replace")
    fault = cloud.faults.take(project_id, api, page, asked)
    response = (
        as_response(answer())
        if fault is None
        else await take_effect(fault, request, answer)
    )
    now = time.time() + cloud.date_ahead
    response.headers["date"] = formatdate(now, usegmt=True)
    cloud.record.append(
        RecordedRequest(api, project_id, page, asked, response.status_code)
    )
    return response


class _Offset(msgspec.Struct):
    offset: int = 0


def _offset(body: bytes) -> int:
    try:
        return msgspec.json.decode(body, type=_Offset).offset
    except msgspec.DecodeError:
        return 0
