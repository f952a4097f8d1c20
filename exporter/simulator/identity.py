"""
The simulated IAM: logins, tokens, signatures and lockouts.

Sources: IAM API reference, "Obtaining a User Token Through Password Authentication";
API Gateway, "Error Codes" and its FAQ on authentication by access key.
"""

from __future__ import annotations

import hmac
import secrets

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from .clock import Clock
from .replies import Reply, gateway_error, iam_error, json_reply
from .signing import expected_signature, parse
from .state import SimulatedProject


_PASSWORDS_THAT_LOCK: Final = 5
_PASSWORD_LOCK_SECONDS: Final = 900.0
_SIGNATURES_THAT_LOCK: Final = 5
_SIGNATURE_LOCK_SECONDS: Final = 300.0
_MAX_SKEW: Final = timedelta(minutes=15)


@dataclass(slots=True)
class User:
    """An IAM user, with counts of logins."""

    name: str
    password: str
    domain: str
    wrong: int = 0
    locked_until: float = 0.0


@dataclass(slots=True)
class Key:
    """An access key; a temporary one has a security token."""

    access_key: str
    secret_key: str
    security_token: str | None = None
    expires_at: float | None = None
    refused: int = 0
    locked_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of a request that authentication needs."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes


class _Domain(msgspec.Struct):
    name: str = ""


class _User(msgspec.Struct):
    name: str = ""
    password: str = ""
    domain: _Domain = msgspec.field(default_factory=_Domain)


class _Password(msgspec.Struct):
    user: _User


class _Identity(msgspec.Struct):
    methods: list[str]
    password: _Password


class _ScopedProject(msgspec.Struct):
    id: str = ""
    name: str = ""


class _Scope(msgspec.Struct):
    project: _ScopedProject


class _Auth(msgspec.Struct):
    identity: _Identity
    scope: _Scope


class _Login(msgspec.Struct):
    auth: _Auth


_decoder: Final = msgspec.json.Decoder(_Login)


@dataclass(slots=True)
class Identity:
    """Users, access keys and tokens, with counts of attempts."""

    clock: Clock
    projects: Sequence[SimulatedProject]
    users: list[User] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    token_seconds: float = 86_400.0
    token_bytes: int = 64
    logins: int = 0
    wrong_passwords: int = 0
    refused_signatures: int = 0
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    def log_in(self, body: bytes) -> Reply:
        """Answer `POST /v3/auth/tokens`."""
        self.logins += 1
        try:
            auth = _decoder.decode(body).auth
        except msgspec.DecodeError:
            return iam_error(400, "The request body is invalid.", "Bad Request")
        given = auth.identity.password.user
        user = next((user for user in self.users if user.name == given.name), None)
        now = self.clock.now()
        if user is None or given.domain.name != user.domain or now < user.locked_until:
            return self._wrong_password()
        if not hmac.compare_digest(given.password.encode(), user.password.encode()):
            user.wrong += 1
            if user.wrong >= _PASSWORDS_THAT_LOCK:
                user.wrong, user.locked_until = 0, now + _PASSWORD_LOCK_SECONDS
            return self._wrong_password()
        user.wrong = 0
        return self._token(auth.scope.project)

    def revoke_tokens(self) -> None:
        """Make all tokens invalid, as a change of the user's permissions does."""
        self._tokens.clear()

    def refusal(self, request: Request, project_id: str) -> Reply | None:
        """Return the error reply to a request for a project; None if it is allowed."""
        token = request.headers.get("x-auth-token")
        if token is not None:
            return self._token_refusal(token, project_id)
        authorization = request.headers.get("authorization")
        if authorization is None:
            return gateway_error(
                401, "APIG.0301", "Incorrect IAM authentication information: no token"
            )
        return self._signature_refusal(request, authorization)

    def _wrong_password(self) -> Reply:
        self.wrong_passwords += 1
        return iam_error(401, "The username or password is wrong.", "Unauthorized")

    def _token(self, scope: _ScopedProject) -> Reply:
        project = next(
            (
                project
                for project in self.projects
                if scope.id == project.project_id or (scope.name == project.name != "")
            ),
            None,
        )
        if project is None:
            return iam_error(404, "Could not find project.", "Not Found")
        now = self.clock.now()
        expires_at = now + self.token_seconds
        token = secrets.token_hex(self.token_bytes // 2)
        self._tokens[token] = (project.project_id, expires_at)
        return json_reply(
            201,
            {
                "token": {
                    "methods": ["password"],
                    "issued_at": _time(now),
                    "expires_at": _time(expires_at),
                    "project": {"id": project.project_id, "name": project.name},
                }
            },
            x_subject_token=token,
        )

    def _token_refusal(self, token: str, project_id: str) -> Reply | None:
        owner, expires_at = self._tokens.get(token, ("", 0.0))
        if not owner:
            return gateway_error(
                401,
                "APIG.0301",
                "Incorrect IAM authentication information: decrypt token fail",
            )
        if self.clock.now() >= expires_at:
            return gateway_error(401, "APIG.0307", "The token must be updated.")
        if owner != project_id:
            return json_reply(
                403,
                {
                    "error_code": "ModelArts.0210",
                    "error_msg": "The project id in the request URL does not match the "
                    "token.",
                },
            )
        return None

    def _signature_refusal(self, request: Request, authorization: str) -> Reply | None:
        signed = parse(authorization)
        if signed is None:
            return self._refused("authorization header is wrong")
        key = self._valid_key(signed.access_key)
        if key is None:
            return self._refused(
                f"Get secretKey failed,ak:{signed.access_key},err:ak not exist"
            )
        if self.clock.now() < key.locked_until:
            return self._refused("AK access failed to reach the limit,forbidden")
        if _is_skewed(request.headers.get("x-sdk-date", "")):
            return self._refused("signature expired", "APIG.0303")
        expected = expected_signature(
            signed,
            key.secret_key,
            method=request.method,
            raw_path=request.raw_path,
            raw_query=request.raw_query,
            headers=request.headers,
            body=request.body,
        )
        token = request.headers.get("x-security-token")
        if token != key.security_token or not hmac.compare_digest(
            expected, signed.signature
        ):
            key.refused += 1
            if key.refused > _SIGNATURES_THAT_LOCK:
                key.refused = 0
                key.locked_until = self.clock.now() + _SIGNATURE_LOCK_SECONDS
            # Like the real gateway, this quotes the signed headers.
            echoed = "|".join(
                f"{name}:{request.headers.get(name)}" for name in signed.names
            )
            return self._refused(
                f"verify aksk signature fail, canonicalRequest:{request.method}|"
                f"{request.raw_path}|{request.raw_query}|{echoed}"
            )
        key.refused = 0
        return None

    def _valid_key(self, access_key: str) -> Key | None:
        now = self.clock.now()
        for key in self.keys:
            if key.access_key == access_key:
                return key if key.expires_at is None or now < key.expires_at else None
        return None

    def _refused(self, message: str, code: str = "APIG.0301") -> Reply:
        self.refused_signatures += 1
        return gateway_error(
            401, code, f"Incorrect IAM authentication information: {message}"
        )


def _is_skewed(date: str) -> bool:
    try:
        signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return True
    # The simulated clock may run fast; signers use the real one.
    return abs(datetime.now(UTC) - signed_at) > _MAX_SKEW


def _time(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
