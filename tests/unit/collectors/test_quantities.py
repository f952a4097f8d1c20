"""Quantities in every documented style, and in any other."""

import math

import pytest

from hypothesis import example, given
from hypothesis import strategies as st

from exporter.collectors.numbers import MAX_EXACT
from exporter.collectors.pools.quantities import to_quantity
from exporter.errors import CollectionError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (5, 5),
        (7.5, 7.5),
        ("0", 0),
        ("1073m", 1.073),
        ("250u", 0.00025),
        ("15548Mi", 15548 * 2**20),
        ("64Gi", 2**36),
        ("134217728Ki", 2**37),
        ("1Ti", 2**40),
        ("5k", 5000),
        ("2G", 2e9),
        ("1e3", 1000),
        ("12E-1", 1.2),
        (".5", 0.5),
        ("3.", 3),
        ("1 Cores", 1),
        ("6.52 GiB", 6.52 * 2**30),
        (" 8 ", 8),
    ],
)
def test_quantities(text, expected):
    """A quantity is the nearest number; memory is in bytes."""
    assert to_quantity(text, "cpu") == expected


@pytest.mark.parametrize(
    "text", [None, "", "-", "N/A", "-5", -1, "1 Kg", "0x10", "1,5"]
)
def test_no_quantities(text):
    """Text that is no quantity, or a negative one, is unknown."""
    assert to_quantity(text, "cpu") is None


@pytest.mark.parametrize("text", ["1E", "9999999999Gi", "9" * 5000, "1e999"])
def test_quantities_out_of_range(text):
    """A quantity out of range is rejected, and the error names the field."""
    with pytest.raises(CollectionError, match="the answer's memory is out of range"):
        to_quantity(text, "memory")


@given(
    st.text(max_size=40) | st.from_regex(r"[0-9.]{0,9} ?[a-zA-Z]{0,3}", fullmatch=True)
)
@example("\u0663Gi")
@example("1E+9")
def test_any_text(text):
    """Any text is a number in range, unknown, or rejected."""
    try:
        found = to_quantity(text, "cpu")
    except CollectionError:
        return
    assert found is None or (math.isfinite(found) and 0 <= found <= MAX_EXACT)


@given(st.integers(0, 10**9))
def test_the_styles_agree(amount):
    """A quantity is the same in units and in their thousandths or multiples."""
    assert to_quantity(f"{amount}m", "cpu") == amount / 1000
    assert to_quantity(f"{amount}000m", "cpu") == amount
    if amount <= MAX_EXACT // 2**20:
        assert to_quantity(f"{amount}Mi", "memory") == amount * 2**20
        assert to_quantity(f"{amount}MiB", "memory") == to_quantity(
            f"{amount * 1024}Ki", "memory"
        )
