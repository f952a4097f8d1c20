"""
What is read of an error response: its error code and request ID, never its text.

Gateways quote signed headers in their texts, security tokens included.
"""

from __future__ import annotations

import re

from typing import Final

import httpx
import msgspec

from .decoding import JsonError, decode_json


_ERROR_CODE: Final = re.compile(r"[A-Za-z]{2,16}\.[0-9]{1,8}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")

REQUEST_ID_HEADERS: Final = ("X-Request-Id", "X-IAM-Trace-Id")
"""Of the gateway, and of IAM."""


class _InnerError(msgspec.Struct):
    code: int | str | None = None


class _CodeBody(msgspec.Struct):
    error_code: str | None = None
    error: _InnerError | str | None = None


class _RequestIdBody(msgspec.Struct):
    request_id: str | None = None


_code_decoder: Final = msgspec.json.Decoder(_CodeBody)
_request_id_decoder: Final = msgspec.json.Decoder(_RequestIdBody)


def error_code(response: httpx.Response) -> str | None:
    """Return the error code in a response's body, such as `APIG.0301`, if any."""
    try:
        body = decode_json(_code_decoder, response.content)
    except JsonError:
        return None
    inner = body.error.code if isinstance(body.error, _InnerError) else None
    # IAM repeats the HTTP status there, as a number.
    return plain_code(body.error_code) or (
        plain_code(inner) if isinstance(inner, str) else None
    )


def plain_code(code: str | None) -> str | None:
    """Return `code` if it looks like an error code; other text is not passed on."""
    return code if code and _ERROR_CODE.fullmatch(code) else None


def request_id(response: httpx.Response) -> str | None:
    """Return the ID that the cloud's support can find the request by, if any."""
    gateway, trace = (response.headers.get(name, "") for name in REQUEST_ID_HEADERS)
    for found in (gateway, _request_id_in_body(response), trace):
        if _REQUEST_ID.fullmatch(found):
            return found
    return None


def _request_id_in_body(response: httpx.Response) -> str:
    if response.is_success:
        return ""
    try:
        return decode_json(_request_id_decoder, response.content).request_id or ""
    except JsonError:
        return ""
