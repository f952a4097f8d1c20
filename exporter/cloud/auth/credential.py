"""The credential of a cloud, which authenticates the requests of all its projects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol, TypeAlias

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


def project_key(project: Project) -> ProjectKey:
    """Return what identifies `project` across reloads of the configuration."""
    return project.name, project.project_id


class Credential(Protocol):
    """A cloud's credential, whatever its kind."""

    def auth_for(self, project: Project) -> httpx.Auth:
        """Return the authentication of requests for `project`."""

    async def retain(self, projects: Iterable[Project]) -> None:
        """Forget what is kept for all projects but these."""

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
            issuer = TokenIssuer(cloud.auth, cloud.iam_url, client, clock)
            return TokenCredential(issuer, expiry_changed)
        case AccessKeyAuth():
            keys = AccessKeys(ConfiguredKeys(cloud.auth))
            return KeyCredential(keys, clock, expiry_changed)
        case EcsAgencyAuth(metadata_url=url):
            keys = AccessKeys(AgencyKeys(url, clock))
            return KeyCredential(keys, clock, expiry_changed)


class TokenCredential:
    """A user's password, with a token for each project."""

    def __init__(self, issuer: TokenIssuer, expiry_changed: ExpiryChanged) -> None:
        self._issuer = issuer
        self._expiry_changed = expiry_changed
        self._auths: dict[ProjectKey, TokenAuth] = {}

    def auth_for(self, project: Project) -> httpx.Auth:
        """Return the project's token, which its requests share."""
        key = project_key(project)
        auth = self._auths.get(key)
        if auth is None:
            auth = self._auths[key] = TokenAuth(
                self._issuer,
                project.project_id,
                project.name,
                partial(self._expiry_changed, project.name),
            )
        return auth

    async def retain(self, projects: Iterable[Project]) -> None:
        """Forget the tokens of all projects but these; cancel their logins."""
        kept = {project_key(project) for project in projects}
        forgotten = [self._auths.pop(key) for key in self._auths.keys() - kept]
        for auth in forgotten:
            await auth.aclose()

    def try_again(self) -> None:
        """Try a rejected password, and rejected tokens, once more."""
        self._issuer.try_again()
        for auth in self._auths.values():
            auth.try_again()

    async def aclose(self) -> None:
        """Cancel running logins."""
        await self.retain(())


class KeyCredential:
    """An access key, which signs the requests of every project."""

    def __init__(
        self, keys: AccessKeys, clock: Clock, expiry_changed: ExpiryChanged
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._expiry_changed = expiry_changed

    def auth_for(self, project: Project) -> httpx.Auth:
        """Return the signature of the project's requests."""
        expiry_changed = partial(self._expiry_changed, project.name)
        return SignatureAuth(
            self._keys, project.project_id, self._clock, expiry_changed
        )

    async def retain(self, projects: Iterable[Project]) -> None:
        """Do nothing: nothing is kept for a project."""

    def try_again(self) -> None:
        """Try a rejected key once more."""
        self._keys.try_again()

    async def aclose(self) -> None:
        """Cancel a running renewal, and close connections."""
        await self._keys.source.aclose()
