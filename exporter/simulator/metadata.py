"""
The simulated metadata service of an ECS instance with an agency.

Source: Elastic Cloud Server, "Obtaining ECS Details Using Metadata": a pair of keys is
valid for an hour, and a new pair is offered in its last ten minutes.
"""

from __future__ import annotations

import secrets

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from .access import Access
from .identity import Identity, Key
from .replies import Reply, json_reply


_KEY_SECONDS: Final = 3600.0
_OVERLAP_SECONDS: Final = 600.0


@dataclass(slots=True)
class Metadata:
    """The service's sessions, if the instance has them, and keys."""

    identity: Identity
    sessions: bool = True
    agency: bool = True
    access: Access = field(default_factory=Access)
    """What the agency may do."""

    issued: int = 0
    asked: int = 0
    _session: str = ""
    _key: Key | None = None

    def open_session(self) -> Reply:
        """Answer `PUT /meta-data/latest/api/token`."""
        if not self.sessions:
            return Reply(404, b"")
        self._session = secrets.token_hex(16)
        return Reply(200, self._session.encode())

    def end_session(self) -> None:
        """Make the session invalid, as its expiry does."""
        self._session = "ended"

    def security_key(self, headers: Mapping[str, str]) -> Reply:
        """Answer `GET /openstack/latest/securitykey`."""
        self.asked += 1
        if self.sessions and headers.get("x-metadata-token") != self._session:
            return Reply(401, b"")
        if not self.agency:
            return Reply(404, b"")
        now = self.identity.clock.now()
        key = self._key
        if key is None or (key.expires_at or now) - now < _OVERLAP_SECONDS:
            key = self._key = self._new_key(now)
        expires_at = datetime.fromtimestamp(key.expires_at or now, UTC)
        return json_reply(
            200,
            {
                "credential": {
                    "access": key.access_key,
                    "secret": key.secret_key,
                    "securitytoken": key.security_token,
                    "expires_at": expires_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                }
            },
        )

    def _new_key(self, now: float) -> Key:
        self.issued += 1
        key = Key(
            f"AGENCY{self.issued:04}",
            secrets.token_hex(20),
            secrets.token_hex(40),
            expires_at=now + _KEY_SECONDS,
            access=self.access,
        )
        self.identity.keys.append(key)
        return key
