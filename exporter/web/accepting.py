"""
Accepts connections, and shakes hands where TLS is spoken.

asyncio's own servers accept thousands at once, tell nobody of a connection before its
handshake is over, and log a traceback each time when file descriptors run out.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl

from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from typing import Final

from .connection_limiter import ConnectionLimiter
from .connections import READ_SECONDS, LimitedConnection
from .log_limit import LimitedWarning


HANDSHAKE_SECONDS: Final = 5

_RETRY_SECONDS: Final = 0.1
_BACKLOG: Final = 1024


class Accepting:
    """Accepts the connections of one socket, one in each round of the event loop."""

    def __init__(
        self,
        listener: socket.socket,
        limits: ConnectionLimiter,
        new_connection: Callable[[], LimitedConnection],
        context: ssl.SSLContext | None,
    ) -> None:
        self._listener = listener
        self._limits = limits
        self._new_connection = new_connection
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._failed = LimitedWarning("cannot accept a connection")
        listener.setblocking(False)
        listener.listen(_BACKLOG)
        self._start()

    def close(self) -> None:
        """Accept no more; connections that were accepted stay."""
        self._stop()
        if self._retry is not None:
            self._retry.cancel()
        for task in self._starting:
            task.cancel()

    def _start(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _stop(self) -> None:
        self._loop.remove_reader(self._listener)

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            # No file descriptors, mostly: an idle connection has one.
            self._failed.warn(problem=os.strerror(error.errno or 0))
            self._limits.drop_oldest()
            self._stop()
            self._retry = self._loop.call_later(_RETRY_SECONDS, self._start)
            return
        task = self._loop.create_task(self._begin(accepted))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _begin(self, accepted: socket.socket) -> None:
        try:
            accepted.setblocking(False)
            await self._loop.connect_accepted_socket(self._protocol, accepted)
        except OSError as error:
            # A TLS context that cannot be made, or a client that is gone already.
            accepted.close()
            self._failed.warn(problem=error.strerror or type(error).__name__)
        except BaseException:
            accepted.close()
            raise

    def _protocol(self) -> asyncio.BaseProtocol:
        connection = self._new_connection()
        if self._context is None:
            return connection
        return _TlsConnection(self._loop, self._limits, connection, self._context)


class _TlsConnection(SSLProtocol):
    """asyncio's TLS, but a connection is counted before its handshake."""

    # asyncio keeps a buffer of 256 kB for each connection.
    max_size = 32 * 1024

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: ConnectionLimiter,
        connection: LimitedConnection,
        context: ssl.SSLContext,
    ) -> None:
        super().__init__(
            loop,
            connection,
            context,
            None,  # type: ignore[arg-type] # nobody waits for the handshake
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=READ_SECONDS,
        )
        self._limits = limits
        self._connection = connection
        self._is_lower_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and shake hands."""
        super().connection_made(transport)
        if isinstance(transport, asyncio.Transport):
            self._connection.accepted(transport, shakes_hands=True)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget a connection, also one that HTTP has not begun on."""
        super().connection_lost(exc)
        self._limits.closed(self._connection)

    def pause_writing(self) -> None:
        """Tell HTTP, too: asyncio only does so after another half a megabyte."""
        self._is_lower_paused = True
        super().pause_writing()
        self._tell()

    def resume_writing(self) -> None:
        """Send what was held back, and tell HTTP if that was all."""
        self._is_lower_paused = False
        super().resume_writing()
        self._tell()

    def _tell(self) -> None:
        if self._is_lower_paused:
            self._connection.pause_writing()
        else:
            self._connection.resume_writing()
