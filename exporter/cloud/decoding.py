"""Decodes JSON that comes from outside: into what was asked for, or a reason why not."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from ..errors import ExporterError


MAX_OBJECTS: Final = 65_536
"""
Objects in a response. A page of 1,000 v1 jobs has about 1,000, and one of 50 v2 jobs
some thousands. Without a limit, 4 MiB of empty objects become 90 MiB of decoded ones.
"""

T = TypeVar("T")


class JsonError(ExporterError):
    """It is not what was asked for: the text says why, and repeats nothing of it."""


def decode_json(decoder: msgspec.json.Decoder[T], content: bytes) -> T:
    """Return what `content` holds. Raises `JsonError`."""
    if content.count(b"{") > MAX_OBJECTS:
        raise JsonError(f"it holds more than {MAX_OBJECTS} objects")
    try:
        return decoder.decode(content)
    except msgspec.DecodeError as error:
        # msgspec names types and places, never the text that was decoded.
        problem = str(error)
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except RecursionError:
        problem = "it is nested too deeply"
    # Not in the handler: the error's own context would keep the content in memory.
    raise JsonError(problem)
