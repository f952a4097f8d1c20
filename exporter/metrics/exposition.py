"""
Prometheus's two text formats: negotiation and encoding.

`prometheus_client` encodes the exporter's own metrics. For collected families it is too
slow at 20 µs per line; the encoder here produces the same bytes, which a property test
asserts, and writes them piece by piece.

Sources: Prometheus exposition formats (text 0.0.4), OpenMetrics 1.0.0, RFC 9110 12.5.
"""

from __future__ import annotations

import zlib

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics.exposition import (
    generate_latest as generate_latest_openmetrics,
)
from prometheus_client.samples import Sample

from .family import Family, Lines, line
from .labels import Labels, escaped


_LEVEL: Final = 1


class Format(Enum):
    """A text format, with its content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def choose_format(accept: str | None) -> Format:
    """Return the format that an `Accept` header prefers, by default the text format."""
    best, best_quality = Format.TEXT, 0.0
    for media_type, parameters, quality in _preferences(accept or ""):
        wanted = _format(media_type, parameters)
        if wanted is not None and quality > best_quality:
            best, best_quality = wanted, quality
    return best


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Return whether an `Accept-Encoding` header allows gzip."""
    qualities = {
        coding: quality for coding, _, quality in _preferences(accept_encoding or "")
    }
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def compress(body: bytes | Iterable[bytes]) -> bytes:
    """Return `body`, which may come in pieces, as gzip."""
    compressor = zlib.compressobj(_LEVEL, wbits=zlib.MAX_WBITS | 16)
    pieces = [body] if isinstance(body, bytes) else body
    packed = [compressor.compress(piece) for piece in pieces]
    return b"".join([*packed, compressor.flush()])


def encode(
    families: Iterable[Family | Metric],
    registry: CollectorRegistry | None,
    wanted: Format,
) -> bytes:
    """Return `families` and the metrics of `registry` in the `wanted` format."""
    return b"".join(encoded(families, registry, wanted))


def encoded(
    families: Iterable[Family | Metric],
    registry: CollectorRegistry | None,
    wanted: Format,
) -> Iterator[bytes]:
    """Yield the pieces of what `encode` returns, while `families` are read."""
    for family in families:
        for text in _texts(family, wanted):
            yield text.encode()
    rest = registry or CollectorRegistry(auto_describe=False)
    if wanted is Format.OPENMETRICS:
        yield bytes(generate_latest_openmetrics(rest))
    else:
        yield generate_latest(rest)


def encode_family(family: Family | Metric, wanted: Format) -> bytes:
    """Return one family's lines, as `prometheus_client` writes them."""
    return "".join(_texts(family, wanted)).encode()


def _texts(family: Family | Metric, wanted: Format) -> Iterator[str]:
    if wanted is Format.OPENMETRICS:
        # Unlike the text format, OpenMetrics also escapes quotes in help texts.
        documentation = escaped(family.documentation)
        yield _head(family.name, documentation, family.type)
        yield from map(_text, family.samples)
    else:
        yield from _text_format(family)


def _text_format(family: Family | Metric) -> Iterator[str]:
    name, kind = family.name, family.type
    if kind == "counter":
        name += "_total"
    elif kind == "gaugehistogram":
        # The format has no gauge histograms: the buckets become a histogram, the count and
        # sum separate gauges.
        kind = "histogram"
    documentation = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
    separate: dict[str, list[str]] = {}
    yield _head(name, documentation, kind)
    for sample in family.samples:
        suffix = sample.name.removeprefix(family.name)
        if suffix in {"_gcount", "_gsum"}:
            separate.setdefault(sample.name, []).append(_text(sample))
        else:
            yield _text(sample)
    for own_name, lines in sorted(separate.items()):
        yield _head(own_name, documentation, "gauge")
        yield from lines


def _head(name: str, documentation: str, kind: str) -> str:
    return f"# HELP {name} {documentation}\n# TYPE {name} {kind}\n"


def _text(sample: Lines | Sample) -> str:
    if isinstance(sample, Lines):
        return sample.text
    return line(sample.name, Labels(sample.labels), sample.value).text


def _format(media_type: str, parameters: dict[str, str]) -> Format | None:
    version = parameters.get("version")
    if media_type == "application/openmetrics-text" and version in {None, "1.0.0"}:
        return Format.OPENMETRICS
    if media_type == "text/plain" and version in {None, "0.0.4"}:
        return Format.TEXT
    if media_type in {"*/*", "text/*"}:
        return Format.TEXT
    return None


def _preferences(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for entry in header.split(","):
        value, *raw = (part.strip() for part in entry.split(";"))
        parameters = {
            name.strip().lower(): text.strip().strip('"')
            for name, _, text in (parameter.partition("=") for parameter in raw)
        }
        yield value.lower(), parameters, _quality(parameters.get("q", "1"))


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0
