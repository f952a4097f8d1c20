"""What the API gateway adds to every response: request IDs, and its own error codes."""

from __future__ import annotations

import secrets

from typing import Final

import msgspec

from starlette.responses import Response, StreamingResponse

from .dialect import Dialect, RequestIds


_OVERLONG: Final = 4096
_IN_BODY: Final = "request_id"


def finish(response: Response, dialect: Dialect, *, is_iam: bool) -> None:
    """Add request IDs to a response and write its errors as `dialect` does."""
    request_id = response.headers.get("x-request-id") or secrets.token_hex(16)
    if is_iam and dialect.request_ids is not RequestIds.NONE:
        response.headers["x-iam-trace-id"] = (
            f"token_global_null_{secrets.token_hex(16)}"
        )
    if dialect.request_ids is RequestIds.OVERLONG:
        request_id = "0" * _OVERLONG
    response.headers["x-request-id"] = request_id
    if dialect.request_ids in {RequestIds.NONE, RequestIds.LINE_BREAK}:
        del response.headers["x-request-id"]
    if response.status_code < 400 or isinstance(response, StreamingResponse):  # noqa: PLR2004
        return
    body = bytes(response.body)
    altered = _altered(body, request_id, dialect)
    if altered != body:
        response.body = altered
        response.headers["content-length"] = str(len(altered))


def _altered(body: bytes, request_id: str, dialect: Dialect) -> bytes:
    try:
        content = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError:
        return body
    code = content.get("error_code")
    if isinstance(code, str) and code.startswith("APIG."):
        content["error_code"] = f"{dialect.gateway}.{code.partition('.')[2]}"
    if _IN_BODY in content:
        match dialect.request_ids:
            case RequestIds.NONE:
                del content[_IN_BODY]
            case RequestIds.LINE_BREAK:
                content[_IN_BODY] = "0a1b2c\nlevel=info msg=forged"
            case _:
                content[_IN_BODY] = request_id
    return msgspec.json.encode(content)
