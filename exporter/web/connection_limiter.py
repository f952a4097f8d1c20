"""
Limits on connections: how many there are, and how much they keep in memory.

An exporter is asked by a few scrapers, so that a thousand connections are somebody
else's: the one that has waited longest for its client makes room for a new one.
"""

from __future__ import annotations

import resource

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from .log_limit import LimitedWarning


MOST_CONNECTIONS: Final = 512
MOST_HANDSHAKES: Final = 128
MOST_BUFFERED_BYTES: Final = 64 * 1024 * 1024
"""Of answers that clients have not read yet, and of requests that wait."""

_FEWEST_CONNECTIONS: Final = 4


class Connection(Protocol):
    """What the limits need of a connection."""

    @property
    def buffered_bytes(self) -> int:
        """How much memory waits for the client, or for its turn."""

    def drop(self) -> None:
        """Close it at once, whatever is still to be sent."""


class ConnectionLimiter:
    """
    All connections of a listener.

    A connection *waits* while its client is to do something: shake hands, send a
    request, or read an answer. It *works* while the exporter prepares an answer.
    """

    def __init__(
        self,
        allowed_sans: Callable[[], tuple[str, ...]] = lambda: (),
        limit: int = MOST_CONNECTIONS,
    ) -> None:
        self.allowed_sans = allowed_sans
        self._limit = limit
        self._handshake_limit = max(1, min(MOST_HANDSHAKES, limit // 4))
        self._waiting: dict[Connection, None] = {}
        """In the order in which they began to wait; those that shake hands, too."""
        self._working: dict[Connection, None] = {}
        self._handshaking: dict[Connection, None] = {}
        self._too_many = LimitedWarning("too many connections, the oldest idle closed")
        self._all_work = LimitedWarning("too many connections, a new one refused")
        self._unread = LimitedWarning("too much is not read, the slowest reader closed")

    def __len__(self) -> int:
        """Return how many connections there are."""
        return len(self._waiting) + len(self._working)

    @property
    def handshakes(self) -> int:
        """How many of them shake hands."""
        return len(self._handshaking)

    def opened(self, connection: Connection, *, shakes_hands: bool = False) -> None:
        """
        Count a new connection; the one that has waited longest makes room for it.

        If all others work, the new one is dropped.
        """
        if shakes_hands and len(self._handshaking) >= self._handshake_limit:
            self._too_many.warn(limit=self._handshake_limit)
            self._drop(next(iter(self._handshaking)))
        if len(self) >= self._limit and not self.drop_oldest():
            self._all_work.warn(limit=self._limit)
            connection.drop()
            return
        self._waiting[connection] = None
        if shakes_hands:
            self._handshaking[connection] = None

    def closed(self, connection: Connection) -> None:
        """Forget a connection; it may be forgotten already."""
        for known in (self._waiting, self._working, self._handshaking):
            known.pop(connection, None)

    def waits(self, connection: Connection) -> None:
        """Note that a connection waits for its client from now on."""
        self._move(connection, self._waiting)

    def works(self, connection: Connection) -> None:
        """Note that a connection has a request that is answered."""
        self._move(connection, self._working)

    def drop_oldest(self) -> bool:
        """Drop the connection that has waited longest; tell whether there was one."""
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        self._too_many.warn(limit=self._limit)
        self._drop(oldest)
        return True

    def limit_buffers(self, connection: Connection) -> None:
        """Drop the oldest readers while they and `connection` buffer too much."""
        buffered = sum(one.buffered_bytes for one in self._all())
        for other in [one for one in self._waiting if one is not connection]:
            if buffered <= MOST_BUFFERED_BYTES:
                return
            if other.buffered_bytes:
                buffered -= other.buffered_bytes
                self._unread.warn(limit_bytes=MOST_BUFFERED_BYTES)
                self._drop(other)

    def drop_all(self) -> None:
        """Drop every connection."""
        for connection in list(self._all()):
            self._drop(connection)

    def _all(self) -> Iterable[Connection]:
        yield from self._waiting
        yield from self._working

    def _move(self, connection: Connection, where: dict[Connection, None]) -> None:
        # One that was dropped may still tell what it does before it is closed.
        if connection in self._waiting or connection in self._working:
            self.closed(connection)
            where[connection] = None

    def _drop(self, connection: Connection) -> None:
        # At once, since its transport only tells in the loop's next round.
        self.closed(connection)
        connection.drop()


def connection_limit() -> int:
    """
    Return how many connections this process can serve.

    At most half of its file descriptors: the others are for the cloud's APIs.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(_FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, soft // 2))
