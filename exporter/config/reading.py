"""Reads a configuration file into a `Configuration`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import ConfigurationError, FileError
from .clouds import read_clouds
from .collection_settings import CollectionSettings
from .collector_names import CollectorNames
from .document import Document, parse
from .files import read_file
from .key_groups import read_group
from .model import (
    ALL_WORKSPACES,
    Configuration,
    NamedProject,
    Prices,
    Project,
)
from .projects import read_projects
from .section import Section


def open_document(
    file: str, environment: Mapping[str, str] | None, collectors: tuple[str, ...] = ()
) -> tuple[Document, Section]:
    """
    Return the document in `file`, and the mapping at its root.

    `environment` provides the values of `${NAME}`; None disables substitution.
    `collectors` are the names that collectors can have. Raises `ConfigurationError` if
    the file cannot be read or is not YAML.
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
    document = Document(file, path.parent, environment, collectors)
    return document, Section(document, parse(document, source), "")


def load(
    file: str, environment: Mapping[str, str], collectors: CollectorNames
) -> Configuration:
    """
    Return the configuration in `file`, whose projects have some of `collectors`.

    `environment` provides the values of `${NAME}`. Raises `ConfigurationError` with every
    error found.
    """
    document, root = open_document(file, environment, collectors.known)
    clouds = read_clouds(root)
    found = read_projects(root, clouds, collectors)
    projects = [one for one in found if isinstance(one, Project)]
    section = root.section("prices")
    prices = None if section is None else read_group(section, Prices)
    collection = read_group(
        root.possibly_empty_section("collection"), CollectionSettings
    )
    root.close()
    document.finish()
    return Configuration(
        clouds=tuple(clouds.values()),
        projects=tuple(one for one in projects if one.workspace_id != ALL_WORKSPACES),
        named_projects=tuple(one for one in found if isinstance(one, NamedProject)),
        divided_projects=tuple(
            one for one in projects if one.workspace_id == ALL_WORKSPACES
        ),
        collection=collection,
        prices=prices,
        warnings=tuple(sorted(document.warnings)),
    )
