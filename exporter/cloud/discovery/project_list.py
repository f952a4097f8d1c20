"""
Asks IAM for the projects that a cloud's credential can read.

Sources: IAM API reference, "Querying the List of Projects Accessible to Users",
"Querying a User Project List" and "Querying Project Information Based on the Specified
Criteria". All answer with the projects of all regions, at once: without `page` and
`per_page` nothing is cut off. Their links are not followed; they may name other hosts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import httpx

from ...config import AccessKeyAuth, Auth, EcsAgencyAuth, PasswordAuth
from ...deadline import Deadline
from ...errors import CollectionError, Failure, Reason
from ..call import Call
from ..client import CloudClient
from ..decoding import JsonError
from ..session import unexpected
from .project_rows import (
    AUTH_PROJECTS_OPERATION,
    AUTH_PROJECTS_PATH,
    LIST_ACTION,
    MAX_BODY_BYTES,
    ListedProject,
    read_rows,
)
from .row_values import to_id


_NOT_OFFERED: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}


class ListOperation(StrEnum):
    """The calls that list projects, in the order in which they are tried."""

    AUTH_PROJECTS = AUTH_PROJECTS_OPERATION
    """The credential's own projects: needs no permission. For agencies undocumented."""

    USER_PROJECTS = "user_projects"
    """The user's own projects: needs a login, and no permission."""

    PROJECTS = "projects"
    """All of the account's projects, with a role in them or not: needs a permission."""


@dataclass(frozen=True, slots=True)
class ProjectList:
    """The projects of all regions, by name, and the call that listed them."""

    projects: tuple[ListedProject, ...]
    operation: ListOperation


class ProjectLister:
    """Lists the projects of one cloud's credential, and remembers which call works."""

    def __init__(self, client: CloudClient) -> None:
        self._client = client
        self._working: ListOperation | None = None

    async def list_projects(
        self, deadline: Deadline, names: Sequence[str] = ()
    ) -> ProjectList:
        """
        Return the projects that the credential can read.

        Where no list is allowed, only the projects of these `names` are asked for, one by
        one. Raises `CollectionError`.
        """
        failures: list[Failure] = []
        for operation in self._operations():
            try:
                rows = await self._ask(operation, deadline)
            except CollectionError as error:
                if not _is_refused(error.failure):
                    raise
                failures.append(error.failure)
                continue
            if rows or not self._may_hide_projects(operation):
                self._working = operation
                return ProjectList(rows, operation)
        self._working = None
        refusal = _refusal(failures, self._client.cloud.auth)
        if not names or refusal.reason is not Reason.PERMISSION:
            raise CollectionError(refusal)
        return await self._find(names, deadline, refusal)

    def _operations(self) -> Iterator[ListOperation]:
        if self._working is not None:
            yield self._working
        for operation in ListOperation:
            # The user's ID is known once the first call has logged in.
            is_possible = operation is not ListOperation.USER_PROJECTS or (
                to_id(self._client.user_id) is not None
            )
            if is_possible and operation is not self._working:
                yield operation

    async def _find(
        self, names: Sequence[str], deadline: Deadline, refusal: Failure
    ) -> ProjectList:
        found: set[ListedProject] = set()
        for name in names:
            try:
                rows = await self._ask(ListOperation.PROJECTS, deadline, name)
            except CollectionError as error:
                if _is_refused(error.failure):
                    raise CollectionError(refusal) from None
                raise
            found.update(row for row in rows if row.name == name)
        return ProjectList(tuple(sorted(found)), ListOperation.PROJECTS)

    async def _ask(
        self, operation: ListOperation, deadline: Deadline, name: str = ""
    ) -> tuple[ListedProject, ...]:
        url = httpx.URL(f"{self._client.cloud.iam_url}{self._path(operation)}")
        call = Call(
            api=operation,
            url=url.copy_with(params={"name": name}) if name else url,
            expected="a list of projects",
            action=LIST_ACTION,
            max_bytes=MAX_BODY_BYTES,
        )
        response = await self._client.ask(None, call, deadline)
        try:
            return read_rows(response.content)
        except JsonError as error:
            failure = unexpected(call, response, str(error)).failure
        advice = "check the cloud's iam_url, or the proxy between here and there"
        raise CollectionError(replace(failure, advice=advice))

    def _path(self, operation: ListOperation) -> str:
        match operation:
            case ListOperation.AUTH_PROJECTS:
                return AUTH_PROJECTS_PATH
            case ListOperation.USER_PROJECTS:
                return f"/v3/users/{self._client.user_id}/projects"
            case ListOperation.PROJECTS:
                return "/v3/projects"

    def _may_hide_projects(self, operation: ListOperation) -> bool:
        """Return whether an empty list may mean that the caller is no IAM user."""
        return operation is ListOperation.AUTH_PROJECTS and _is_temporary(
            self._client.cloud.auth
        )


def _is_temporary(auth: Auth) -> bool:
    match auth:
        case PasswordAuth():
            return False
        case AccessKeyAuth(security_token=token):
            return token is not None
        case EcsAgencyAuth():
            return True


def _is_refused(failure: Failure) -> bool:
    """Return whether another call may be allowed instead."""
    return failure.reason is Reason.PERMISSION or failure.status in _NOT_OFFERED


def _refusal(failures: Sequence[Failure], auth: Auth) -> Failure:
    denied = [each for each in failures if each.reason is Reason.PERMISSION]
    failure = (denied or failures)[-1]
    if not denied:
        return failure
    holder = "the agency" if _is_temporary(auth) else "the exporter's user"
    advice = f"list the projects in the configuration, or grant {holder} {LIST_ACTION}"
    return replace(failure, advice=advice)
