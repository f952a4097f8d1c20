"""Odd, invalid and hostile requests: each gets an answer, and none a traceback."""

import asyncio

import pytest

from harness import exporting
from open_connections import opened

from exporter.config import Configuration


@pytest.fixture
async def empty():
    """Return an exporter without projects, which sends no requests."""
    async with exporting(Configuration(clouds=(), projects=())) as exporter:
        yield exporter


async def answers(exporter, sent):
    """Send bytes, and return all answers until the connection is idle."""
    async with opened(exporter.url, 1) as ((reader, writer),):
        writer.write(sent)
        found = b""
        try:
            while more := await asyncio.wait_for(reader.read(65536), 20):
                found += more
                if b"healthy.\n" in found:
                    break
        except ConnectionError:
            pass
        return found.decode()


CLOSE = b"Connection: close\r\n"
HOST = b"Host: x\r\n"
SOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
LAST = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n" + HOST + b"Host: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.0\r\n" + HOST + HOST + b"\r\n", 400),
        (b"GET /-/healthy HTTP/1.1\r\n" + CLOSE + HOST + HOST + b"\r\n", 400),
        (b"GET /ws HTTP/1.1\r\n" + HOST + SOCKET + b"\r\n", 404),
        (b"GET /-/healthy HTTP/1.1\r\n" + HOST + SOCKET + b"\r\n", 200),
        (b"GET /ws HTTP/1.1\r\n" + HOST + SOCKET + b"\r\n\x81\x00garbage", 404),
        (
            b"GET / HTTP/1.1\r\n"
            + HOST
            + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            200,
        ),
        (b"CONNECT x:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 404),
        (b"GET * HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 404),
        (b"GET http://x/-/ready HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 200),
        (b"GET http://x HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 400),
        (b"GET a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /%ff%00 HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 404),
        (b"GET /?project=%ff HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 200),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /-/ready\r\n\r\n", 200),
        (b"GET / HTTP/3.7\r\n" + HOST + b"\r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"\x00" * 100, 400),
        (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (
            b"POST / HTTP/1.1\r\n"
            + HOST
            + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            b"POST / HTTP/1.1\r\n"
            + HOST
            + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            b"POST / HTTP/1.1\r\n"
            + HOST
            + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
            400,
        ),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1_0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 65537\r\n\r\n", 413),
        (
            b"POST / HTTP/1.1\r\n"
            + HOST
            + b"Content-Length: "
            + b"9" * 19
            + b"\r\n\r\n",
            413,
        ),
        (
            b"POST / HTTP/1.1\r\n"
            + HOST
            + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            b"POST /-/reload HTTP/1.1\r\n"
            + HOST
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + b"F" * 17
            + b"\r\n",
            400,
        ),
        (
            b"POST / HTTP/1.1\r\n"
            + HOST
            + CLOSE
            + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
            405,
        ),
        (b"GET / HTTP/1.1\r\n" + HOST + b" folded: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X : y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n", 400),
    ],
    ids=range(39),
)
async def test_odd_requests(empty, logged, request_bytes, status):
    """Each has one answer, the connection is closed, and no traceback is logged."""
    found = await answers(empty, request_bytes)

    assert found.startswith(f"HTTP/1.1 {status} "), found
    assert found.count("HTTP/1.1 ") == 1
    lines = "\n".join(logged())
    assert "Traceback" not in lines
    assert "upgrade" not in lines.lower()
    assert "websocket" not in lines.lower()
    assert (await empty.client.get(f"{empty.url}/-/healthy")).status_code == 200


async def test_a_connection_goes_on_after_odd_requests(empty):
    """An unneeded body or an unsupported method does not close the connection."""
    body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    chunked = (
        b"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n"
    )
    found = await answers(empty, b"\r\n" + body + chunked + LAST)

    assert [part[:3] for part in found.split("HTTP/1.1 ")[1:]] == ["405", "404", "200"]


async def test_invalid_requests_are_counted_and_logged_once(empty, logged):
    """The log has the client's address, but nothing of what it sent."""
    for _ in range(5):
        await answers(empty, b"canary-garbage\r\n\r\n")
    await answers(empty, b"GET /canary-garbage HTTP/1.1\r\n\r\n")
    lines = [line for line in logged() if "invalid" in line.lower()]

    assert (await empty.scrape()).value("exporter_invalid_requests_total") == 6
    assert len(lines) == 1
    assert "client=127.0.0.1" in lines[0]
    assert "canary-garbage" not in lines[0]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "SELF"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "SELF"}, 200),
    ],
    ids=range(11),
)
async def test_reloads_that_another_site_asks_for(empty, headers, status):
    """A page of another origin cannot make a browser reload the configuration."""
    headers = {
        name: empty.url if value == "SELF" else value for name, value in headers.items()
    }
    answer = await empty.client.post(f"{empty.url}/-/reload", headers=headers)

    assert answer.status_code == status
