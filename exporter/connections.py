"""
Limits on connections: how many, how large a request's head, how long it may take.

uvicorn has none of these for idle and slow connections. An exporter is asked by a few
scrapers, so that a thousand connections are somebody else's: the oldest one that waits
makes room for a new one.
"""

from __future__ import annotations

import asyncio

from collections.abc import Callable
from typing import Final

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .webconfig import is_allowed


MOST_CONNECTIONS: Final = 512
LARGEST_HEAD: Final = 32 * 1024
"""Bytes of a request line with all headers."""

LARGEST_BODY: Final = 64 * 1024
ANSWER_SECONDS: Final = 600.0
"""How long an answer may take, with a client that reads it slowly or not at all."""

HEAD_SECONDS: Final = 10.0
"""How long a request's head may take, from the connection on or from its first byte."""


class Connections:
    """All connections of a listener, those that wait in the order of their arrival."""

    def __init__(
        self, allowed_sans: Callable[[], tuple[str, ...]] = lambda: ()
    ) -> None:
        self.allowed_sans = allowed_sans
        self._waiting: dict[LimitedConnection, None] = {}
        self._number = 0

    def opened(self, connection: LimitedConnection) -> None:
        """Count a connection, and close the oldest that waits if there are too many."""
        self._number += 1
        self._waiting[connection] = None
        if self._number > MOST_CONNECTIONS:
            next(iter(self._waiting)).transport.abort()

    def closed(self, connection: LimitedConnection) -> None:
        """Forget a connection."""
        self._number -= 1
        self._waiting.pop(connection, None)

    def waits(self, connection: LimitedConnection) -> None:
        """Note that a connection waits for its next request."""
        self._waiting[connection] = None

    def works(self, connection: LimitedConnection) -> None:
        """Note that a connection has a request that is answered."""
        self._waiting.pop(connection, None)


class LimitedConnection(HttpToolsProtocol):
    """One connection of uvicorn's, with limits."""

    def __init__(
        self,
        limits: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._head = 0
        self._body = 0
        self._is_in_head = True
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: the head of the first request is to come soon."""
        super().connection_made(transport)
        self._limits.opened(self)
        sans = self._limits.allowed_sans()
        tls = transport.get_extra_info("ssl_object")
        if sans and (tls is None or not is_allowed(tls.getpeercert, sans)):
            transport.abort()
        self._start_timer(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_timer()
        self._limits.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        if self._is_in_head:
            self._head += len(data)
            if self._timer is None:
                self._start_timer(HEAD_SECONDS)
        super().data_received(data)
        # A body that came with its head does not count as one.
        if self._is_in_head and self._head > LARGEST_HEAD:
            self._refuse(431, "Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        """Answer a request whose head is complete."""
        self._stop_timer()
        self._start_timer(ANSWER_SECONDS)
        self._is_in_head = False
        self._head = self._body = 0
        self._limits.works(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, which no request here needs."""
        self._body += len(body)
        if self._body > LARGEST_BODY:
            self.transport.abort()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Go on with the next request's head."""
        self._is_in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._stop_timer()
        self._limits.waits(self)
        super().on_response_complete()

    def _refuse(self, status: int, words: str) -> None:
        answer = f"HTTP/1.1 {status} {words}\r\nConnection: close\r\nContent-Length: 0"
        self.transport.write(f"{answer}\r\n\r\n".encode())
        self.transport.close()

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
