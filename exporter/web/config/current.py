"""A web configuration as its file is now: read again whenever that changes."""

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
    What a web configuration file says, from request to request.

    Raises `ConfigurationError` when it is made of a file with errors.
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
        """Whether the listener speaks TLS; that cannot change without a restart."""
        return self._tls is not None

    @property
    def context(self) -> ssl.SSLContext | None:
        """The listener's TLS context: it stands for the files as they are later."""
        return CurrentContext.of(self._current_context) if self.has_tls else None

    @property
    def allowed_sans(self) -> tuple[str, ...]:
        """The names, one of which a client's certificate must have; none: any."""
        return self._tls.client_allowed_sans if self._tls else ()

    def now(self) -> WebConfiguration:
        """
        Return what the file says now.

        Raises `ConfigurationError` if that has errors, or cannot be applied: then
        nobody is served, since who may be is not known.
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
        # Whatever goes wrong from here on, nobody is served as the old file says.
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
        log.info("web configuration read again", file=self._file)
        self._warn(found)

    def _check_restart(self, found: WebConfiguration) -> None:
        if (found.tls is not None) != self.has_tls:
            problem = "adding or removing it needs a restart"
            error = FileError(0, "tls_server_config", problem)
            raise ConfigurationError(self._file, (error,))
        if self._has_users and not found.users:
            # Perhaps the file is just being written, and empty for a moment.
            problem = "removing all users needs a restart: then everybody may ask"
            error = FileError(0, "basic_auth_users", problem)
            raise ConfigurationError(self._file, (error,))

    def _warn(self, found: WebConfiguration) -> None:
        if found.warnings:
            for line in ConfigurationError(self._file, found.warnings).lines():
                log.warning("web configuration is not followed in full", what=line)

    def _current_context(self) -> ssl.SSLContext:
        with suppress(ConfigurationError):
            # The request that follows is answered with an error.
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
        except Exception as error:  # noqa: BLE001 - whatever it is, it must close
            # The old context is good enough for health, and for nothing else.
            self._client_ca_error = unexpected(self._file, error)
            log.error("client CA not read again: nobody is served", problem=str(error))  # noqa: TRY400
            return
        self._client_ca_error = None
        if pair is not self._pair:
            self._pair = pair
            log.info("certificate read again", file=self._file)

    def _usable_pair(self, tls: ServerTls) -> Pair | None:
        try:
            pair = read_pair(tls)
            server_context(replace(tls, client_auth=ClientAuth.NONE), pair)
        except Exception as error:  # noqa: BLE001 - the old pair opens nothing
            # Half of a new pair, perhaps: the old one is good until the rest comes.
            log.error("certificate not read again", problem=str(error))  # noqa: TRY400
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
