"""Maps errors of the network and of HTTP to causes and advice for the user."""

from __future__ import annotations

import ssl

import aiohttp

from ..errors import Failure, Reason


def unreadable(status: int, what: str) -> Failure:
    """Return the failure for a response whose body cannot be read, since it `what`."""
    return Failure(
        reason=Reason.RESPONSE,
        problem=f"HTTP {status}, but the answer {what}",
        advice="check the cloud's URL, or the proxy between here and there",
        status=status,
    )


def no_http() -> Failure:
    """Return the failure for a response that is not HTTP."""
    return Failure(
        reason=Reason.RESPONSE,
        problem="the answer is not valid HTTP",
        advice="check the cloud's URL, or the proxy between here and there",
        transient=True,
    )


def dropped() -> Failure:
    """Return the failure for a response that was dropped to free memory."""
    return Failure(
        reason=Reason.RESPONSE,
        problem="the response was dropped: it was large and slow, and others "
        "needed its memory",
        advice="look for a slow API or proxy, or lower collection.page_size",
        transient=True,
    )


def network_failure(error: Exception) -> Failure:
    """Return the failure for a request that got no complete response."""
    timed_out = isinstance(error, TimeoutError)
    problem, advice = _network_problem(error, timed_out=timed_out)
    return Failure(
        reason=Reason.TIMEOUT if timed_out else Reason.NETWORK,
        problem=problem,
        advice=advice,
        transient=not isinstance(error, (ssl.SSLError, aiohttp.ClientSSLError)),
    )


def _network_problem(cause: Exception, *, timed_out: bool) -> tuple[str, str]:
    if timed_out:
        return "the API did not answer in time", "check the network and the cloud's URL"
    if isinstance(cause, (ssl.SSLError, aiohttp.ClientSSLError)):
        return (
            f"no TLS connection ({type(cause).__name__})",
            "check tls.ca_file, tls.cert_file and the cloud's URL",
        )
    if isinstance(
        cause, (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError)
    ):
        return (
            "the proxy refuses the connection",
            "check proxy_url and the proxy's rules",
        )
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return (
            "the host name cannot be resolved",
            "check the cloud's URL and region, and DNS",
        )
    if isinstance(cause, aiohttp.ClientConnectorError):
        return (
            "the API cannot be reached",
            "check the network, the cloud's URL and proxy_url",
        )
    return (
        f"the connection broke ({type(cause).__name__})",
        "check the network, or the proxy between here and there",
    )
