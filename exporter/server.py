"""Serves an ASGI application on a socket, and waits for the signal that ends it."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
import ssl

from collections.abc import AsyncIterator, Callable, Generator
from functools import partial
from typing import Final

import uvicorn

from starlette.types import ASGIApp

from .connections import HEAD_SECONDS, Connections, LimitedConnection
from .errors import ExporterError
from .webconfig import CurrentWebConfiguration


_KEEP_ALIVE_SECONDS: Final = 300
_GRACE_SECONDS: Final = 4


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
        # What the socket module adds in brackets repeats the address.
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
        limits: Connections,
        context: ssl.SSLContext | None,
    ) -> None:
        super().__init__(config)
        self._limits = limits
        self._context = context

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone: uvicorn would send them on to us when it has ended."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, as uvicorn does, but with a limit on how long a handshake may take."""
        loop = asyncio.get_running_loop()
        timeout = HEAD_SECONDS if self._context is not None else None
        self.servers = [
            await loop.create_server(
                partial(
                    LimitedConnection,
                    self._limits,
                    self.config,
                    self.server_state,
                    {},
                    loop,
                ),
                sock=listener,
                ssl=self._context,
                ssl_handshake_timeout=timeout,
                backlog=self.config.backlog,
            )
            for listener in sockets or []
        ]
        self.started = True


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp,
    listener: socket.socket,
    web: CurrentWebConfiguration | None = None,
) -> AsyncIterator[None]:
    """
    Serve `app` for the length of an `async with` block, over TLS if `web` says so.

    At its end requests in flight are still answered, for at most four seconds.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    limits = Connections() if web is None else Connections(lambda: web.allowed_sans)
    server = _Server(config, limits, web.context if web else None)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def allow_many_connections() -> None:
    """Raise the soft limit of open files to the hard one, as Go programs do."""
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def ending_signal(on_hangup: Callable[[], None] | None = None) -> None:
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
