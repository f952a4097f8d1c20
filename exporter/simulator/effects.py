"""Applies a fault's effect to a response."""

from __future__ import annotations

import asyncio
import gzip

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from typing import Final

import msgspec

from starlette.requests import Request as WebRequest
from starlette.responses import Response, StreamingResponse

from .faults import Effect, Fault
from .replies import Json, Reply, gateway_error, json_reply, modelarts_error
from .signing import parse


_FAR_TOO_LONG: Final = 64 * 1024 * 1024
_ENDLESS_PAGE_SIZE: Final = 100

Answer = Callable[[], Reply]


def as_response(reply: Reply) -> Response:
    """Convert a reply to an HTTP response."""
    return Response(reply.body, reply.status, reply.headers)


async def take_effect(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    """Return the response to a request that meets `fault`."""
    return await _EFFECTS[fault.effect](fault, request, answer)


async def _status(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    if fault.code is not None:
        response = as_response(gateway_error(fault.status, fault.code, "A fault."))
    else:
        response = Response(status_code=fault.status)
    if fault.retry_after is not None:
        response.headers["retry-after"] = fault.retry_after
    return response


async def _echo(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    signed = parse(request.headers.get("authorization", ""))
    names = signed.names if signed else ("host",)
    echoed = "|".join(f"{name}:{request.headers.get(name, '')}" for name in names)
    message = (
        "Incorrect IAM authentication information: verify aksk signature fail, "
        f"ak {signed.access_key if signed else ''}, canonicalRequest:{request.method}|"
        f"{request.url.path}|{request.url.query}|{echoed}||{';'.join(names)}"
    )
    return as_response(gateway_error(fault.status, fault.code or "APIG.0301", message))


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
    return as_response(reply)


async def _hang(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    await _gone(request)
    return Response()


async def _delay(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    await asyncio.sleep(fault.seconds)
    return as_response(answer())


async def _reset(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    request.scope["abort"]()
    await _gone(request)
    return Response()


async def _break(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    async def half() -> AsyncIterator[bytes]:
        yield answer().body[:100]
        # Let the data arrive before the connection breaks.
        await asyncio.sleep(0.01)
        request.scope["abort"]()

    return StreamingResponse(half(), headers={"content-length": "100000"})


async def _endless(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    page = int(request.query_params.get("page", "1"))
    size = min(_ENDLESS_PAGE_SIZE, int(request.query_params.get("per_page", "10")))
    first = page * size if fault.effect is Effect.ENDLESS else 0
    rows: list[Json] = [{"job_id": first + n, "status": 10} for n in range(size)]
    return as_response(
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
    return _gzipped(_compressed_spaces())


@cache
def _compressed_spaces() -> bytes:
    return _compressed(b" " * _FAR_TOO_LONG)


async def _gzip(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    reply = answer()
    response = _gzipped(_compressed(reply.body))
    response.status_code = reply.status
    response.headers.update(reply.headers)
    return response


async def _cookie(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    response = as_response(answer())
    response.set_cookie("session", "tracked")
    return response


async def _fields(fault: Fault, request: WebRequest, answer: Answer) -> Response:
    reply = answer()
    content = _altered(msgspec.json.decode(reply.body), fault)
    return Response(msgspec.json.encode(content), reply.status, reply.headers)


def _altered(content: object, fault: Fault) -> object:
    if isinstance(content, list):
        return [_altered(item, fault) for item in content]
    if not isinstance(content, dict):
        return content
    return {
        name: msgspec.Raw(fault.fields[name].encode())
        if name in fault.fields
        else _altered(value, fault)
        for name, value in content.items()
        if name not in fault.without
    }


def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, 1)


def _gzipped(body: bytes) -> Response:
    return Response(
        body,
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
    Effect.ECHO: _echo,
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
    Effect.FIELDS: _fields,
}
