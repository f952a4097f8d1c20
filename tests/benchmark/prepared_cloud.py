"""
A cloud whose pages of old jobs are prepared before the first request.

The simulated cloud takes longer to answer than a scrape takes to read; this one leaves
the CPU to what is measured. It has v1's listings, logins and the list of projects, and
nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import time

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit


PAGE = 1000
LISTINGS = {
    "training-jobs": {"version_count": 1},
    "visualization-jobs": {
        "service_url": "https://example.com/modelarts/tensorboard",
        "train_url": "/bucket/logs/",
        "resource_id": "4787c885-e18d-4ef1-aa12-c4ed0c364b27",
    },
}
RUNNING = 8
NEVER_STARTED = {3, 5, 13}
FINISHED = (10, 10, 10, 10, 10, 10, 11, 12, *NEVER_STARTED, 14)


@dataclass
class Listing:
    """One project's jobs of a kind: pages without the running jobs, which come last."""

    pages: list[bytes]
    running: list[dict[str, object]]
    total: int

    def body(self, number: int) -> bytes:
        """Return a page, with the current durations of running jobs."""
        envelope = {
            "is_success": True,
            "job_total_count": self.total,
            "quotas": len(self.running) + 10,
            "job_count_limit": 1000,
        }
        rows = [self.pages[number - 1]] if number <= len(self.pages) else []
        if number == len(self.pages):
            now = round(time.time() * 1000)
            rows += [
                _encoded({**job, "duration": now - job["create_time"]})
                for job in self.running
            ]
        listed = b",".join(filter(None, rows))
        return _encoded(envelope)[:-1] + b',"jobs":[' + listed + b"]}"


def prepared(kind: str, number: int, seed: int) -> Listing:
    """Return that many jobs, one in a hundred of them running."""
    random_numbers = random.Random(seed)
    began = round(time.time() * 1000)
    running = number // 100
    jobs = [
        {
            "job_id": index + 1,
            "job_name": f"{kind}-{index + 1}",
            "status": RUNNING,
            "create_time": began - (number - index) * 600_000,
            "duration": None,
            "job_desc": "",
            "version_id": index + 1,
            **LISTINGS[kind],
        }
        for index in range(number)
    ]
    for job in jobs[: number - running]:
        job["status"] = random_numbers.choice(FINISHED)
        if job["status"] not in NEVER_STARTED:
            job["duration"] = round(random_numbers.lognormvariate(15.0, 1.8))
    pages = [
        b",".join(map(_encoded, jobs[start : min(start + PAGE, number - running)]))
        for start in range(0, max(1, number), PAGE)
    ]
    return Listing(pages, jobs[number - running :], number)


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(
        self, listings: dict[tuple[str, str], Listing], latency: float, login: float
    ):
        self._listings = listings
        self._latency = latency
        self._login_latency = login
        self._received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Keep the transport for the answers."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request when it is complete, after the latency."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        if len(body) < int(headers.get("content-length", "0")):
            return
        self._received = b""
        method, target, _ = line.split(" ")
        call_later = asyncio.get_running_loop().call_later
        if method == "POST":
            call_later(self._login_latency, self._send, self._token)
        elif target.startswith("/v3/"):
            call_later(self._login_latency, self._send, self._projects)
        else:
            call_later(self._latency, self._send, lambda: self._page(target))

    def _send(self, answer: Callable[[], tuple[bytes, bytes]]) -> None:
        head, body = answer()
        date = formatdate(usegmt=True).encode()
        self._transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nDate: %s\r\n"
            b"Content-Length: %d\r\n\r\n" % (head, date, len(body))
        )
        self._transport.write(body)

    def _token(self) -> tuple[bytes, bytes]:
        body = {"token": {"expires_at": "2100-01-01T00:00:00.000000Z"}}
        return b"201 Created\r\nX-Subject-Token: " + b"t" * 2000, _encoded(body)

    def _projects(self) -> tuple[bytes, bytes]:
        ids = sorted({project_id for project_id, _ in self._listings})
        projects = [{"id": one, "name": f"eu-de_{one}", "enabled": True} for one in ids]
        return b"200 OK", _encoded({"projects": projects})

    def _page(self, target: str) -> tuple[bytes, bytes]:
        url = urlsplit(target)
        _, _, project_id, kind = url.path.split("/")
        number = int(parse_qs(url.query)["page"][0])
        return b"200 OK", self._listings[project_id, kind].body(number)


async def serve(
    listings: dict[tuple[str, str], Listing], latency: float, login: float
) -> None:
    """Serve `listings` until the process is ended; latencies are in seconds."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(listings, latency, login), sock=listener
    )
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


def _encoded(content: dict[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def main() -> None:
    """Prepare a workload's pages and serve them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", type=int)
    parser.add_argument("training", type=int)
    parser.add_argument("visualization", type=int)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--login-latency", type=float, default=0.05)
    flags = parser.parse_args()
    jobs = {"training-jobs": flags.training, "visualization-jobs": flags.visualization}
    listings = {
        (f"{project:032x}", kind): prepared(kind, number, project)
        for project in range(1, flags.projects + 1)
        for kind, number in jobs.items()
    }
    asyncio.run(serve(listings, flags.latency, flags.login_latency))


if __name__ == "__main__":
    main()
