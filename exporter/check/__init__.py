"""The commands that ask the real APIs: check reports problems, projects what there is."""

from .checks import check_all
from .findings import Finding, Step, Uncollected
from .project_lists import find_projects, list_projects
from .project_table import ProjectReport
from .report import as_json, summary, table, table_of


__all__ = [
    "Finding",
    "ProjectReport",
    "Step",
    "Uncollected",
    "as_json",
    "check_all",
    "find_projects",
    "list_projects",
    "summary",
    "table",
    "table_of",
]
