"""
The simulated IAM: users, keys, logins, tokens, signatures and lockouts.

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

from .access import Access
from .clock import Clock
from .logins import Login
from .project import SimulatedProject
from .replies import Json, Reply, gateway_error, iam_error, json_reply
from .signing import expected_signature, parse


_PASSWORDS_THAT_LOCK: Final = 5
_PASSWORD_LOCK_SECONDS: Final = 900.0
_SIGNATURES_THAT_LOCK: Final = 5
_SIGNATURE_LOCK_SECONDS: Final = 300.0
_MAX_SKEW: Final = timedelta(minutes=15)


@dataclass(slots=True)
class User:
    """
    An IAM user, with counts of logins.

    `password_expires_at` is as the API writes it; None and "" mean never.
    """

    name: str
    password: str
    domain: str
    wrong: int = 0
    locked_until: float = 0.0
    password_expires_at: str | None = None
    access: Access = field(default_factory=Access)


@dataclass(slots=True)
class Key:
    """An access key; a temporary one has a security token."""

    access_key: str
    secret_key: str
    security_token: str | None = None
    expires_at: float | None = None
    refused: int = 0
    locked_until: float = 0.0
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and the ID of the project or account of its token; None if signed."""

    access: Access
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    user: User
    scope: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of a request that authentication needs."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Identity:
    """Users, access keys and tokens, with counts of attempts."""

    clock: Clock
    projects: Sequence[SimulatedProject]
    users: list[User] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    account_id: str = "398998b5392f4150ad48fe456d6de4f1"
    token_seconds: float = 86_400.0
    token_bytes: int = 64
    logins: int = 0
    wrong_passwords: int = 0
    refused_signatures: int = 0
    refused_scope_counts: bool = True
    """Whether a login to a project without a role counts as a wrong password."""

    _tokens: dict[str, _Token] = field(default_factory=dict)

    def log_in(self, body: bytes) -> Reply:
        """Answer `POST /v3/auth/tokens`."""
        self.logins += 1
        try:
            login = Login.read(body)
        except msgspec.DecodeError:
            return iam_error(400, "The request body is invalid.", "Bad Request")
        user = next((user for user in self.users if user.name == login.user), None)
        now = self.clock.now()
        if user is None or login.domain != user.domain or now < user.locked_until:
            return self._wrong_password()
        if not hmac.compare_digest(login.password.encode(), user.password.encode()):
            self._count_wrong(user)
            return self._wrong_password()
        return self._scoped_token(user, login)

    @property
    def tokens(self) -> frozenset[str]:
        """The tokens that were issued and not revoked."""
        return frozenset(self._tokens)

    def revoke_tokens(self, user: User | None = None) -> None:
        """Make all tokens invalid, or a user's, as a change of permissions does."""
        for text, token in list(self._tokens.items()):
            if user is None or token.user is user:
                del self._tokens[text]

    def authenticate(self, request: Request) -> Caller | Reply:
        """Return who calls, or the error reply."""
        token = request.headers.get("x-auth-token")
        if token is not None:
            return self._token_caller(token)
        authorization = request.headers.get("authorization")
        if authorization is None:
            return gateway_error(
                401, "APIG.0301", "Incorrect IAM authentication information: no token"
            )
        return self._signing_caller(request, authorization)

    def _count_wrong(self, user: User) -> None:
        user.wrong += 1
        if user.wrong >= _PASSWORDS_THAT_LOCK:
            user.wrong = 0
            user.locked_until = self.clock.now() + _PASSWORD_LOCK_SECONDS

    def _wrong_password(self) -> Reply:
        self.wrong_passwords += 1
        return iam_error(401, "The username or password is wrong.", "Unauthorized")

    def _scoped_token(self, user: User, login: Login) -> Reply:
        if login.project is None:
            if login.account not in {None, (self.account_id, ""), ("", user.domain)}:
                return iam_error(401, "The account does not exist.", "Unauthorized")
            account: Json = {"id": self.account_id, "name": user.domain}
            return self._token(user, self.account_id, {"domain": account})
        # With both scopes, the project's counts.
        wanted_id, wanted_name = login.project
        project = next(
            (
                project
                for project in self.projects
                if wanted_id == project.project_id
                or wanted_name == project.listed_name != ""
            ),
            None,
        )
        if project is None:
            return iam_error(404, "Could not find project.", "Not Found")
        if not user.access.has_role_in(project.project_id):
            if self.refused_scope_counts:
                self._count_wrong(user)
                self.wrong_passwords += 1
            return iam_error(401, "Unauthorized.", "Unauthorized")
        listed: Json = {"id": project.project_id, "name": project.listed_name}
        return self._token(user, project.project_id, {"project": listed})

    def _token(self, user: User, scope: str, described: Json) -> Reply:
        user.wrong = 0
        now = self.clock.now()
        expires_at = now + self.token_seconds
        token = secrets.token_hex(self.token_bytes // 2)
        self._tokens[token] = _Token(user, scope, expires_at)
        account: Json = {"id": self.account_id, "name": user.domain}
        described_user: Json = {
            "id": user.access.user_id,
            "name": user.name,
            "domain": account,
            "password_expires_at": user.password_expires_at,
        }
        return json_reply(
            201,
            {
                "token": {
                    "methods": ["password"],
                    "issued_at": _time(now),
                    "expires_at": _time(expires_at),
                    "roles": [{"id": "0", "name": "te_admin"}],
                    "user": described_user,
                    **described,
                }
            },
            x_subject_token=token,
        )

    def _token_caller(self, text: str) -> Caller | Reply:
        token = self._tokens.get(text)
        if token is None:
            return gateway_error(
                401,
                "APIG.0301",
                "Incorrect IAM authentication information: decrypt token fail",
            )
        if self.clock.now() >= token.expires_at:
            return gateway_error(401, "APIG.0307", "The token must be updated.")
        return Caller(token.user.access, token.scope)

    def _signing_caller(self, request: Request, authorization: str) -> Caller | Reply:
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
        return Caller(key.access)

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
