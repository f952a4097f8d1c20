"""The current web configuration: reloaded whenever its file changes."""

from __future__ import annotations

import ssl

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from ...config.file_version import FileVersion, file_version
from ...errors import ConfigurationError, FileError
from .model import ClientAuth, ServerTls, WebConfiguration
from .reading import load_web_configuration, unexpected
from .tls import CurrentContext, Pair, files_of, read_pair, server_context


log: Final = structlog.get_logger(__name__)

_FileVersions: TypeAlias = tuple[FileVersion | None, ...]


class CurrentWebConfiguration:
    """
    The current contents of a web configuration file.

    Raises `ConfigurationError` if the file has errors at the start.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._version = _versions([Path(file)])
        configuration = load_web_configuration(file)
        self._found: WebConfiguration | ConfigurationError = configuration
        self._has_users = bool(configuration.users)
        self._tls = configuration.tls
        self._tls_versions: _FileVersions | None = self._tls_file_versions()
        self._pair: Pair | None = None
        self._context: ssl.SSLContext | None = None
        self._client_ca_error: ConfigurationError | None = None
        if self._tls is not None:
            try:
                self._pair = read_pair(self._tls)
                self._context = server_context(self._tls, self._pair)
            except Exception as error:
                raise unexpected(file, error) from error
        self._warn(configuration)

    @property
    def has_tls(self) -> bool:
        """Whether the listener uses TLS; a change needs a restart."""
        return self._tls is not None

    @property
    def context(self) -> ssl.SSLContext | None:
        """The listener's TLS context, which follows changes of the files."""
        return CurrentContext.of(self._current_context) if self.has_tls else None

    @property
    def allowed_sans(self) -> tuple[str, ...]:
        """Names, one of which a client's certificate must have; empty allows any."""
        return self._tls.client_allowed_sans if self._tls else ()

    def now(self) -> WebConfiguration:
        """
        Return the current contents of the file.

        Raises `ConfigurationError` if they have errors or cannot be applied. All requests
        are then rejected, since it is not known which users are allowed.
        """
        version = _versions([Path(self._file)])
        if version != self._version:
            self._read(version)
        if self._client_ca_error is not None:
            self._renew_context()
        if isinstance(self._found, ConfigurationError):
            raise self._found
        if self._client_ca_error is not None:
            raise self._client_ca_error
        return self._found

    def _read(self, version: _FileVersions) -> None:
        # From here on, an error must not leave the old users and rules in place.
        error = FileError(0, "", "not read yet")
        self._found = ConfigurationError(self._file, (error,))
        self._version = version
        try:
            found = load_web_configuration(self._file)
            self._check_restart(found)
        except ConfigurationError as error:
            self._found = error
            for line in error.lines():
                log.error("web configuration has errors", error=line)  # noqa: TRY400
            return
        if found.tls is not None and found.tls != self._tls:
            self._tls = found.tls
            self._tls_versions = None
        self._has_users = bool(found.users)
        self._found = found
        log.info("web configuration reloaded", file=self._file)
        self._warn(found)

    def _check_restart(self, found: WebConfiguration) -> None:
        if (found.tls is not None) != self.has_tls:
            problem = "adding or removing it needs a restart"
            error = FileError(0, "tls_server_config", problem)
            raise ConfigurationError(self._file, (error,))
        if self._has_users and not found.users:
            # The file may be empty for a moment while it is written.
            problem = "removing all users needs a restart, since it opens the listener to everyone"
            error = FileError(0, "basic_auth_users", problem)
            raise ConfigurationError(self._file, (error,))

    def _warn(self, found: WebConfiguration) -> None:
        if found.warnings:
            for line in ConfigurationError(self._file, found.warnings).lines():
                log.warning("web configuration only partly applied", what=line)

    def _current_context(self) -> ssl.SSLContext:
        with suppress(ConfigurationError):
            # The request itself is answered with an error.
            self.now()
        self._renew_context()
        if self._context is None:
            raise ssl.SSLError("no certificate")
        return self._context

    def _renew_context(self) -> None:
        version = self._tls_file_versions()
        if self._tls is None or version == self._tls_versions:
            return
        self._tls_versions = version
        pair = self._usable_pair(self._tls)
        if pair is None:
            return
        try:
            self._context = server_context(self._tls, pair)
        except Exception as error:  # noqa: BLE001 - any error must reject all requests
            # The old context still serves health endpoints, but nothing else.
            self._client_ca_error = unexpected(self._file, error)
            log.error("client CA not reloaded: access denied", problem=str(error))  # noqa: TRY400
            return
        self._client_ca_error = None
        if pair is not self._pair:
            self._pair = pair
            log.info("certificate reloaded", file=self._file)

    def _usable_pair(self, tls: ServerTls) -> Pair | None:
        try:
            pair = read_pair(tls)
            server_context(replace(tls, client_auth=ClientAuth.NONE), pair)
        except Exception as error:  # noqa: BLE001 - the old pair grants no access
            # Perhaps only half of the new pair is written yet: keep the old one until then.
            log.error("certificate not reloaded", problem=str(error))  # noqa: TRY400
            return self._pair
        return pair

    def _tls_file_versions(self) -> _FileVersions:
        return _versions(files_of(self._tls)) if self._tls is not None else ()


def _versions(files: Iterable[Path]) -> _FileVersions:
    return tuple(_version_if_there(file) for file in files)


def _version_if_there(file: Path) -> FileVersion | None:
    try:
        return file_version(file)
    except OSError:
        return None
