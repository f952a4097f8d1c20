"""Checks whether a cloud's hosts resolve and accept TLS connections."""

from __future__ import annotations

import asyncio
import ssl

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ..cloud.transport import proxy_of, tls_context
from ..collectors.examination import Problem
from ..config import Cloud, PasswordAuth
from .findings import NOT_REACHED, Result


_RESOLVE_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Connectivity:
    """The results for a cloud's hosts: name resolution and TLS."""

    name: Result
    tls: Result
    problem: Problem | None = None


async def check_connectivity(cloud: Cloud) -> Connectivity:
    """Resolve a cloud's hosts and connect to them, unless a proxy is configured."""
    urls = [cloud.modelarts_url]
    if isinstance(cloud.auth, PasswordAuth):
        urls.append(cloud.iam_url)
    found = await asyncio.gather(*(_check_url(cloud, url) for url in set(urls)))
    return next((each for each in found if each.problem is not None), found[0])


async def _check_url(cloud: Cloud, url: str) -> Connectivity:
    if proxy_of(cloud, url) is not None:
        through = Result(None, "proxy")
        return Connectivity(through, through)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    port = port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    failed = Result(False, "FAILED")
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            await loop.getaddrinfo(host, port)
    except (OSError, UnicodeError, TimeoutError) as error:
        reason = _resolution_error(error)
        problem = f"no address for {host}: {reason}"
        advice = "check the cloud's URLs and region, and this machine's DNS"
        return Connectivity(failed, NOT_REACHED, Problem(problem, advice))
    if parts.scheme != "https":
        return Connectivity(Result(True, "ok"), Result(None, "no TLS"))
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(
                host, port, ssl=tls_context(cloud.tls)
            )
    except (OSError, TimeoutError) as error:
        problem = f"no TLS connection to {host}:{port}: {_reason(error)}"
        advice = "check the network, and the cloud's tls section (ca_file)"
        return Connectivity(Result(True, "ok"), failed, Problem(problem, advice))
    writer.transport.abort()
    return Connectivity(Result(True, "ok"), Result(True, "ok"))


def _resolution_error(error: OSError | UnicodeError | TimeoutError) -> str:
    if isinstance(error, UnicodeError):
        return "no valid name"
    return error.strerror or f"no response within {_RESOLVE_SECONDS:.0f} s"


def _reason(error: OSError | TimeoutError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS error").lower().replace("_", " ")
    return error.strerror or f"no response within {_CONNECT_SECONDS:.0f} s"
