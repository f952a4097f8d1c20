"""A secret, from the configuration or a file, that is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from ..errors import SecretError
from .file_version import FileVersion, file_version
from .files import read_file


_SHOWN: Final = "<secret>"


class Secret:
    """
    A text that only `reveal` returns.

    It is in the configuration, or in a file that is read again when it changes, so that a
    rotated secret needs no reload.
    """

    __slots__ = ("_path", "_text", "_version")

    def __init__(self, text: str = "", path: Path | None = None) -> None:
        self._text = text
        self._path = path
        self._version: FileVersion | None = None

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Return the secret in the file `path`, without its final line break."""
        return cls(path=path)

    def reveal(self) -> str:
        """
        Return the current text.

        Raises `SecretError` if its file cannot be read or is empty.
        """
        if self._path is not None:
            self._read(self._path)
        return self._text

    def _read(self, path: Path) -> None:
        try:
            version = file_version(path)
            if version != self._version:
                self._text = read_file(path).decode().rstrip("\r\n")
                self._version = version
        except OSError as error:
            raise SecretError(path, error.strerror or "cannot be read") from error
        except UnicodeDecodeError:
            # Not chained: the decoding error contains the file's bytes.
            raise SecretError(path, "not UTF-8 text") from None
        if not self._text:
            raise SecretError(path, "empty")

    def __repr__(self) -> str:
        return _SHOWN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return (self._path, self._path or self._text) == (
            other._path,
            other._path or other._text,
        )

    def __hash__(self) -> int:
        return hash((self._path, self._path or self._text))
