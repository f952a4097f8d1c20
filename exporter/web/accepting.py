"""
Accepts connections, with a TLS handshake where TLS is configured.

asyncio's own servers accept thousands at once, report a connection only after its
handshake, and log a traceback each time file descriptors run out.
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


class Acceptor:
    """Accepts the connections of one socket, one per event loop iteration."""

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
        # Inherited by what is accepted. Without it a body, written after its headers,
        # waits for the client's delayed acknowledgment; asyncio leaves these sockets out.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.listen(_BACKLOG)
        self._start()

    def close(self) -> None:
        """Stop accepting; existing connections stay open."""
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
            # Usually out of file descriptors: closing an idle connection frees one.
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
            # The TLS context cannot be built, or the client has left already.
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
    """asyncio's TLS, except that a connection is counted before its handshake."""

    # asyncio's default is a buffer of 256 kB per connection.
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
            None,  # type: ignore[arg-type] # no waiter for the handshake
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=READ_SECONDS,
        )
        self._limits = limits
        self._connection = connection
        self._is_lower_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection and start the handshake."""
        super().connection_made(transport)
        if isinstance(transport, asyncio.Transport):
            self._connection.accepted(transport, is_handshaking=True)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection, even if HTTP has not started on it."""
        super().connection_lost(exc)
        self._limits.closed(self._connection)

    def pause_writing(self) -> None:
        """Pause HTTP at once; asyncio would only do so after another 512 kB."""
        self._is_lower_paused = True
        super().pause_writing()
        self._forward_pause()

    def resume_writing(self) -> None:
        """Send what was held back, and resume HTTP if that was all."""
        self._is_lower_paused = False
        super().resume_writing()
        self._forward_pause()

    def _forward_pause(self) -> None:
        if self._is_lower_paused:
            self._connection.pause_writing()
        else:
            self._connection.resume_writing()
