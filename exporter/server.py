"""Serves an ASGI application on a socket, and waits for the signal that ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket

from collections.abc import AsyncIterator, Callable, Generator
from typing import Final

import uvicorn

from starlette.types import ASGIApp

from .errors import ExporterError


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


def url_of(listener: socket.socket) -> str:
    """Return a URL that reaches `listener` from this machine."""
    host, port = listener.getsockname()[:2]
    if host in {"::", "0.0.0.0"}:  # noqa: S104 - compared, not listened on
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone: uvicorn would send them on to us when it has ended."""
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """
    Serve `app` for the length of an `async with` block.

    At its end requests in flight are still answered, for at most four seconds.
    """
    server = _Server(
        uvicorn.Config(
            app,
            http="httptools",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


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
