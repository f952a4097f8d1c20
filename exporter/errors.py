"""
Errors, as values with messages for the user.

ExporterError
├── ConfigurationError   the configuration cannot be used
├── SecretError          a secret's file cannot be read
└── CollectionError      the jobs of one project and kind could not be listed
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path


class ExporterError(Exception):
    """The base class of the exporter's own errors."""


@dataclass(frozen=True, slots=True, order=True)
class FileError:
    """
    One error in a configuration file, or a warning.

    `line` counts from 1, and is 0 if the error has no line. `path` is the key's path, such
    as `projects[2].cloud`, and is empty for errors of the file as a whole.
    """

    line: int
    path: str
    message: str

    def text(self, file: str, severity: str = "") -> str:
        """Return one line: file, line number, severity, path, message."""
        place = f"{file}:{self.line}" if self.line else file
        parts = (place, severity, self.path, self.message)
        return ": ".join(part for part in parts if part)


class ConfigurationError(ExporterError):
    """The configuration cannot be used; `errors` is never empty."""

    def __init__(self, file: str, errors: tuple[FileError, ...]) -> None:
        self.file = file
        self.errors = errors
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """Return a line for each error: file, line number, path, message."""
        return [error.text(self.file) for error in self.errors]


class SecretError(ExporterError):
    """A secret's file cannot be read or is empty; `problem` says which."""

    def __init__(self, path: Path, problem: str) -> None:
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class Reason(StrEnum):
    """Why a collection failed: the label `reason`."""

    TIMEOUT = "timeout"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    THROTTLED = "throttled"
    API = "api"
    NETWORK = "network"
    RESPONSE = "response"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """
    Why the jobs of one project and kind could not be listed.

    `problem` says what happened, and `advice` what the user can do about it. `operation`,
    `method` and `path` are of the request that failed, if it was a request; `status`,
    `error_code` and `request_id` from the API's response, if any. The response's message is
    omitted because gateways quote signed headers in theirs. `not_offered` means that the
    cloud does not have the API, `not_permitted` that the credential lacks a permission. `consequence` is what the exporter does about it, if
    anything. `transient` means that a retry may succeed, after
    `retry_after` seconds if the API says so.
    """

    reason: Reason
    problem: str
    advice: str
    consequence: str = ""
    operation: str | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None
    error_code: str | None = None
    request_id: str | None = None
    not_offered: bool = False
    not_permitted: bool = False
    transient: bool = False
    retry_after: float | None = None

    @property
    def explanation(self) -> str:
        """The problem, and its consequence in parentheses."""
        return self.problem + (f" ({self.consequence})" if self.consequence else "")

    def followed_by(self, consequence: str) -> Failure:
        """Return this failure with a consequence."""
        return replace(self, consequence=consequence)

    @property
    def request(self) -> str:
        """The request that failed, as a line for users and the cloud's support."""
        if self.method is None or self.path is None:
            return ""
        found = f"{self.method} {self.path} ({self.operation})"
        return f"{found}, request ID {self.request_id}" if self.request_id else found


class CollectionError(ExporterError):
    """The jobs of one project and kind could not be listed: `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{failure.explanation}; {failure.advice}")
