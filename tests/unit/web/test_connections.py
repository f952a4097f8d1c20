"""Idle, slow and greedy clients do not keep a scraper from its scrape."""

import asyncio
import contextlib
import socket

import pytest

from harness import exporting_from, simulated
from open_connections import opened
from starlette.responses import PlainTextResponse
from web_files import TLS, Files, guarded

from exporter.web import connections
from exporter.web.connection_limiter import MAX_CONNECTIONS
from exporter.web.connections import MAX_HEAD
from exporter.web.server import raise_open_files_limit, serving, url_of


@pytest.mark.slow
@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "],
    ids=["idle", "slow"],
)
async def test_a_thousand_connections_do_not_stop_a_scrape(beginning):
    """The connections that have waited longest are closed for a scraper."""
    raise_open_files_limit()
    async with (
        exporting_from(simulated("a")) as exporter,
        opened(exporter.url, 1000) as found,
    ):
        for _, writer in found:
            writer.write(beginning)
        scrape = await exporter.scrape(5)

        assert scrape.up() == {("a", "training"): 1, ("a", "visualization"): 1}
        # The oldest are closed, those within the limit are not.
        reader, _ = found[0]
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(1), 5) == b""
        assert not found[-1][0].at_eof()
    assert len(found) > MAX_CONNECTIONS


@pytest.mark.slow
async def test_a_thousand_connections_that_never_shake_hands(tmp_path):
    """The same holds for TLS connections before their handshake."""
    raise_open_files_limit()
    async with (
        guarded(Files(tmp_path), TLS) as exporter,
        opened(exporter.url, 1000),
    ):
        assert (await exporter.scrape(5)).up()["a", "training"] == 1


@pytest.mark.slow
async def test_a_slow_head(monkeypatch):
    """A connection whose request does not arrive, or not completely, is closed."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    async with (
        exporting_from(simulated("a")) as exporter,
        opened(exporter.url, 2) as two,
    ):
        (idle, _), (slow, writer) = two
        writer.write(b"GET /sd HTTP/1.1\r\n")
        for reader in (idle, slow):
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 5) == b""


@pytest.mark.slow
async def test_a_second_request_may_come_later(monkeypatch):
    """The timeout is for heads: a connection may be idle between two requests."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
    async with (
        exporting_from(simulated("a")) as exporter,
        opened(exporter.url, 1) as one,
    ):
        ((reader, writer),) = one
        for _ in range(2):
            writer.write(request)
            answer = await asyncio.wait_for(reader.readuntil(b"healthy.\n"), 5)
            assert answer.startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.4)


@pytest.mark.slow
async def test_an_answer_that_is_not_read(monkeypatch):
    """A connection whose client never reads the answer is closed."""
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.3)
    cloud = simulated("a")
    cloud.latency = 60.0
    async with exporting_from(cloud) as exporter, opened(exporter.url, 1) as one:
        ((reader, writer),) = one
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /" + b"a" * MAX_HEAD,
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * MAX_HEAD,
        b"GET / HTTP/1.1\r\n" + b"X-Many: a\r\n" * (MAX_HEAD // 11 + 1),
    ],
    ids=["line", "header", "headers"],
)
async def test_a_head_that_is_too_large(request_head):
    """A request line or headers without end are rejected, and the connection closed."""
    async with (
        exporting_from(simulated("a")) as exporter,
        opened(exporter.url, 1) as one,
    ):
        ((reader, writer),) = one
        writer.write(request_head)
        with contextlib.suppress(ConnectionResetError):
            answer = await asyncio.wait_for(reader.read(), 5)
            assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.slow
async def test_a_body_that_is_too_large():
    """A body without end is not read to its end."""
    head = b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
    async with (
        exporting_from(simulated("a")) as exporter,
        opened(exporter.url, 1) as one,
    ):
        ((reader, writer),) = one
        writer.write(head)
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                writer.write(b"a" * 65536)
                await writer.drain()
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 5)
        assert (await exporter.scrape(5)).up()["a", "training"] == 1


async def test_the_end_of_an_answer_waits_for_no_acknowledgment():
    """Accepted sockets inherit TCP_NODELAY, so no small segment is delayed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with (
            serving(PlainTextResponse("x"), listener),
            opened(url_of(listener), 1) as [(reader, writer)],
        ):
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await reader.readuntil(b"x")
            assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
