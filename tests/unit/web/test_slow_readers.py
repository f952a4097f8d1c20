"""Clients that request large answers, and read them slowly or not at all."""

import asyncio
import contextlib
import socket

import pytest

from starlette.responses import Response
from web_files import TLS, Files

from exporter.web import connection_limiter, connections
from exporter.web.config import CurrentWebConfiguration
from exporter.web.server import serving


MEGABYTE = 1024 * 1024
LARGE = 12 * MEGABYTE
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(params=["http", "https"])
async def ask(request, tmp_path):
    """Serve large answers; return a function that connects and sends a request."""
    files = Files(tmp_path)
    web = CurrentWebConfiguration(files.write(TLS if request.param == "https" else ""))
    context = files.context() if web.has_tls else None
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        await stack.enter_async_context(serving(Response(b"x" * LARGE), listener, web))

        async def asked():
            one = socket.socket()
            # Keep little of the answer in the kernel's buffers.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            one.setblocking(False)
            await loop.sock_connect(one, listener.getsockname())
            reader, writer = await asyncio.open_connection(
                sock=one, ssl=context, server_hostname="127.0.0.1" if context else None
            )
            stack.push_async_callback(aborted, writer)
            writer.write(REQUEST)
            await reader.readuntil(b"\r\n\r\n")
            return reader, writer

        yield asked


async def aborted(writer):
    """Close a connection at once."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def is_gone(reader):
    """Return whether an answer ends before it is complete."""
    found = 0
    with contextlib.suppress(ConnectionError):
        while more := await asyncio.wait_for(reader.read(LARGE - found), 20):
            found += len(more)
            if found == LARGE:
                return False
    return True


@pytest.mark.slow
async def test_many_clients_that_do_not_read(ask, monkeypatch):
    """The oldest are closed: the memory for all answers together is limited."""
    monkeypatch.setattr(connection_limiter, "MAX_BUFFERED_BYTES", 2 * LARGE)
    found = [await ask() for _ in range(12)]
    gone = [await is_gone(reader) for reader, _ in found]

    assert gone[:8] == [True] * 8
    assert gone[-1] is False


@pytest.mark.slow
async def test_a_client_that_does_not_read(ask, monkeypatch):
    """The client is disconnected after a timeout; one that reads may stay."""
    monkeypatch.setattr(connections, "READ_SECONDS", 0.5)
    reads, writer = await ask()
    assert not await is_gone(reads)
    never, _ = await ask()
    await asyncio.sleep(1.5)
    assert await is_gone(never)
    writer.write(REQUEST)
    await reads.readuntil(b"\r\n\r\n")
    assert not await is_gone(reads)


@pytest.mark.slow
async def test_the_next_answer_waits_for_the_last_to_be_read(ask):
    """A client that pipelines requests and reads gets the answers in turn."""
    reader, writer = await ask()
    writer.write(REQUEST * 3)
    assert not await is_gone(reader)
    for _ in range(3):
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert not await is_gone(reader)
