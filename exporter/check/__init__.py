"""The check command: tests the configured APIs and reports problems."""

from .checks import check_all
from .findings import Finding, Step, as_json, table


__all__ = ["Finding", "Step", "as_json", "check_all", "table"]
