"""Decodes untrusted JSON into types; errors do not quote it."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from ..errors import ExporterError


MAX_OBJECTS: Final = 65_536
"""
Objects in a large response. A page of 1,000 v1 jobs has about 1,000, and one of 50 v2
jobs some thousands. Without a limit, 4 MiB of empty objects become 90 MiB of decoded ones.
"""

_LARGE: Final = 512 * 1024
"""Bytes from which objects are counted, which takes a third as long as decoding them."""

T = TypeVar("T")


class JsonError(ExporterError):
    """The JSON is not as expected; the message says why, and quotes none of it."""


def decode_json(decoder: msgspec.json.Decoder[T], content: bytes) -> T:
    """Return the decoded `content`. Raises `JsonError`."""
    if len(content) >= _LARGE and content.count(b"{") > MAX_OBJECTS:
        raise JsonError(f"it holds more than {MAX_OBJECTS} objects")
    try:
        return decoder.decode(content)
    except msgspec.DecodeError as error:
        # msgspec names types and paths, never the content.
        problem = str(error)
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except RecursionError:
        problem = "it is nested too deeply"
    # Not in the handler: the exception's context would keep the content in memory.
    raise JsonError(problem)
