"""Serves a simulated cloud on a socket, in the running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .app import create_app
from .cloud import SimulatedCloud


_GRACE_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The simulator's certificate, and the CA of its clients' certificates."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None


class _Protocol(HttpToolsProtocol):
    """Lets the application break the connection, for faults."""

    def on_message_begin(self) -> None:
        """Add `abort` to the request's scope."""
        super().on_message_begin()
        self.scope["abort"] = self.transport.abort  # type: ignore[typeddict-unknown-key]


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Do nothing: the program that runs the simulator handles signals."""
        yield

    async def main_loop(self) -> None:
        """Wait for `stop`; uvicorn would look ten times a second."""
        await self.on_tick(0)
        await self._stopping.wait()

    def stop(self) -> None:
        """End `serve`."""
        self._stopping.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish running requests for a second, then cancel the rest."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = list(self.server_state.tasks)
        if tasks:
            _, hanging = await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
            for task in hanging:
                task.cancel()


@contextlib.asynccontextmanager
async def serve(
    cloud: SimulatedCloud,
    listener: socket.socket | None = None,
    certificate: ServerCertificate | None = None,
) -> AsyncIterator[str]:
    """
    Serve `cloud` for the length of an `async with` block, and yield its URL.

    Without a `listener` it listens on a free port of the loopback interface.
    """
    listener = listener or socket.create_server(("127.0.0.1", 0))
    host, port = listener.getsockname()[:2]
    # Inherited by what is accepted. Without it a body, written after its headers, waits
    # for the client's delayed acknowledgment; asyncio leaves these sockets out.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = _Server(_config(cloud, certificate))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        scheme = "https" if certificate else "http"
        yield f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        server.stop()
        await task
        listener.close()


def _config(
    cloud: SimulatedCloud, certificate: ServerCertificate | None
) -> uvicorn.Config:
    config = uvicorn.Config(
        create_app(cloud),
        http=_Protocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        timeout_keep_alive=300,
    )
    if certificate is not None:
        config.ssl_certfile = str(certificate.cert_file)
        config.ssl_keyfile = str(certificate.key_file)
        if certificate.client_ca_file is not None:
            config.ssl_ca_certs = str(certificate.client_ca_file)
            config.ssl_cert_reqs = ssl.CERT_REQUIRED
    return config
