"""A cloud that answers job listings with any bytes, and records requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


JOBS = json.dumps(
    {"is_success": True, "job_total_count": 0, "jobs": [], "quotas": 1}
).encode()
TOKEN = json.dumps({"token": {"expires_at": "2099-01-01T00:00:00Z"}}).encode()


def http(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """Return a complete response."""
    head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def gzipped(body: bytes) -> bytes:
    """Return a response with a gzip-compressed body."""
    return http(body, b"Content-Encoding: gzip")


def zeros(megabytes: int, wbits: int = 31) -> bytes:
    """Return compressed zeros, without holding all of them."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, wbits)
    piece = bytes(1 << 20)
    return b"".join(compressor.compress(piece) for _ in range(megabytes)) + (
        compressor.flush()
    )


Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawCloud:
    """
    A cloud whose answers to job listings are chosen by a part of their path.

    An answer is bytes, or a function that writes them; other requests succeed. `heads`
    are the requests' heads, `connections` is the number of connections.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    token: bytes = http(TOKEN, b"X-Subject-Token: token")
    heads: list[str] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        """Answer the requests of a connection."""
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                await self._answer(head, reader, writer)
        writer.transport.abort()

    async def _answer(self, head, reader, writer):
        self.heads.append(head)
        for line in head.split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                await reader.readexactly(int(value))
        path = head.split(" ")[1]
        answer = next(
            (answer for part, answer in self.answers.items() if part in path),
            self.token if "/auth/tokens" in path else http(JOBS),
        )
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        else:
            await answer(writer)


@contextlib.asynccontextmanager
async def raw_cloud(answers: dict[str, Answer] | None = None, **settings):
    """Run a cloud with these answers."""
    cloud = RawCloud(answers or {}, **settings)
    tasks = set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await cloud.serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            tasks.discard(asyncio.current_task())

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    cloud.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield cloud
    server.close()
    for task in set(tasks):
        task.cancel()
    if tasks:
        await asyncio.wait(set(tasks))
