"""Reads a configuration file into a `Configuration`: keys, defaults and rules."""

from __future__ import annotations

import re

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..errors import ConfigurationError, FileError
from .clouds import read_clouds
from .document import Document, parse
from .files import read_file
from .messages import quoted, suggestion
from .model import (
    DEFAULT_TIMEOUT,
    Cloud,
    CollectionSettings,
    CollectorNames,
    Configuration,
    JobSeries,
    Project,
    TrainingApi,
)
from .section import Section


_IDENTIFIER: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_LABEL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_BUCKETS: Final = 60


def open_document(
    file: str, environment: Mapping[str, str] | None
) -> tuple[Document, Section]:
    """
    Return the document in `file`, and the mapping at its root.

    `environment` provides the values of `${NAME}`; None disables substitution. Raises
    `ConfigurationError` if the file cannot be read or is not YAML.
    """
    path = Path(file)
    try:
        source = read_file(path).decode()
    except OSError as error:
        raise ConfigurationError(
            file, (FileError(0, "", f"{error.strerror}"),)
        ) from error
    except UnicodeDecodeError:
        # Not chained: the decoding error contains the file's bytes.
        raise ConfigurationError(file, (FileError(0, "", "not UTF-8 text"),)) from None
    document = Document(file, path.parent, environment)
    return document, Section(document, parse(document, source), "")


def load(
    file: str, environment: Mapping[str, str], collectors: CollectorNames
) -> Configuration:
    """
    Return the configuration in `file`, whose projects have some of `collectors`.

    `environment` provides the values of `${NAME}`. Raises `ConfigurationError` with every
    error found.
    """
    return read(*open_document(file, environment), collectors)


def read(
    document: Document, root: Section, collectors: CollectorNames
) -> Configuration:
    """
    Return the configuration in `document`, read from its `root`.

    Raises `ConfigurationError` with every error found.
    """
    clouds = read_clouds(root)
    projects = [
        _project(section, clouds, set(clouds), collectors)
        for section in root.items("projects")
    ]
    collection = _collection(root.section("collection"), document)
    root.close()
    _check_projects(document, root, projects, collectors.default)
    document.finish()
    return Configuration(
        clouds=tuple(clouds.values()),
        projects=tuple(project for project in projects if project is not None),
        collection=collection,
    )


def _project(
    section: Section,
    clouds: Mapping[str, Cloud],
    known: set[str],
    names: CollectorNames,
) -> Project | None:
    cloud_name = section.text("cloud")
    if cloud_name and cloud_name not in known:
        hint = suggestion(cloud_name, sorted(known))
        section.error(f"no cloud named {quoted(section.shown('cloud'))}{hint}", "cloud")
    name = section.text("name")
    project_id = _identifier(section, "project_id", None)
    workspace_id = _identifier(section, "workspace_id", "0")
    collectors = section.choices("collectors", names.known, names.default)
    training_api = section.choice("training_api", TrainingApi, TrainingApi.V1)
    labels = _labels(section.section("labels"))
    section.close()
    cloud = clouds.get(cloud_name)
    if cloud is None or training_api is None:
        return None
    return Project(
        name=name,
        cloud=cloud,
        project_id=project_id,
        workspace_id=workspace_id,
        collectors=tuple(name for name in names.known if name in collectors)
        if "collectors" in section
        else None,
        training_api=training_api,
        labels=labels,
    )


def _identifier(section: Section, key: str, default: str | None) -> str:
    text = section.text(key, default)
    if text and not _IDENTIFIER.fullmatch(text):
        section.error("letters, digits, - and _ are allowed, 64 at most", key)
    return text


def _labels(section: Section | None) -> tuple[tuple[str, str], ...]:
    if section is None:
        return ()
    labels = section.texts()
    for name, _ in labels:
        if not _LABEL_NAME.fullmatch(name) or name.startswith("__"):
            section.error(
                "not a label name: letters, digits and _, not first a digit or __", name
            )
    return tuple(labels)


def _collection(section: Section | None, document: Document) -> CollectionSettings:
    if section is None:
        return CollectionSettings()
    defaults = CollectionSettings()
    collection = CollectionSettings(
        timeout=section.duration("timeout", DEFAULT_TIMEOUT)
        if "timeout" in section
        else None,
        timeout_offset=section.duration("timeout_offset", defaults.timeout_offset),
        max_concurrent_requests=section.integer(
            "max_concurrent_requests", defaults.max_concurrent_requests, 1, 10_000
        ),
        min_interval=section.duration("min_interval", defaults.min_interval),
        page_size=section.integer("page_size", defaults.page_size, 1, 1000),
        listing_limit=section.integer("listing_limit", 1, 1, 100_000_000)
        if "listing_limit" in section
        else None,
        job_series=_job_series(section.section("job_series")),
        duration_buckets=section.durations(
            "duration_buckets", defaults.duration_buckets
        ),
    )
    if collection.timeout == 0:
        section.error("must be above 0", "timeout")
    buckets = collection.duration_buckets
    if any(low >= high for low, high in zip((0.0, *buckets), buckets, strict=False)):
        section.error(
            "must be above 0 and rise from one to the next", "duration_buckets"
        )
    if len(buckets) > _MAX_BUCKETS:
        section.error(f"more than {_MAX_BUCKETS} buckets", "duration_buckets")
    section.close()
    return collection


def _job_series(section: Section | None) -> JobSeries:
    if section is None:
        return JobSeries()
    defaults = JobSeries()
    series = JobSeries(
        enabled=section.boolean("enabled", defaults.enabled),
        max_per_project=section.integer(
            "max_per_project", defaults.max_per_project, 1, 10_000
        ),
    )
    section.close()
    return series


def _check_projects(
    document: Document,
    root: Section,
    projects: list[Project | None],
    default_collectors: tuple[str, ...],
) -> None:
    names: dict[str, int] = {}
    listings: dict[tuple[str, str, str, str], int] = {}
    lines = [section.line for section in root.items("projects")]
    for index, project in enumerate(projects):
        if project is None:
            continue
        first = names.setdefault(project.name, index)
        if project.name and first != index:
            document.error(
                lines[index],
                f"projects[{index}].name",
                f"the name is that of projects[{first}] already",
            )
        collectors = project.collectors
        for name in default_collectors if collectors is None else collectors:
            key = (project.cloud.name, project.project_id, project.workspace_id, name)
            first = listings.setdefault(key, index)
            if project.project_id and first != index:
                document.error(
                    lines[index],
                    f"projects[{index}].project_id",
                    f"projects[{first}] lists the {name.replace('_', ' ')} of this "
                    "project and workspace already; they would be counted twice",
                )
