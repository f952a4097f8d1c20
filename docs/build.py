"""
Writes what the code says into the documents' tables, and the manual page.

Run as `python -m docs.build`. A table that is written has a comment above it that says
with what. In those of flags and metrics, the last column, and what the code does not
know, is people's and is kept.
"""

from __future__ import annotations

import re

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from deploy.rules.values import VALUES
from deploy.rules.values import Form as ValueForm
from docs.man_page import MAN_PAGE, man_page
from docs.reference import (
    NamedStatus,
    choices_of,
    configuration_keys,
    default_of,
    flags,
    metric_families,
    statuses,
)
from exporter.collectors.jobs.statuses import V1_STATUSES, V2_STATUSES
from exporter.collectors.lite_servers.statuses import LITE_SERVER_STATUSES
from exporter.collectors.notebooks.statuses import NOTEBOOK_STATUSES
from exporter.collectors.pools.statuses import POOL_STATUSES, WORKLOAD_STATUSES
from exporter.collectors.services.statuses import SERVICE_STATUSES
from exporter.config.declaration import DeclaredKey, Form, Shape


DOCUMENTS: Final = tuple(
    Path(__file__).with_name(name)
    for name in ("configuration.md", "metrics.md", "monitoring.md")
)

_TABLE: Final = re.compile(
    r"(?P<head><!-- made by make docs: (?P<what>.+) -->\n\|.*\n\|.*\n)(?P<rows>(?:\|.*\n)*)"
)


# Metrics by the beginning of their names; all others are in the table of jobs.
_SUBJECTS: Final = {
    "modelarts_exporter_": "the exporter",
    "modelarts_pool": "pools",
    "modelarts_notebook": "notebooks",
    "modelarts_running_notebooks": "notebooks",
    "modelarts_service": "services",
    "modelarts_lite_servers": "Lite Servers and events",
    "modelarts_scheduled_events": "Lite Servers and events",
    "modelarts_next_scheduled_event": "Lite Servers and events",
}


def built(text: str) -> str:
    """Return a document with its tables as the code has them."""
    return _TABLE.sub(lambda match: match["head"] + _rows(match), text)


def _rows(match: re.Match[str]) -> str:
    lines = match["rows"].splitlines()
    old = {cells[0]: cells[1:] for cells in map(_cells, lines)}
    what, _, whose = match["what"].partition(" of ")
    rows = {
        "keys": lambda: _key_rows(f"{whose}."),
        "flags": lambda: _flag_rows(old),
        "metrics": lambda: _metric_rows(whose, old),
        "statuses": lambda: _status_rows(whose),
        "thresholds": _threshold_rows,
    }[what]()
    return "".join(f"| {' | '.join(row)} |\n".replace("|  |", "| |") for row in rows)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line[1:-1].split("|")]


def _ordered(old: Iterable[str], found: Iterable[str]) -> list[str]:
    """Return what was found: first in the order of the document, then what it lacks."""
    names = [*found]
    listed = [name for name in (cell.strip("`") for cell in old) if name in names]
    return [*dict.fromkeys([*listed, *names])]


def _key_rows(prefix: str) -> Iterator[list[str]]:
    elsewhere: tuple[str, ...] = ()
    for path, key in configuration_keys().items():
        if not path.startswith(prefix) or path.startswith(elsewhere):
            continue
        # A group is its keys, unless its help says where they are.
        if key.form is Form.GROUP and key.key.help:
            elsewhere += (f"{path}.",)
        elif key.form is Form.GROUP:
            continue
        name = path.removeprefix(prefix)
        yield [f"`{name}`", _value(key), default_of(key), key.key.help]


def _value(key: DeclaredKey) -> str:
    one, several = _form(key)
    instead = f"`{key.key.instead}`, or " if key.key.instead else ""
    return {
        Shape.SINGLE: one,
        Shape.LIST: f"{instead}a list of {several}",
        Shape.MAPPING: f"mapping to {one}",
    }[key.shape]


def _form(key: DeclaredKey) -> tuple[str, str]:
    """Return how a value is called, and several of them."""
    low, high = key.key.between
    choices = ", ".join(f"`{choice}`" for choice in choices_of(key))
    return {
        Form.TEXT: ("text", "texts"),
        Form.SECRET: (f"text; or `{key.name}_file`", "texts"),
        Form.FILE: ("file", "files"),
        Form.BOOLEAN: ("`true`, `false`", ""),
        Form.INTEGER: (f"{low:,} to {high:,}", "numbers"),
        Form.NUMBER: ("number", "numbers"),
        Form.DURATION: ("duration", "durations"),
        Form.CHOICE: (choices, choices),
        Form.COLLECTOR: (choices, choices),
        Form.GROUP: ("mapping", "mappings"),
    }[key.form]


def _flag_rows(old: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    found = flags()
    for flag in _ordered(old, found):
        default, words = old.get(f"`{flag}`", ("", ""))
        if found[flag]:
            default = f"`{found[flag]}`"
        yield [f"`{flag}`", default, words]


def _threshold_rows() -> Iterator[list[str]]:
    for value in VALUES:
        # The default of a text is too long for a table, and its words say what it is.
        default = "" if value.form is ValueForm.TEXT else f"`{value.default}`"
        words = value.meaning
        if value.label:
            words += f"; a project's own: `{value.label}`"
        yield [f"`{value.flag}`", f"`{value.key}`", default, words]


_families = cache(metric_families)


def _subject(name: str) -> str:
    """Return what a metric is about, as the comments above tables name it."""
    return next(
        (subject for prefix, subject in _SUBJECTS.items() if name.startswith(prefix)),
        "jobs",
    )


def _metric_rows(whose: str, old: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    found = {
        family.name: family for family in _families() if _subject(family.name) == whose
    }
    for name in _ordered(old, found):
        family = found[name]
        _, labels, words = old.get(f"`{name}`", ("", "", family.help_text))
        # Without a sample, nothing is seen of its labels.
        labels = ", ".join(family.labels) or labels
        yield [f"`{name}`", family.form, labels, words]


_STATUSES: Final[Mapping[str, Iterable[NamedStatus]]] = {
    "v1": V1_STATUSES.values(),
    "v2": V2_STATUSES.values(),
    "pools": POOL_STATUSES,
    "workloads": WORKLOAD_STATUSES,
    "notebooks": NOTEBOOK_STATUSES,
    "services": SERVICE_STATUSES,
    "Lite Servers": LITE_SERVER_STATUSES,
}


def _status_rows(api: str) -> Iterator[list[str]]:
    found = statuses(_STATUSES[api])
    for phase, names in found.items():
        yield [f"`{phase.value}`", ", ".join(f"`{name}`" for name in names)]


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(built(document.read_text()))
    MAN_PAGE.write_text(man_page())
