"""Idle connections to a listener."""

import asyncio
import contextlib


@contextlib.asynccontextmanager
async def opened(url, number, **tls):
    """Open connections to a URL, and close them at the end."""
    host, port = url.rpartition("/")[2].split(":")
    found = await asyncio.gather(
        *(asyncio.open_connection(host, int(port), **tls) for _ in range(number))
    )
    try:
        yield found
    finally:
        for _, writer in found:
            writer.transport.abort()
        await asyncio.gather(
            *(writer.wait_closed() for _, writer in found), return_exceptions=True
        )
