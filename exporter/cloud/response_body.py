"""Reads a response body, with a limit on its decompressed size."""

from __future__ import annotations

import zlib

from collections.abc import AsyncIterator
from typing import Final

from .response_memory import Share


ACCEPT_ENCODING: Final = "gzip"
"""For requests; other codings are rejected."""

_STEP: Final = 64 * 1024
# A gzip header and trailer, as zlib counts them.
_GZIP: Final = zlib.MAX_WBITS | 16


class BodyError(Exception):
    """The body cannot be read; the message completes "the response ..."."""


async def read_body(
    chunks: AsyncIterator[bytes],
    limit: int,
    share: Share,
    *,
    content_encoding: str,
    content_length: str,
) -> bytes:
    """
    Return the body that comes in `chunks`, decompressed; its memory is counted in `share`.

    `content_encoding` and `content_length` are headers, empty if missing. Raises
    `BodyError`, for more than `limit` bytes before all of it is read.
    """
    codings = [
        coding
        for coding in map(str.strip, content_encoding.lower().split(","))
        if coding not in {"", "identity"}
    ]
    if codings not in ([], ["gzip"]):
        named = codings[0] if len(codings) == 1 else "more than one content coding"
        # Untrusted text is quoted only if it looks like a name.
        named = named if named.isascii() and named.isprintable() else "something odd"
        raise BodyError(f"is compressed with {named[:40]}, which was not requested")
    is_length = content_length.isdecimal() and len(content_length) <= len(str(limit))
    if is_length and not codings:
        # All at once: a response that holds no memory cannot block others.
        await share.grow(min(int(content_length), limit))
    # One growing buffer: thousands of small pieces would fragment the memory.
    body = bytearray()
    try:
        async for chunk in _gunzipped(chunks) if codings else chunks:
            if len(body) + len(chunk) > limit:
                raise BodyError(f"has more than {limit >> 10} KiB")
            await share.grow(len(body) + len(chunk))
            body += chunk
        await share.complete()
        return bytes(body)
    finally:
        # A traceback would keep it in memory after its share is released.
        body.clear()


async def _gunzipped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    # Not the client's decoders: they accept any number of codings and use unbounded memory.
    decoder = zlib.decompressobj(_GZIP)
    is_empty = True
    async for compressed in chunks:
        is_empty = False
        if decoder.eof:
            raise BodyError("continues after the end of its gzip stream")
        data = compressed
        while data:
            try:
                step = decoder.decompress(data, _STEP)
            except zlib.error:
                raise BodyError("is not valid gzip") from None
            if step:
                yield step
            if decoder.unused_data:
                raise BodyError("continues after the end of its gzip stream")
            data = decoder.unconsumed_tail
    if not is_empty and not decoder.eof:
        raise BodyError("ends before its gzip stream does")
