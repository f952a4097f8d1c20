"""The clouds of the experiments: a simulated one, and one that answers any bytes."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import time
import zlib

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.simulator import DEMO_KEY, DEMO_USER, SimulatedCloud, serve
from tests.soak.cloud import build


KEY = (
    f"access_key: {{access_key: {DEMO_KEY.access_key}, "
    f"secret_key: {DEMO_KEY.secret_key}}}"
)
PASSWORD = (
    f"password: {{username: {DEMO_USER.name}, password: {DEMO_USER.password}, "
    f"domain: {DEMO_USER.domain}}}"
)
MEBIBYTE = 1024 * 1024

Content = dict[str, object]


def configure(
    file: Path,
    url: str,
    projects: Mapping[int, str],
    *,
    auth: str = KEY,
    collection: str = "",
) -> Path:
    """Write a configuration: projects by number, each with its training API."""
    lines = [
        "clouds:",
        "  cloud:",
        f"    {{region: eu-de, iam_url: {url}, modelarts_url: {url}, auth: {{{auth}}}}}",
        f"collection: {{{collection}}}",
        "projects:",
    ]
    lines += [
        f"  - {{name: p{number:03}, cloud: cloud, project_id: {number:032x}, "
        f"training_api: {api}}}"
        for number, api in projects.items()
    ]
    file.write_text("\n".join([*lines, ""]))
    return file


@contextlib.asynccontextmanager
async def simulated(
    folder: Path, projects: int, auth: str = KEY
) -> AsyncIterator[tuple[SimulatedCloud, Path]]:
    """Serve a simulated cloud; yields it and a configuration of its projects."""
    cloud = build(projects)
    async with serve(cloud) as url:
        apis = {n: one.training_api for n, one in enumerate(cloud.projects, 1)}
        yield cloud, configure(folder / "modelarts.yml", url, apis, auth=auth)


@dataclass(frozen=True)
class Request:
    """A request: the last part of its path, the project's number, head and body."""

    api: str
    project: int
    head: str
    body: str

    @property
    def is_first_page(self) -> bool:
        """Whether it is for the first page, which v1 numbers 1 and v2 numbers 0."""
        page = re.search(r"[?&]page=(\d+)", self.head)
        offset = re.search(r'"offset": ?(\d+)', self.body)
        return (page is None or page[1] == "1") and (offset is None or offset[1] == "0")


@dataclass
class RawCloud:
    """Gives each project the answer from `answers`; others get one good job."""

    answers: dict[int, Callable[[Request], bytes | Iterable[bytes]]] = field(
        default_factory=dict
    )
    received: list[Request] = field(default_factory=list)
    _connections: dict[asyncio.Task[None], asyncio.StreamWriter] = field(
        default_factory=dict
    )

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve within an `async with` block; yields the URL."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.close()
            for writer in self._connections.values():
                writer.transport.abort()
            # They end by themselves; asyncio would log those that are canceled.
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = head.lower().partition("content-length:")[2].split("\r\n")[0]
                body = (await reader.readexactly(int(length or 0))).decode()
                path = head.split(" ")[1].partition("?")[0].strip("/").split("/")
                project = 0 if path[-1] == "tokens" else int(path[1], 16)
                received = Request(path[-1], project, head, body)
                self.received.append(received)
                answer = self.answers.get(project, good)(received)
                for part in [answer] if isinstance(answer, bytes) else answer:
                    writer.write(part)
                    await writer.drain()
        writer.transport.abort()


def good(received: Request) -> bytes:
    """Return an answer with one job, and plausible limits."""
    return reply(listing(received))


def listing(
    received: Request,
    *,
    jobs: list[Content] | None = None,
    total: int = 1,
    quota: object = 5,
    limit: object = 9,
    duration: object = 1000,
) -> Content:
    """Return the content of an answer to a request."""
    if received.api == "tokens":
        return {"token": {"expires_at": "2099-01-01T00:00:00.000000Z"}}
    if received.api == "training-quotas":
        return {"quotas": [{"resource": "job-num", "quota": quota, "used": limit}]}
    if received.api == "training-job-searches":
        items = [item(1, duration)] if jobs is None else jobs
        return {
            "total": total,
            "count": total,
            "limit": 50,
            "offset": 0,
            "items": items,
        }
    rows = [row(1, duration)] if jobs is None else jobs
    return {
        "is_success": True,
        "job_total_count": total,
        "quotas": quota,
        "job_count_limit": limit,
        "jobs": rows,
    }


def row(job_id: int, duration: object = 1000) -> Content:
    """Return a job of v1."""
    created = round((time.time() - 3600) * 1000)
    return {
        "job_id": job_id,
        "job_name": f"job-{job_id}",
        "status": 8,
        "create_time": created,
        "duration": duration,
    }


def item(job_id: int, duration: object = 1000) -> Content:
    """Return a job of v2."""
    created = round((time.time() - 3600) * 1000)
    return {
        "kind": "job",
        "metadata": {"id": f"{job_id:032x}", "name": "job", "create_time": created},
        "status": {"phase": "Running", "duration": duration, "start_time": created},
    }


def reply(content: Content | bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return an HTTP answer."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1") + body


def long_reply(mebibytes: int) -> Iterable[bytes]:
    """Yield an HTTP answer of that many MiB of spaces."""
    length = mebibytes * MEBIBYTE
    yield f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()
    part = b" " * 65_536
    for _ in range(length // len(part)):
        yield part


def gzip_bomb(mebibytes: int) -> bytes:
    """Return that many MiB of spaces, compressed, without holding all of them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packer.compress(b" " * MEBIBYTE)
    packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush, a block does not depend on earlier ones, so it can be
    # repeated.
    block = packer.compress(b" " * MEBIBYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + block * mebibytes + b"\3\0" + bytes(8)
