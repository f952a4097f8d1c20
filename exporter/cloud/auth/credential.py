"""The credential of a cloud, which authenticates the requests of all its projects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Protocol, TypeAlias

import httpx

from ...clock import Clock
from ...config import AccessKeyAuth, Cloud, EcsAgencyAuth, PasswordAuth, Project
from .access_keys import AccessKeys, ConfiguredKeys, SignatureAuth
from .agency import AgencyKeys
from .tokens import TokenAuth, TokenIssuer


ExpiryChanged: TypeAlias = Callable[[str, float], None]
"""Called with a project's name and the Unix time when its token or key expires."""

# Not the name alone: after a reload, it may name another project.
ProjectKey: TypeAlias = tuple[str, str]


_ACCOUNT: Final[ProjectKey] = ("", "")


def project_key(project: Project | None) -> ProjectKey:
    """
    Return what identifies `project` across reloads of the configuration.

    None stands for the account, whose requests ask IAM for its projects.
    """
    return _ACCOUNT if project is None else (project.name, project.project_id)


class Credential(Protocol):
    """A cloud's credential, whatever its kind."""

    @property
    def user_id(self) -> str:
        """The ID of the user, once it has logged in; empty without a login."""

    def auth_for(self, project: Project | None) -> httpx.Auth:
        """Return the authentication of requests for `project`, or for the account."""

    async def retain(self, projects: Iterable[Project]) -> None:
        """Forget what is kept for all projects but these."""

    async def is_changed(self) -> bool:
        """Return whether the secret is another one than was last sent."""

    def try_again(self) -> None:
        """Try what was rejected once more: it may have been corrected."""

    async def aclose(self) -> None:
        """Cancel running logins and renewals, and close connections."""


def new_credential(
    cloud: Cloud,
    client: httpx.AsyncClient,
    clock: Clock,
    expiry_changed: ExpiryChanged,
) -> Credential:
    """Return the credential that `cloud` is configured with; it logs in with `client`."""
    match cloud.auth:
        case PasswordAuth():
            issuer = TokenIssuer(cloud.auth, cloud.iam_url, client, clock, cloud.shards)
            return TokenCredential(issuer, expiry_changed)
        case AccessKeyAuth():
            keys = AccessKeys(ConfiguredKeys(cloud.auth), cloud.shards)
            return KeyCredential(keys, clock, expiry_changed)
        case EcsAgencyAuth(metadata_url=url):
            keys = AccessKeys(AgencyKeys(url, clock))
            return KeyCredential(keys, clock, expiry_changed)


class TokenCredential:
    """A user's password, with a token for each project and one for the account."""

    def __init__(self, issuer: TokenIssuer, expiry_changed: ExpiryChanged) -> None:
        self._issuer = issuer
        self._expiry_changed = expiry_changed
        self._auths: dict[ProjectKey, TokenAuth] = {}

    @property
    def user_id(self) -> str:
        """The user's ID, once it has logged in."""
        return self._issuer.user_id

    def auth_for(self, project: Project | None) -> httpx.Auth:
        """Return the token of the project or account, which its requests share."""
        key = project_key(project)
        auth = self._auths.get(key)
        if auth is None:
            auth = self._auths[key] = self._new_auth(project)
        return auth

    async def retain(self, projects: Iterable[Project]) -> None:
        """Forget the tokens of all projects but these; cancel their logins."""
        await self._forget(
            self._auths.keys()
            - {project_key(project) for project in projects}
            - {_ACCOUNT}
        )

    async def is_changed(self) -> bool:
        """Return whether the password is another one than was last sent."""
        return self._issuer.is_changed()

    def try_again(self) -> None:
        """Try a rejected password, and rejected tokens, once more."""
        self._issuer.try_again()
        for auth in self._auths.values():
            auth.try_again()

    async def aclose(self) -> None:
        """Cancel running logins."""
        await self._issuer.aclose()
        await self._forget(set(self._auths))

    async def _forget(self, keys: set[ProjectKey]) -> None:
        forgotten = [self._auths.pop(key) for key in keys]
        for auth in forgotten:
            await auth.aclose()

    def _new_auth(self, project: Project | None) -> TokenAuth:
        if project is None:
            return TokenAuth(self._issuer, None, "", lambda _: None)
        return TokenAuth(
            self._issuer,
            project.project_id,
            project.name,
            partial(self._expiry_changed, project.name),
        )


class KeyCredential:
    """An access key, which signs the requests of every project."""

    user_id: Final = ""

    def __init__(
        self, keys: AccessKeys, clock: Clock, expiry_changed: ExpiryChanged
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._expiry_changed = expiry_changed

    def auth_for(self, project: Project | None) -> httpx.Auth:
        """Return the signature of the project's or account's requests."""
        if project is None:
            return SignatureAuth(self._keys, None, self._clock, lambda _: None)
        expiry_changed = partial(self._expiry_changed, project.name)
        return SignatureAuth(
            self._keys, project.project_id, self._clock, expiry_changed
        )

    async def retain(self, projects: Iterable[Project]) -> None:
        """Do nothing: nothing is kept for a project."""

    async def is_changed(self) -> bool:
        """Return whether the key is another one than was last sent."""
        return await self._keys.is_changed()

    def try_again(self) -> None:
        """Try a rejected key once more."""
        self._keys.try_again()

    async def aclose(self) -> None:
        """Cancel a running renewal, and close connections."""
        await self._keys.source.aclose()
