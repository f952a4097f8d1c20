"""Differences between deployments of the API."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RequestIds(StrEnum):
    """What answers say as their request ID."""

    FRESH = "fresh"
    NONE = "none"
    OVERLONG = "overlong"
    LINE_BREAK = "line_break"
    """A line break in errors' bodies, and none in headers, which cannot have one."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences of a deployment; each has been observed or is documented."""

    largest_page: int = 1000
    clamps_pages: bool = False
    numbers_as_strings: bool = False
    without_success: bool = False
    without_limits: bool = False
    extra_fields: bool = False
    ignores_order: bool = False
    """Jobs are listed newest first, whatever is asked for."""

    matches_whole_names: bool = False
    """A search for a name finds no parts of it."""

    without_dates: bool = False
    """Answers have no `Date`."""

    null_when_empty: bool = False
    refuses_with_200: bool = False
    ignores_filters: bool = False
    refuses_filters: bool = False
    total_ignores_filters: bool = False
    offset_counts_items: bool = False
    """Offsets of v2's searches count jobs, not pages."""

    ignores_offsets: bool = False
    """Lists that are paged by items always begin with the first."""

    refuses_unified_jobs: bool = False
    without_quota_api: bool = False
    without_workspaces: bool = False
    gateway: str = "APIG"
    """What the gateway's error codes begin with: APIG or APIGW."""

    iam_codes: bool = False
    """IAM's errors are codes such as IAM.0003 instead of Keystone's."""

    request_ids: RequestIds = RequestIds.FRESH
