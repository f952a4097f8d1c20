"""Warns of what can be read, but is likely not what was meant."""

from __future__ import annotations

import re

from typing import Final
from urllib.parse import urlsplit

from .file_keys import CloudKeys, ProjectKeys
from .messages import quoted, suggestion
from .model import Cloud, Discovery, Provider
from .regions import REGIONS, WITHOUT_MODELARTS, is_in_region
from .section import Section


_PROJECT_ID: Final = re.compile(r"[0-9a-f]{32}")
_WILDCARD: Final = re.compile(r"[*?]")


def warn_of_cloud(section: Section, keys: CloudKeys) -> None:
    """Warn of regions, endpoints and patterns that are likely wrong."""
    if keys.provider and keys.region:
        _warn_of_region(section, keys.provider, keys.region)
        if keys.region in WITHOUT_MODELARTS and not keys.modelarts_url:
            message = "ModelArts is not known to be offered in this region"
            section.warning(message, "region")
    _warn_of_path(section, "iam_url", keys.iam_url, "/v3/auth/tokens")
    _warn_of_path(section, "modelarts_url", keys.modelarts_url, "/v2/…/training-jobs")
    discovery = section.section("discovery")
    if discovery and keys.discovery and keys.region:
        _warn_of_patterns(discovery, keys.discovery, keys.region)


def _warn_of_region(section: Section, provider: Provider, region: str) -> None:
    if region in REGIONS[provider]:
        return
    name = quoted(section.shown("region"))
    others = [one for one in Provider if region in REGIONS[one]]
    if others:
        message = f"{name} is a region of {others[0]}; is the provider right?"
    else:
        hint = suggestion(region, REGIONS[provider])
        message = f"{name} is not a known region of {provider}{hint}"
    section.warning(message, "region")


def _warn_of_path(section: Section, key: str, url: str | None, example: str) -> None:
    if url and urlsplit(url).path:
        message = f"has a path; the API's own, such as {example}, are added to it"
        section.warning(message, key)


def _warn_of_patterns(section: Section, discovery: Discovery, region: str) -> None:
    patterns = {"include": discovery.include, "exclude": discovery.exclude}
    for key, several in patterns.items():
        for index, pattern in enumerate(several):
            if not _can_match(pattern, region):
                message = "matches no project of this cloud's region"
                section.warning(message, f"{key}[{index}]")


def _can_match(pattern: str, region: str) -> bool:
    start, *rest = _WILDCARD.split(pattern, maxsplit=1)
    own = f"{region}_"
    return is_in_region(start, region) or (bool(rest) and own.startswith(start))


def warn_of_project(section: Section, keys: ProjectKeys, cloud: Cloud) -> None:
    """Warn of an ID that is none."""
    if keys.project_id is None or _PROJECT_ID.fullmatch(keys.project_id):
        return
    message = "not 32 hexadecimal digits in lower case, as the IDs of projects are"
    if cloud.region and is_in_region(keys.project_id, cloud.region):
        message = "looks like the name of a project; give it as project_name"
    section.warning(message, "project_id")
