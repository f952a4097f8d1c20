"""The number of examples that property tests try."""

import os

from hypothesis import settings


QUICK = "quick"


def examples(usual):
    """Return `EXAMPLES` if it is set, or `usual`, or a tenth of it with `quick`."""
    if number := os.environ.get("EXAMPLES"):
        return int(number)
    if settings.get_current_profile_name().endswith(QUICK):
        return max(usual // 10, 1)
    return usual
