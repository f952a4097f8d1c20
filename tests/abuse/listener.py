"""Abuse of the listener: connections, TLS, heads, origins."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time

from pathlib import Path

import bcrypt
import trustme

from .clouds import simulated
from .experiment import Answer, Experiment, Outcome, abused, basic, fault, request, run


IMPOSSIBLE = "TLS_RSA_WITH_CHACHA20_POLY1305_SHA256"
ALICE, BOB = basic("alice", "alice"), basic("bob", "bob")


@fault("pipelining", "40 connections that pipeline requests and never read")
async def pipelining(folder: Path) -> Outcome:
    """Send 10,000 requests over each of 40 connections for 10 s, then disconnect."""
    one = b"GET /exporter-metrics HTTP/1.1\r\nHost: abuse\r\n\r\n"
    async with simulated(folder, 20) as (_, file), abused(file) as experiment:
        await experiment.scrape(10)
        with contextlib.ExitStack() as stack:
            remaining = {
                stack.enter_context(_silent_connection(experiment)): one * 10_000
                for _ in range(40)
            }
            sent = 0
            ended = time.monotonic() + 10
            while time.monotonic() < ended and not experiment.monitor.killed:
                for connection, rest in remaining.items():
                    with contextlib.suppress(BlockingIOError, ConnectionError):
                        number = connection.send(rest[:65_536])
                        remaining[connection] = rest[number:]
                        sent += number
                await asyncio.sleep(0.02)
        await asyncio.sleep(3)
        after = experiment.monitor.sample()
        scrapes = await experiment.scrapes_until_complete(40)
        return experiment.outcome(
            scrapes is not None and after <= 200,
            "scrapes and health",
            f"{sent // len(one)} requests taken, {after:.0f} MB after they disconnected, then "
            f"complete at scrape {scrapes}",
        )


@fault("silent-tls", "3,000 connections to a TLS listener that send nothing")
async def silent_tls(folder: Path) -> Outcome:
    """Hold as many connections as possible for 10 s, then disconnect."""
    web = _web(folder)
    _allow_descriptors(4096)
    async with (
        simulated(folder, 3) as (_, file),
        abused(file, f"--web.config.file={web}") as experiment,
    ):
        await experiment.scrape(10, headers=[ALICE])
        with contextlib.ExitStack() as stack:
            number = 0
            for _ in range(3000):
                with contextlib.suppress(OSError):
                    stack.enter_context(_silent_connection(experiment))
                    number += 1
                if number % 100 == 0:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(5)
            scrape = await experiment.scrape(10, headers=[ALICE])
            await asyncio.sleep(5)
        await asyncio.sleep(2)
        return experiment.outcome(
            scrape.status == 200,
            "scrapes and health",
            f"{number} connected, a scrape with them: {scrape.status or scrape.why} after "
            f"{scrape.seconds:.1f} s, {experiment.monitor.sample():.0f} MB after they disconnected",
        )


@fault("descriptors", "64 descriptors, 120 idle connections")
async def descriptors(folder: Path) -> Outcome:
    """Hold the connections for 8 s, then disconnect."""
    async with (
        simulated(folder, 3) as (_, file),
        abused(file, descriptors=64) as experiment,
    ):
        await experiment.scrape(10)
        before = len(experiment.exporter.log)
        with contextlib.ExitStack() as stack:
            for _ in range(120):
                stack.enter_context(_silent_connection(experiment))
            await asyncio.sleep(8)
        logged = (len(experiment.exporter.log) - before) / 1000
        scrapes = await experiment.scrapes_until_complete(6)
        return experiment.outcome(
            logged < 100 and scrapes is not None,
            "health",
            f"{logged:.0f} kB logged in 8 s, then complete at scrape {scrapes}",
        )


@contextlib.contextmanager
def _silent_connection(experiment: Experiment):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(2)
        connection.connect((experiment.exporter.host, experiment.exporter.port))
        connection.setblocking(False)
        yield connection


def _allow_descriptors(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, number), hard), hard))


@fault("cipher-start", "an impossible cipher suite at the start")
async def cipher_at_start(folder: Path) -> Outcome:
    """Check such a web configuration, and start with it."""
    web = _web(folder, IMPOSSIBLE)
    async with simulated(folder, 1) as (_, file):
        flags = (f"--config.file={file}", f"--web.config.file={web}")
        check = await run("--config.check", *flags, seconds=20)
        start = await run("--web.listen-address=127.0.0.1:0", *flags, seconds=20)
    ok = check.is_clean and start.is_clean and check.status == 2 and bool(start.status)
    return Outcome(
        "-",
        ok and check.lines == 1,
        f"--config.check: {check}, {check.lines} lines; start: {start}",
    )


@fault(
    "cipher-running", "an impossible cipher suite, and a user removed, while it runs"
)
async def cipher_while_running(folder: Path) -> Outcome:
    """Send requests as the removed user for five seconds."""
    web = _web(folder)
    async with (
        simulated(folder, 1) as (_, file),
        abused(file, f"--web.config.file={web}") as experiment,
    ):
        before = await experiment.scrape(10, headers=[BOB])
        _web(folder, IMPOSSIBLE, users=("alice",))
        answers = []
        ended = time.monotonic() + 5
        while time.monotonic() < ended:
            answers.append(
                await request(experiment.exporter, headers=[BOB], seconds=10)
            )
            await asyncio.sleep(0.1)
        served = sum(answer.status == 200 for answer in answers)
        health = await request(experiment.exporter, "/-/healthy")
        return experiment.outcome(
            before.status == 200 and not served and health.status == 200,
            "health alone",
            f"before {before.status or before.why}, then {served} of {len(answers)} "
            f"requests of the removed user served ({_statuses(answers)})",
        )


def _web(
    folder: Path, suite: str | None = None, users: tuple[str, ...] = ("alice", "bob")
) -> Path:
    """Write a web configuration with TLS and users; the certificate only once."""
    file = folder / "web.yml"
    if not file.exists():
        certificate = trustme.CA().issue_cert("127.0.0.1", "localhost")
        certificate.private_key_pem.write_to_path(str(folder / "server.key"))
        certificate.cert_chain_pems[0].write_to_path(str(folder / "server.crt"))
    hashes = ", ".join(f"{user}: {_hash(user)}" for user in users)
    suites = f", cipher_suites: [{suite}]" if suite else ""
    file.write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key"
        f"{suites}}}\nbasic_auth_users: {{{hashes}}}\n"
    )
    return file


def _hash(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def _statuses(answers: list[Answer]) -> str:
    found = sorted({str(one.status or one.why) for one in answers})
    return ", ".join(found)


@fault("hosts", "a request with two Hosts, and one without")
async def hosts(folder: Path) -> Outcome:
    """Send one of each, and then fifty more: how much is logged."""
    async with simulated(folder, 1) as (_, file), abused(file) as experiment:
        two = await _get_metrics(experiment, host=("Host: a", "Host: b"))
        none = await _get_metrics(experiment, host=())
        one = await _get_metrics(experiment)
        before = len(experiment.exporter.log.splitlines())
        for _ in range(50):
            await _get_metrics(experiment, host=())
        logged = len(experiment.exporter.log.splitlines()) - before
        return experiment.outcome(
            (two.status, none.status, one.status) == (400, 400, 200) and logged <= 2,
            "requests with one Host",
            f"two: {two.status}, none: {none.status}, one: {one.status}; "
            f"{logged} lines logged of 50 more",
        )


async def _get_metrics(
    experiment: Experiment, host: tuple[str, ...] = ("Host: abuse",)
) -> Answer:
    return await request(experiment.exporter, "/exporter-metrics", host=host)


@fault("cross-origin", "a page of another origin that posts to /-/reload")
async def cross_origin(folder: Path) -> Outcome:
    """Reload as such a page, and as a program."""
    async with simulated(folder, 1) as (_, file), abused(file) as experiment:
        own = f"Origin: http://127.0.0.1:{experiment.exporter.port}"
        host = (f"Host: 127.0.0.1:{experiment.exporter.port}",)
        statuses = [
            (
                await request(
                    experiment.exporter,
                    "/-/reload",
                    method="POST",
                    host=host,
                    headers=(*headers, "Content-Length: 0"),
                )
            ).status
            for headers in (
                ("Origin: http://evil.example",),
                ("Sec-Fetch-Site: cross-site",),
                ("Origin: null",),
                (),
                (own, "Sec-Fetch-Site: same-origin"),
            )
        ]
        return experiment.outcome(
            statuses == [403, 403, 403, 200, 200],
            "reloads by programs and by pages of its own",
            f"other origin, other site, origin null: {statuses[:3]}; "
            f"program, own origin: {statuses[3:]}",
        )


@fault("websocket", "a WebSocket upgrade")
async def websocket(folder: Path) -> Outcome:
    """Request an upgrade where there is nothing, and where there are metrics."""
    upgrade = (
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    async with simulated(folder, 1) as (_, file), abused(file) as experiment:
        paths = "/ws", "/exporter-metrics"
        found = [await _upgraded(experiment, path, upgrade) for path in paths]
        advice = [
            line
            for line in experiment.exporter.log.splitlines()
            if "websocket" in line.lower() or "upgrade" in line.lower()
        ]
        return experiment.outcome(
            found[0] == 404 and found[1] in {200, 400, 404, 426} and not advice,
            "everything",
            f"{' '.join(f'{p}: {s}' for p, s in zip(paths, found, strict=True))}; "
            f"{len(advice)} lines of advice logged",
        )


async def _upgraded(experiment: Experiment, path: str, headers: tuple[str, ...]) -> int:
    answer = await request(
        experiment.exporter, path, headers=("Connection: Upgrade", *headers), seconds=5
    )
    return answer.status
