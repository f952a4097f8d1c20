"""The simulated cloud over HTTP, and a way to look into it and to break it."""

from __future__ import annotations

import asyncio
import gzip

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from ..jobs import Kind
from .cloud import Asked, SimulatedCloud
from .faults import Effect, Fault
from .identity import Request
from .replies import Json, Reply, gateway_error, json_reply, modelarts_error


_FAR_TOO_LONG: Final = 64 * 1024 * 1024
_ENDLESS_PAGE_SIZE: Final = 100

_HELP: Final = """\
A simulated cloud: IAM and ModelArts v1, with jobs that come and go.

  GET    /simulator/jobs     what is true: jobs by status number, quota, remaining
  GET    /simulator/faults   the faults that are switched on
  POST   /simulator/faults   switch one on
  DELETE /simulator/faults   switch all off

Effects: {effects}

  curl -d '{{"effect": "hang", "api": "training_jobs"}}' {url}simulator/faults
  curl -X DELETE {url}simulator/faults
"""

Answer = Callable[[], Reply]


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

    async def session(request: WebRequest) -> Response:
        return _response(cloud.metadata.open_session())

    async def security_key(request: WebRequest) -> Response:
        return _response(cloud.metadata.security_key(request.headers))

    async def nowhere(request: WebRequest) -> Response:
        return _response(gateway_error(404, "APIG.0101", "The API does not exist"))

    return Starlette(
        routes=[
            Route("/v3/auth/tokens", tokens, methods=["POST"]),
            Route("/v1/{project_id}/training-jobs", jobs),
            Route("/v1/{project_id}/visualization-jobs", jobs),
            Route("/v1/{project_id}/visualization-jobs/{job_id}", job),
            Route("/meta-data/latest/api/token", session, methods=["PUT"]),
            Route("/openstack/latest/securitykey", security_key),
            *_looking_in(cloud),
            Route("/{path:path}", nowhere),
        ]
    )


def _looking_in(cloud: SimulatedCloud) -> list[Route]:
    async def page(request: WebRequest) -> Response:
        effects = ", ".join(Effect)
        return PlainTextResponse(_HELP.format(url=request.base_url, effects=effects))

    async def truth(request: WebRequest) -> Response:
        return _response(json_reply(200, _truth(cloud)))

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
            kinds[kind] = {
                "jobs": {str(number): n for number, n in sorted(jobs.counts().items())},
                "quota": jobs.quota,
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
) -> Response:
    query = request.query_params
    number = query.get("page", "1")
    page = int(number) if number.isdecimal() else 1
    if cloud.latency:
        await asyncio.sleep(cloud.latency)
    if cloud.before_answer is not None:
        cloud.before_answer(api, page)
    fault = cloud.faults.take(project_id, api, page)
    response = (
        _response(answer())
        if fault is None
        else await _EFFECTS[fault.effect](fault, request, answer)
    )
    cloud.record.append(Asked(api, project_id, page, str(query), response.status_code))
    return response


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, reply.headers)


async def _status(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    if fault.code is not None:
        response = _response(gateway_error(fault.status, fault.code, "A fault."))
    else:
        response = Response(status_code=fault.status)
    if fault.retry_after is not None:
        response.headers["retry-after"] = fault.retry_after
    return response


async def _html(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    page = "<html><body><h1>Something else</h1></body></html>"
    return Response(page, fault.status, media_type="text/html")


async def _truncated(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    body = answer().body
    return Response(body[: len(body) // 2], media_type="application/json")


async def _not_successful(
    fault: Fault, request: WebRequest, answer: Answer
) -> Response:
    reply = modelarts_error(200, fault.code or "ModelArts.0105", "A fault.")
    return _response(reply)


async def _hang(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    await _gone(request)
    return Response()


async def _delay(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    await asyncio.sleep(fault.seconds)
    return _response(answer())


async def _reset(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    request.scope["abort"]()
    await _gone(request)
    return Response()


async def _break(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    async def half() -> AsyncIterator[bytes]:
        yield answer().body[:100]
        # What was sent so far shall arrive before the connection breaks.
        await asyncio.sleep(0.01)
        request.scope["abort"]()

    return StreamingResponse(half(), headers={"content-length": "100000"})


async def _endless(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    page = int(request.query_params.get("page", "1"))
    size = min(_ENDLESS_PAGE_SIZE, int(request.query_params.get("per_page", "10")))
    first = page * size if fault.effect is Effect.ENDLESS else 0
    rows: list[Json] = [{"job_id": first + n, "status": 10} for n in range(size)]
    return _response(
        json_reply(200, {"is_success": True, "job_total_count": 3 * size, "jobs": rows})
    )


async def _redirect(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    return Response(status_code=302, headers={"location": "http://127.0.0.1:9/"})


async def _oversized(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    async def long() -> AsyncIterator[bytes]:
        for _ in range(_FAR_TOO_LONG // 65_536):
            yield b" " * 65_536

    return StreamingResponse(long(), media_type="application/json")


async def _bomb(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    return _gzipped(b" " * _FAR_TOO_LONG)


async def _gzip(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    reply = answer()
    response = _gzipped(reply.body)
    response.status_code = reply.status
    response.headers.update(reply.headers)
    return response


async def _cookie(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    response = _response(answer())
    response.set_cookie("session", "tracked")
    return response


def _gzipped(body: bytes) -> Response:
    return Response(
        gzip.compress(body, 1),
        headers={"content-encoding": "gzip"},
        media_type="application/json",
    )


async def _gone(request: WebRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


_EFFECTS: Final[
    dict[Effect, Callable[[Fault, WebRequest, Answer], Awaitable[Response]]]
] = {
    Effect.STATUS: _status,
    Effect.HTML: _html,
    Effect.TRUNCATED: _truncated,
    Effect.NOT_SUCCESSFUL: _not_successful,
    Effect.HANG: _hang,
    Effect.DELAY: _delay,
    Effect.RESET: _reset,
    Effect.BREAK: _break,
    Effect.ENDLESS: _endless,
    Effect.REPEATING: _endless,
    Effect.REDIRECT: _redirect,
    Effect.OVERSIZED: _oversized,
    Effect.BOMB: _bomb,
    Effect.GZIP: _gzip,
    Effect.COOKIE: _cookie,
}
