"""A web configuration as its file is now: read again whenever that changes."""

from __future__ import annotations

import ssl

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from ..config.stamp import Stamp, stamp_of
from ..errors import ConfigurationError, Mistake
from .model import WebConfiguration
from .reading import load_web_configuration
from .tls import CurrentContext, files_of, server_context


log: Final = structlog.get_logger(__name__)

_Stamps: TypeAlias = tuple[Stamp | None, ...]


class CurrentWebConfiguration:
    """
    What a web configuration file says, from request to request.

    Raises `ConfigurationError` when it is made of a file with mistakes.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._stamp = _stamp([Path(file)])
        self._found: WebConfiguration | ConfigurationError = load_web_configuration(
            file
        )
        self._tls = self._found.tls
        self._tls_stamp: _Stamps | None = self._files_stamp()
        self._context = None if self._tls is None else server_context(self._tls)

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

        Raises `ConfigurationError` if that has mistakes: then nobody is served, since
        who may be is not known.
        """
        stamp = _stamp([Path(self._file)])
        if stamp != self._stamp:
            self._stamp = stamp
            self._read()
        if isinstance(self._found, ConfigurationError):
            raise self._found
        return self._found

    def _read(self) -> None:
        try:
            found = load_web_configuration(self._file)
            self._check_tls(found)
        except ConfigurationError as error:
            self._found = error
            for line in error.lines():
                log.error("web configuration has mistakes", mistake=line)  # noqa: TRY400
            return
        self._found = found
        if found.tls is not None and found.tls != self._tls:
            self._tls = found.tls
            self._tls_stamp = None
        log.info("web configuration read again", file=self._file)

    def _check_tls(self, found: WebConfiguration) -> None:
        if (found.tls is not None) != self.has_tls:
            problem = "adding or removing it needs a restart"
            mistake = Mistake(0, "tls_server_config", problem)
            raise ConfigurationError(self._file, (mistake,))

    def _current_context(self) -> ssl.SSLContext:
        with suppress(ConfigurationError):
            # The request that follows is answered with an error.
            self.now()
        stamp = self._files_stamp()
        if self._tls is not None and stamp != self._tls_stamp:
            self._tls_stamp = stamp
            try:
                self._context = server_context(self._tls)
                log.info("certificate read again", file=self._file)
            except (OSError, ValueError) as error:
                # Half of a new pair, perhaps: the old one is good until the rest comes.
                log.error("certificate not read again", problem=str(error))  # noqa: TRY400
        if self._context is None:
            raise ssl.SSLError("no certificate")
        return self._context

    def _files_stamp(self) -> _Stamps:
        return _stamp(files_of(self._tls)) if self._tls is not None else ()


def _stamp(files: Iterable[Path]) -> _Stamps:
    return tuple(_stamp_if_there(file) for file in files)


def _stamp_if_there(file: Path) -> Stamp | None:
    try:
        return stamp_of(file)
    except OSError:
        return None
