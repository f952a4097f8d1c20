"""Writing the text formats, and choosing between them."""

import gzip

import pytest

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics.exposition import (
    generate_latest as generate_latest_openmetrics,
)
from prometheus_client.samples import Sample

from exporter.metrics.exposition import (
    Format,
    accepts_gzip,
    choose_format,
    compress,
    encode,
    encode_family,
)
from exporter.metrics.labels import Labels


class Families:
    """A collector of given families."""

    def __init__(self, families):
        self.families = families

    def collect(self):
        """Return the families."""
        return self.families


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
NAMES = st.sampled_from(["modelarts_a", "modelarts_b_seconds", "modelarts_c_info"])
LABELS = st.dictionaries(
    st.sampled_from(["project", "kind", "status", "phase", "Zone", "_x"]),
    TEXT,
    max_size=4,
)
VALUES = st.floats() | st.integers(-(10**7), 10**13).map(float)


@st.composite
def metrics(draw):
    """Any family of the types that the exporter uses."""
    name = draw(NAMES)
    kind = draw(st.sampled_from(["gauge", "counter", "gaugehistogram"]))
    suffixes = {
        "gauge": [""],
        "counter": ["_total"],
        "gaugehistogram": ["_bucket", "_gcount", "_gsum"],
    }[kind]
    metric = Metric(name, draw(TEXT), kind)
    metric.samples = draw(
        st.lists(
            st.builds(
                lambda suffix, labels, value: Sample(name + suffix, labels, value),
                st.sampled_from(suffixes),
                LABELS | LABELS.map(Labels),
                VALUES,
            ),
            max_size=6,
        )
    )
    return metric


@given(st.lists(metrics(), max_size=3))
@pytest.mark.slow
def test_families_are_written_as_prometheus_client_writes_them(families):
    """Both formats are the same as `prometheus_client`'s, byte for byte."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(families))

    text = b"".join(encode_family(family, Format.TEXT) for family in families)
    assert generate_latest(registry) == text
    assert generate_latest_openmetrics(registry) == encode(
        families, None, Format.OPENMETRICS
    )


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, Format.TEXT),
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Format.TEXT),
        ("application/openmetrics-text", Format.OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0", Format.OPENMETRICS),
        ("application/openmetrics-text; version=0.0.1", Format.TEXT),
        ('application/openmetrics-text; version="1.0.0"', Format.OPENMETRICS),
        ("application/openmetrics-text;version=999", Format.TEXT),
        ("application/openmetrics-text;version=1.x", Format.TEXT),
        ("application/openmetrics-text;q=0,text/plain", Format.TEXT),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.5", Format.TEXT),
        ("text/plain;q=0.5,application/openmetrics-text;q=0.6", Format.OPENMETRICS),
        ("application/openmetrics-text;q=nonsense,text/plain;q=0.1", Format.TEXT),
        (
            (
                "application/openmetrics-text;version=1.0.0,"
                "application/openmetrics-text;version=0.0.1;q=0.75,"
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
            ),
            Format.OPENMETRICS,
        ),
        (
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                "application/openmetrics-text;version=0.0.1;q=0.4,"
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
            ),
            Format.OPENMETRICS,
        ),
        (";;;,,,===,q=", Format.TEXT),
    ],
)
def test_the_preferred_format_is_chosen(accept, expected):
    """The format with the highest q-value wins; the text format is the default."""
    assert expected is choose_format(accept)


@given(st.text())
def test_any_accept_header_is_answered(header):
    """Every header gets an answer."""
    assert choose_format(header) in Format
    assert accepts_gzip(header) in {True, False}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*;q=1, gzip;q=0", False),
        ("identity", False),
        ("GZIP", True),
    ],
)
def test_gzip_is_used_where_it_is_accepted(header, expected):
    """`gzip;q=0` forbids gzip, `*` allows it."""
    assert expected is accepts_gzip(header)


@given(st.binary())
def test_a_compressed_body(body):
    """Decompressed, it is the original."""
    assert body == gzip.decompress(compress(body))
