"""
Authentication by password: an IAM token per project, and one for the account, renewed
before they expire.

Source: IAM API reference, "Obtaining a User Token Through Password Authentication".
"""

from __future__ import annotations

import asyncio

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Final

import httpx

from ...clock import Clock
from ...config import PasswordAuth
from ...errors import CollectionError, Failure, Reason, SecretError
from ...exchange import RequestRecord
from ..error_codes import check, is_credential_rejected
from ..request_context import RequestContext, context_of
from .access_keys import unreadable_secret
from .issued_token import Token, read_token
from .listed_projects import ListedProjects
from .lockout_guard import Attempt, LockoutGuard
from .lockout_policy import LockoutLimits
from .rejected_scopes import RejectedScopes
from .single_flight import SingleFlight


_OPERATION: Final = "auth_tokens"
_ACTION: Final = "the right to log in with a password and programmatic access"
_CREDENTIAL: Final = (
    "username, domain (the account's name) and password in the cloud's auth section, and "
    "that the user has programmatic access"
)
_PATH: Final = "/v3/auth/tokens"
_MAX_BODY_BYTES: Final = 1024 * 1024
_LOGIN_SECONDS: Final = 10.0
_MAX_LOGINS: Final = 4
# Of many projects that start together, sixteen at a time: 100 take seven round trips.
_LIMITS: Final = LockoutLimits(
    cooldown_seconds=900.0,
    accepted_seconds=60.0,
    max_in_flight=_MAX_LOGINS,
    burst_seconds=5.0,
    max_in_burst=16,
)
# A new token that is rejected at once is not replaced right away: IAM throttles.
_RENEWAL_COOLDOWN_SECONDS: Final = 300.0


class TokenIssuer:
    """Issues tokens of one cloud's user, for any of its projects or the account."""

    def __init__(
        self,
        auth: PasswordAuth,
        iam_url: str,
        client: httpx.AsyncClient,
        clock: Clock,
        processes: int = 1,
    ) -> None:
        self._auth = auth
        self._url = f"{iam_url}{_PATH}?nocatalog=true"
        self._client = client
        self.clock = clock
        self.user_id = ""
        """The user's ID, once it has logged in."""

        self._lockout_guard = LockoutGuard(_LIMITS.divided(processes))
        self._listed = ListedProjects(
            iam_url, client, lambda: self.token(None, project="")
        )
        self._rejected_scopes = RejectedScopes()

    async def token(
        self,
        project_id: str | None,
        project: str,
        record: RequestRecord | None = None,
    ) -> Token | Failure:
        """Return a new token for a project or the account, or why there is none."""
        try:
            password = self._auth.password.reveal()
            if failure := self._rejected_scopes.failure(project_id, password):
                return replace(failure, operation=_OPERATION, method="POST", path=_PATH)
            if project_id is not None:
                self._prepare_burst()
            async with (
                self._lockout_guard.attempt(
                    password,
                    project,
                    may_burst=lambda: self._may_burst(project_id),
                    is_first=project_id is None,
                ) as attempt,
                # Not for the wait above: the logins of many projects take long.
                asyncio.timeout(_LOGIN_SECONDS),
            ):
                return await self._log_in(
                    password, project_id, project, attempt, record or RequestRecord()
                )
        except CollectionError as error:
            return error.failure
        except SecretError as error:
            return unreadable_secret(error)
        except TimeoutError:
            return Failure(
                reason=Reason.TIMEOUT,
                problem=f"no token within {_LOGIN_SECONDS:.0f} s",
                advice="check the network and the cloud's iam_url",
                operation=_OPERATION,
                method="POST",
                path=_PATH,
            )

    def is_changed(self) -> bool:
        """Return whether the password is another one than was last sent."""
        try:
            password = self._auth.password.reveal()
        except SecretError:
            return False
        return self._lockout_guard.is_replaced_by(password)

    def try_again(self) -> None:
        """Try a rejected password once more, since it may have been corrected."""
        self._lockout_guard.try_again()
        self._rejected_scopes.try_again()

    def forget(self, project_id: str | None) -> None:
        """Forget that a login to a project was rejected."""
        self._rejected_scopes.forget(project_id)

    async def aclose(self) -> None:
        """Cancel a running list of projects."""
        await self._listed.aclose()

    def _prepare_burst(self) -> None:
        if self._lockout_guard.waiting >= _MAX_LOGINS:
            self._listed.refresh()

    def _may_burst(self, project_id: str | None) -> bool:
        self._prepare_burst()
        return project_id in self._listed

    async def _log_in(
        self,
        password: str,
        project_id: str | None,
        project: str,
        attempt: Attempt,
        record: RequestRecord,
    ) -> Token:
        context = RequestContext(
            operation=_OPERATION,
            is_login=True,
            project=project,
            action=_ACTION,
            credential=_CREDENTIAL,
            max_bytes=_MAX_BODY_BYTES,
            record=record,
        )
        response = await self._client.post(
            self._url,
            json=self._body(password, project_id),
            extensions=context.extensions(),
        )
        try:
            check(response)
        except CollectionError as error:
            if is_credential_rejected(response):
                attempt.rejected(error.failure)
                self._rejected_scopes.rejected(project_id, password)
                if project_id in self._listed:
                    self._listed.distrust()
            raise
        attempt.accepted()
        self._rejected_scopes.accepted(project_id, password)
        token = read_token(response, self.clock())
        self.user_id = token.user_id
        return token

    def _body(self, password: str, project_id: str | None) -> object:
        domain = {"name": self._auth.domain}
        user = {"name": self._auth.username, "password": password, "domain": domain}
        scope: dict[str, object] = (
            {"domain": domain}
            if project_id is None
            else {"project": {"id": project_id}}
        )
        return {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": scope,
            }
        }


class TokenAuth(httpx.Auth):
    """
    Sends the token of one project, or of the account, with its requests.

    Concurrent requests share one login, which continues if they are canceled, since the
    next scrape needs the token too.
    """

    def __init__(
        self,
        issuer: TokenIssuer,
        project_id: str | None,
        project: str,
        expiry_changed: Callable[[float], None],
    ) -> None:
        self._issuer = issuer
        self._project_id = project_id
        self._project = project
        self._expiry_changed = expiry_changed
        self._token: Token | None = None
        self._login = SingleFlight(self._new_token)
        self._login_record = RequestRecord()
        self._cooldown_until: dict[str, float] = {}

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the token; if it is rejected, retry once with a new one."""
        record = context_of(request).record
        token = await self._current(record)
        request.headers["X-Auth-Token"] = token.text
        response = yield request
        path = request.url.path
        if not is_credential_rejected(response):
            self._cooldown_until.pop(path, None)
        elif self._issuer.clock() >= self._cooldown_until.get(path, 0.0):
            token = await self._replacement(token, record)
            request.headers["X-Auth-Token"] = token.text
            response = yield request
            if is_credential_rejected(response):
                self._cooldown_until[path] = (
                    self._issuer.clock() + _RENEWAL_COOLDOWN_SECONDS
                )

    async def aclose(self) -> None:
        """Cancel a running login."""
        await self._login.aclose()
        self._issuer.forget(self._project_id)

    def try_again(self) -> None:
        """Allow rejected tokens to be replaced again."""
        self._cooldown_until.clear()

    async def _current(self, record: RequestRecord) -> Token:
        token = self._token
        if token is not None and not token.is_due(self._issuer.clock()):
            return token
        new = await self._log_in(record)
        if isinstance(new, Token):
            return new
        if token is not None and self._issuer.clock() < token.expires_at:
            return token
        raise CollectionError(new)

    async def _replacement(self, rejected: Token, record: RequestRecord) -> Token:
        if self._token is not None and self._token is not rejected:
            return self._token
        new = await self._log_in(record)
        if isinstance(new, Failure):
            raise CollectionError(new)
        return new

    async def _log_in(self, record: RequestRecord) -> Token | Failure:
        record.include(self._login_record)
        return await self._login.outcome()

    async def _new_token(self) -> Token | Failure:
        record = self._login_record
        try:
            new = await self._issuer.token(self._project_id, self._project, record)
        finally:
            self._login_record = RequestRecord()
        # Not in a callback: the token must be set when the login is done.
        if isinstance(new, Token):
            self._token = new
            self._expiry_changed(new.expires_at)
        return new
