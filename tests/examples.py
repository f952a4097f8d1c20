"""How many examples a property test tries."""

import os

from hypothesis import settings


QUICK = "quick"


def examples(usual):
    """Return `EXAMPLES` where it is set; else `usual`, or with `quick` a tenth of it."""
    if number := os.environ.get("EXAMPLES"):
        return int(number)
    if settings.get_current_profile_name().endswith(QUICK):
        return max(usual // 10, 1)
    return usual
