"""Reads a response body, with a limit on its decompressed size."""

from __future__ import annotations

import zlib

from collections.abc import AsyncIterator
from typing import Final

import httpx

from .response_memory import Share


ACCEPT_ENCODING: Final = "gzip"
"""For requests; other codings are rejected."""

_STEP: Final = 64 * 1024
# A gzip header and trailer, as zlib counts them.
_GZIP: Final = zlib.MAX_WBITS | 16


class BodyError(Exception):
    """The body cannot be read; the message completes "the response ..."."""


async def read_body(response: httpx.Response, limit: int, share: Share) -> bytes:
    """
    Return the decompressed body of `response`; its memory is counted in `share`.

    Raises `BodyError`, for more than `limit` bytes before all of it is read.
    """
    codings = [
        coding.lower()
        for coding in response.headers.get_list("Content-Encoding", split_commas=True)
        if coding.lower() not in {"", "identity"}
    ]
    if codings not in ([], ["gzip"]):
        named = codings[0] if len(codings) == 1 else "more than one content coding"
        # Untrusted text is quoted only if it looks like a name.
        named = named if named.isascii() and named.isprintable() else "something odd"
        raise BodyError(f"is compressed with {named[:40]}, which was not requested")
    if not codings:
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and len(length) <= len(str(limit)):
            # All at once: a response that holds no memory cannot block others.
            await share.grow(min(int(length), limit))
    # One growing buffer: thousands of small pieces would fragment the memory.
    body = bytearray()
    try:
        async for chunk in _gunzipped(response) if codings else _chunks(response):
            if len(body) + len(chunk) > limit:
                raise BodyError(f"has more than {limit >> 10} KiB")
            await share.grow(len(body) + len(chunk))
            body += chunk
        await share.complete()
        return bytes(body)
    finally:
        # A traceback would keep it in memory after its share is released.
        body.clear()


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    # Not httpx's decoders: they accept any number of codings and use unbounded memory.
    if not isinstance(response.stream, httpx.AsyncByteStream):
        raise TypeError(response.stream)
    return aiter(response.stream)


async def _gunzipped(response: httpx.Response) -> AsyncIterator[bytes]:
    decoder = zlib.decompressobj(_GZIP)
    is_empty = True
    async for compressed in _chunks(response):
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
