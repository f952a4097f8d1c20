"""Replies of the simulated cloud, in the formats of the real one."""

from __future__ import annotations

import secrets

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec


Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: HTTP status, headers and body."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(status: int, content: Json, **headers: str) -> Reply:
    """Return a reply with `content` as JSON; underscores in header names become dashes."""
    return Reply(
        status,
        msgspec.json.encode(content),
        {
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )


def gateway_error(status: int, code: str, message: str, **headers: str) -> Reply:
    """Return an error of the API gateway in front of ModelArts."""
    request_id = secrets.token_hex(16)
    content: Json = {"error_msg": message, "error_code": code, "request_id": request_id}
    return json_reply(status, content, x_request_id=request_id, **headers)


def modelarts_error(status: int, code: str, message: str) -> Reply:
    """Return an error of ModelArts v1."""
    return json_reply(
        status,
        {"is_success": False, "error_code": code, "error_message": message},
    )


def product_error(status: int, code: str, message: str) -> Reply:
    """Return an error of ModelArts' newer APIs."""
    return json_reply(status, {"error_code": code, "error_msg": message})


def iam_error(status: int, message: str, title: str) -> Reply:
    """Return an error of IAM."""
    return json_reply(
        status, {"error": {"code": status, "message": message, "title": title}}
    )


def utc_time(timestamp: float) -> str:
    """Return a time as Kubernetes writes it: RFC 3339, to the second."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
