"""
Limits on connections: their number, and the memory that they hold.

An exporter serves a few scrapers, so a thousand connections are not theirs. At the
limit, the connection that has been idle longest is closed in favor of a new one.
"""

from __future__ import annotations

import resource

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from .log_limit import LimitedWarning


MAX_CONNECTIONS: Final = 512
MAX_HANDSHAKES: Final = 128
MAX_BUFFERED_BYTES: Final = 64 * 1024 * 1024
"""Responses that clients have not read yet, plus requests that wait."""

_MIN_CONNECTIONS: Final = 4


class Connection(Protocol):
    """What the limits need of a connection."""

    @property
    def buffered_bytes(self) -> int:
        """Bytes of unread responses and of requests not parsed yet."""

    def drop(self) -> None:
        """Close at once and discard what is still to be sent."""


class ConnectionLimiter:
    """
    All connections of a listener.

    A connection *waits* while it is the client's move: to finish the handshake, send a
    request, or read a response. It *works* while the exporter prepares a response.
    """

    def __init__(
        self,
        allowed_sans: Callable[[], tuple[str, ...]] = lambda: (),
        limit: int = MAX_CONNECTIONS,
    ) -> None:
        self.allowed_sans = allowed_sans
        self._limit = limit
        self._handshake_limit = max(1, min(MAX_HANDSHAKES, limit // 4))
        self._waiting: dict[Connection, None] = {}
        """Longest wait first; includes connections in a handshake."""
        self._working: dict[Connection, None] = {}
        self._handshaking: dict[Connection, None] = {}
        self._too_many = LimitedWarning(
            "too many connections, the longest idle one closed"
        )
        self._all_work = LimitedWarning(
            "too many connections, all busy: new connection rejected"
        )
        self._unread = LimitedWarning(
            "too many unread response bytes, slowest reader closed"
        )

    def __len__(self) -> int:
        """Return the number of connections."""
        return len(self._waiting) + len(self._working)

    @property
    def handshakes(self) -> int:
        """How many connections are in a TLS handshake."""
        return len(self._handshaking)

    def opened(self, connection: Connection, *, is_handshaking: bool = False) -> None:
        """
        Count a new connection; at the limit, the longest idle one is dropped for it.

        If none is idle, the new one is dropped.
        """
        if is_handshaking and len(self._handshaking) >= self._handshake_limit:
            self._too_many.warn(limit=self._handshake_limit)
            self._drop(next(iter(self._handshaking)))
        if len(self) >= self._limit and not self.drop_oldest():
            self._all_work.warn(limit=self._limit)
            connection.drop()
            return
        self._waiting[connection] = None
        if is_handshaking:
            self._handshaking[connection] = None

    def closed(self, connection: Connection) -> None:
        """Forget a connection; does nothing if it is unknown."""
        for known in (self._waiting, self._working, self._handshaking):
            known.pop(connection, None)

    def waits(self, connection: Connection) -> None:
        """Mark a connection as waiting for its client."""
        self._move(connection, self._waiting)

    def works(self, connection: Connection) -> None:
        """Mark a connection as working on a request."""
        self._move(connection, self._working)

    def drop_oldest(self) -> bool:
        """Drop the longest idle connection; return False if there is none."""
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        self._too_many.warn(limit=self._limit)
        self._drop(oldest)
        return True

    def limit_buffers(self, connection: Connection) -> None:
        """Drop the longest waiting readers, except `connection`, until the buffers fit."""
        buffered = sum(each.buffered_bytes for each in self._all())
        for other in [each for each in self._waiting if each is not connection]:
            if buffered <= MAX_BUFFERED_BYTES:
                return
            if other.buffered_bytes:
                buffered -= other.buffered_bytes
                self._unread.warn(limit_bytes=MAX_BUFFERED_BYTES)
                self._drop(other)

    def drop_all(self) -> None:
        """Drop every connection."""
        for connection in list(self._all()):
            self._drop(connection)

    def _all(self) -> Iterable[Connection]:
        yield from self._waiting
        yield from self._working

    def _move(self, connection: Connection, where: dict[Connection, None]) -> None:
        # A dropped connection may still report its state before it is closed.
        if connection in self._waiting or connection in self._working:
            self.closed(connection)
            where[connection] = None

    def _drop(self, connection: Connection) -> None:
        # Now, since the transport reports the loss only in the next loop iteration.
        self.closed(connection)
        connection.drop()


def connection_limit() -> int:
    """
    Return how many connections this process can serve.

    At most half of its file descriptors; the rest are for the cloud's APIs.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(_MIN_CONNECTIONS, min(MAX_CONNECTIONS, soft // 2))
