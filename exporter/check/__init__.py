"""The commands that ask the real APIs: check reports problems, projects what there is."""

from .checks import check_all
from .findings import Finding, Step, as_json, table
from .project_lists import find_projects, list_projects
from .project_table import ProjectReport


__all__ = [
    "Finding",
    "ProjectReport",
    "Step",
    "as_json",
    "check_all",
    "find_projects",
    "list_projects",
    "table",
]
