"""Differences between deployments of the API."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences of a deployment; each has been observed or is documented."""

    largest_page: int = 1000
    clamps_pages: bool = False
    numbers_as_strings: bool = False
    without_success: bool = False
    without_limits: bool = False
    extra_fields: bool = False
    null_when_empty: bool = False
    refuses_with_200: bool = False
    ignores_filters: bool = False
    refuses_filters: bool = False
    total_ignores_filters: bool = False
    without_quota_api: bool = False
    without_workspaces: bool = False
