"""The command check: what works of the configured APIs, and what is missing."""

from .checks import check_all
from .findings import Finding, Step, as_json, table


__all__ = ["Finding", "Step", "as_json", "check_all", "table"]
