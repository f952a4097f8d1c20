"""
Remembers the projects to which IAM rejects logins although it accepts the password.

The user has no role there. IAM answers as for a wrong password, and may count it as one:
without this, every scrape would log in again and bring the account closer to its lock.
"""

from __future__ import annotations

import asyncio

from dataclasses import dataclass, field
from typing import Final

from ...errors import Failure, Reason


_REST_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class _Rejection:
    password: str = field(repr=False)
    until: float


class RejectedScopes:
    """The scopes of rejected logins: IDs of projects, or None for the account."""

    def __init__(self) -> None:
        self._accepted: str | None = None
        self._rejections: dict[str | None, _Rejection] = {}

    def accepted(self, scope: str | None, password: str) -> None:
        """Record a login."""
        self._accepted = password
        self._rejections.pop(scope, None)

    def rejected(self, scope: str | None, password: str) -> None:
        """Record a rejected login; it may be the scope's fault or the password's."""
        self._rejections[scope] = _Rejection(password, _now() + _REST_SECONDS)

    def failure(self, scope: str | None, password: str) -> Failure | None:
        """Return why not to log in to `scope` now; None if it may be tried."""
        rejection = self._rejections.get(scope)
        if rejection is None or not password == self._accepted == rejection.password:
            return None
        left = rejection.until - _now()
        if left <= 0:
            return None
        return Failure(
            reason=Reason.PERMISSION,
            problem="IAM rejects the login, though it accepts the password for others",
            consequence=f"not sent again for {left:.0f} s",
            advice="grant the exporter's user a role in the project, or check project_id",
        )

    def forget(self, scope: str | None) -> None:
        """Forget the rejection of a scope that is no longer used."""
        self._rejections.pop(scope, None)

    def try_again(self) -> None:
        """Forget all rejections: they may have been corrected."""
        self._rejections.clear()


def _now() -> float:
    return asyncio.get_running_loop().time()
