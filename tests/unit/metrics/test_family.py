"""Families that are written in pieces."""

import gzip
import tracemalloc

import pytest

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics.exposition import (
    generate_latest as generate_latest_openmetrics,
)
from prometheus_client.samples import Sample

from exporter.metrics.exposition import Format, compress, encode, encoded
from exporter.metrics.family import CountLines, Family, line
from exporter.metrics.labels import Labels
from exporter.metrics.samples import counter, gauge, known, seconds


class Families:
    """A collector of given families."""

    def __init__(self, *families):
        self.families = families

    def collect(self):
        """Return the families."""
        return self.families


LABELS = st.dictionaries(
    st.sampled_from(["project", "kind", "le"]),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=9)
    | st.sampled_from(["%s", "%d.0", "100 %", "%d.0\n", '"\\']),
    max_size=3,
).map(Labels)
COUNTS = st.integers(0, 50) | st.integers(999_990, 1_000_010) | st.integers(0, 10**13)


def written(*families):
    """Return what `prometheus_client` writes, by format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(*families))
    return {
        Format.TEXT: generate_latest(registry),
        Format.OPENMETRICS: generate_latest_openmetrics(registry),
    }


@given(st.lists(st.tuples(LABELS, COUNTS), min_size=1, max_size=6), LABELS)
def test_a_histogram_is_written_as_prometheus_client_writes_it(buckets, own):
    """Labels of any text and counts of any size are written the same."""
    metric = Metric("a_seconds", "help", "gaugehistogram")
    metric.samples = [
        *(Sample("a_seconds_bucket", labels, count) for labels, count in buckets),
        Sample("a_seconds_gcount", own, 3.0),
        Sample("a_seconds_gsum", own, 1.5e6),
    ]
    lines = CountLines("a_seconds_bucket", [labels for labels, _ in buckets])

    for wanted, expected in written(metric).items():
        family = Family(
            metric.name,
            metric.documentation,
            metric.type,
            [
                lines.lines([count for _, count in buckets]),
                line("a_seconds_gcount", own, 3.0),
                line("a_seconds_gsum", own, 1.5e6),
            ],
        )
        assert encode([family], None, wanted) == expected


@pytest.mark.parametrize("wanted", Format)
def test_gauges_and_counters(wanted):
    """Unknown values have no sample; milliseconds become seconds."""
    one, two = Labels(project="a"), Labels(project="b")
    families = [
        gauge("a", "help", known([(one, 1), (two, None)])),
        gauge("b_seconds", "help", seconds([(one, None), (two, 1500)])),
        counter("c", "help", [(one, 2.0)]),
    ]
    metrics = [Metric(name, "help", "gauge") for name in ("a", "b_seconds")]
    metrics.append(Metric("c", "help", "counter"))
    metrics[0].samples = [Sample("a", one, 1.0)]
    metrics[1].samples = [Sample("b_seconds", two, 1.5)]
    metrics[2].samples = [Sample("c_total", one, 2.0)]

    assert encode(families, None, wanted) == written(*metrics)[wanted]


def test_a_buffered_family_can_be_read_again():
    """Samples of other families are dropped once they have been read."""
    once = gauge("a", "help", [(Labels(), 1.0)])
    kept = gauge("a", "help", [(Labels(), 1.0)]).kept()

    assert len(encode([once], None, Format.TEXT)) > len(
        encode([once], None, Format.TEXT)
    )
    assert encode([kept], None, Format.TEXT) == encode([kept], None, Format.TEXT)


def test_the_first_piece_is_written_before_the_last_sample_is_made():
    """The first piece does not wait for the last sample."""
    made = []

    def samples():
        for number in range(10_000):
            made.append(number)
            yield Labels(number=str(number)), 1.0

    pieces = encoded([gauge("a", "help", samples())], None, Format.TEXT)
    assert next(pieces).startswith(b"# HELP a help\n")
    assert b'a{number="0"} 1.0\n' in next(pieces)
    assert len(made) < 5000
    assert b"".join(pieces).count(b"\na{") > 8000


@pytest.mark.slow
def test_the_memory_for_compression_is_bounded():
    """Compression takes as much memory as a piece, whatever the size."""

    def peak(lines):
        samples = ((Labels(number=str(one)), 1.0) for one in range(lines))
        tracemalloc.start()
        try:
            family = gauge("a", "help", samples)
            body = compress(encoded([family], None, Format.TEXT))
            return tracemalloc.get_traced_memory()[1] - 2 * len(body)
        finally:
            tracemalloc.stop()
            assert gzip.decompress(body).count(b"\na{") == lines

    assert peak(20_000) < 1.5 * peak(5000)
