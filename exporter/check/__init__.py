"""The commands that ask the real APIs: check reports problems, projects what there is."""

from .checks import check_all
from .findings import Finding, Step, as_json, table
from .project_table import ProjectReport, list_projects


__all__ = [
    "Finding",
    "ProjectReport",
    "Step",
    "as_json",
    "check_all",
    "list_projects",
    "table",
]
