"""
Bodies of logins.

Source: IAM API reference, "Obtaining a User Token Through Password Authentication".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec


class _Domain(msgspec.Struct):
    id: str = ""
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


class _Project(msgspec.Struct):
    id: str = ""
    name: str = ""


class _Scope(msgspec.Struct):
    project: _Project | None = None
    domain: _Domain | None = None


class _Auth(msgspec.Struct):
    identity: _Identity
    scope: _Scope = msgspec.field(default_factory=_Scope)


class _Body(msgspec.Struct):
    auth: _Auth


_decoder: Final = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class Login:
    """
    A login: who, and the scope of the token that is wanted.

    Of the scope, ID and name of a project or of an account are given, or nothing.
    """

    user: str
    password: str
    domain: str
    project: tuple[str, str] | None
    account: tuple[str, str] | None

    @classmethod
    def read(cls, body: bytes) -> Login:
        """Parse a body. Raises `msgspec.DecodeError`."""
        auth = _decoder.decode(body).auth
        user, project, domain = (
            auth.identity.password.user,
            auth.scope.project,
            auth.scope.domain,
        )
        return cls(
            user.name,
            user.password,
            user.domain.name,
            None if project is None else (project.id, project.name),
            None if domain is None else (domain.id, domain.name),
        )
