"""The commands that ask the real APIs: check reports problems, projects what there is."""

from .assumption_report import assumptions_as_json, assumptions_table
from .assumptions import ask_clouds
from .checks import check_all
from .findings import Finding, Step, Uncollected
from .project_lists import find_projects, list_projects
from .project_table import ProjectReport
from .report import as_json, table


__all__ = [
    "Finding",
    "ProjectReport",
    "Step",
    "Uncollected",
    "as_json",
    "ask_clouds",
    "assumptions_as_json",
    "assumptions_table",
    "check_all",
    "find_projects",
    "list_projects",
    "table",
]
