"""
Reads quantities of resources, as Kubernetes writes them and as the API does beside it.

`5`, `"1073m"` (thousandths), `"15548Mi"`, `"64Gi"`, `"1 Cores"` and `"6.52 GiB"` are all
in the ModelArts API reference.
"""

from __future__ import annotations

import re

from typing import Final

from ..numbers import MAX_EXACT, Number, out_of_range


_QUANTITY: Final = re.compile(
    r"\s*([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,3})?\s*([a-z]*)\s*", re.IGNORECASE
)

_DIVISORS: Final = {"m": 1000, "u": 1000**2, "n": 1000**3}
_FACTORS: Final = {
    "": 1,
    **dict.fromkeys(("core", "cores", "Core", "Cores"), 1),
    **{unit: 1000 ** (power + 1) for power, unit in enumerate("kMGTPE")},
    **{f"{unit}i": 1024 ** (power + 1) for power, unit in enumerate("KMGTPE")},
    **{f"{unit}iB": 1024 ** (power + 1) for power, unit in enumerate("KMGTPE")},
}


def to_quantity(value: Number, field: str) -> float | None:
    """
    Return a quantity as a number, memory in bytes; None if it is none, or negative.

    Raises `CollectionError`, which names `field`, if it is out of range.
    """
    found = _read(value) if isinstance(value, str) else value
    if found is None or found < 0:
        return None
    if found > MAX_EXACT:
        raise out_of_range(str(value), field)
    return float(found)


def _read(text: str) -> float | None:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    digits, exponent, unit = match.groups(default="")
    number = float(digits + exponent)
    # Divided, not multiplied by 0.001: this is the nearest float, that is not always.
    if unit in _DIVISORS:
        return number / _DIVISORS[unit]
    return number * _FACTORS[unit] if unit in _FACTORS else None
