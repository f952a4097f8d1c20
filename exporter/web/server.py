"""Serves an ASGI application on a socket until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import ssl
import sys
import threading

from collections.abc import AsyncIterator, Callable, Generator
from functools import partial
from typing import Final

import uvicorn

from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import ExporterError
from ..metrics.telemetry import Telemetry
from .accepting import Acceptor
from .config import CurrentWebConfiguration
from .connection_limiter import ConnectionLimiter, connection_limit
from .connections import LimitedConnection, ParseQueue
from .invalid_requests import InvalidRequests


_KEEP_ALIVE_SECONDS: Final = 300
_GRACE_SECONDS: Final = 3.7
_LEAVING_SECONDS: Final = 0.2
_EXIT_SECONDS: Final = 4.3
_POLL_SECONDS: Final = 0.02
_DATE_SECONDS: Final = 1.0


class ListenError(ExporterError):
    """An address cannot be listened on."""


def listen(address: str) -> socket.socket:
    """
    Return a socket that listens on `host:port` or, on all addresses, `:port`.

    Raises `ListenError`.
    """
    host, separator, port_text = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not port_text.isdecimal():
        raise ListenError(f"{address}: not an address; write host:port or :port")
    try:
        if host:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, int(port_text)), family=family)
        return _listen_everywhere(int(port_text))
    except (OSError, OverflowError) as error:
        # The socket module repeats the address in brackets.
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (")[0]
        raise ListenError(f"{address}: cannot listen there: {reason}") from error


def _listen_everywhere(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", port), family=socket.AF_INET6, dualstack_ipv6=True
        )
    return socket.create_server(("", port))


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """Return a URL that reaches `listener` from this machine."""
    host, port = listener.getsockname()[:2]
    if host in {"::", "0.0.0.0"}:  # noqa: S104 - compared, not listened on
        host = "localhost"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        limiter: ConnectionLimiter,
        invalid: InvalidRequests,
        context: ssl.SSLContext | None,
    ) -> None:
        super().__init__(config)
        self._limiter = limiter
        self._invalid = invalid
        self._context = context
        self._acceptors: list[Acceptor] = []
        self._stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Do nothing: uvicorn would raise the signals again after its shutdown."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen like uvicorn, but with limits from the first byte on."""
        new_connection = partial(
            LimitedConnection,
            self._limiter,
            ParseQueue(),
            self._invalid,
            self.config,
            self.server_state,
        )
        self._acceptors = [
            Acceptor(listener, self._limiter, new_connection, self._context)
            for listener in sockets or []
        ]
        self.started = True

    async def main_loop(self) -> None:
        """Renew the header `Date` every second until `stop` is called."""
        while not self._stopping.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _DATE_SECONDS)

    def stop(self) -> None:
        """End `serve`."""
        self._stopping.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish running requests for some seconds, then cancel the rest."""
        for acceptor in self._acceptors:
            acceptor.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._finished(_GRACE_SECONDS)
        self._limiter.drop_all()
        # Requests end when their client disconnects, unless they hang.
        await self._finished(_LEAVING_SECONDS)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LEAVING_SECONDS)

    async def _finished(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                # uvicorn signals the end of neither.
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)


class _QuietlyCanceled:
    """An ASGI application whose requests may be canceled at shutdown."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; uvicorn would log its cancellation as an error."""
        # Only `_Server.shutdown` cancels a request, after its client has left.
        with contextlib.suppress(asyncio.CancelledError):
            await self._app(scope, receive, send)


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp,
    listener: socket.socket,
    web: CurrentWebConfiguration | None = None,
    telemetry: Telemetry | None = None,
) -> AsyncIterator[None]:
    """
    Serve `app` for the length of an `async with` block, over TLS if `web` says so.

    At its end, running requests are still answered, for almost four seconds.
    `telemetry` counts invalid requests.
    """
    config = uvicorn.Config(
        _QuietlyCanceled(app),
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    limiter = ConnectionLimiter(
        (lambda: web.allowed_sans) if web is not None else tuple, connection_limit()
    )
    invalid = InvalidRequests(telemetry.invalid_request if telemetry else None)
    server = _Server(config, limiter, invalid, web.context if web else None)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.stop()
        await task


def raise_open_files_limit() -> None:
    """Raise the soft limit on open files to the hard limit, as Go programs do."""
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def exit_in_time() -> None:
    """
    Exit with status 0 within five seconds, even if threads still run.

    A thread that checks a password or resolves a name cannot be stopped, and Python
    waits for threads at exit.
    """
    timer = threading.Timer(_EXIT_SECONDS, _exit)
    timer.daemon = True
    timer.start()


def _exit() -> None:
    sys.stderr.flush()
    os._exit(0)


async def wait_for_signal(on_hangup: Callable[[], None] | None = None) -> None:
    """Wait for SIGTERM or SIGINT; call `on_hangup` at every SIGHUP until then."""
    received = asyncio.Event()
    actions = {signal.SIGTERM: received.set, signal.SIGINT: received.set}
    if on_hangup is not None:
        actions[signal.SIGHUP] = on_hangup
    loop = asyncio.get_running_loop()
    for number, action in actions.items():
        loop.add_signal_handler(number, action)
    try:
        await received.wait()
    finally:
        for number in actions:
            loop.remove_signal_handler(number)
