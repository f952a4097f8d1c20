"""What the code says of itself: the configuration's keys, flags, metrics, statuses."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import httpx

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.collectors.phases import Phase
from exporter.collectors.registry import REGISTRY
from exporter.collectors.statuses import UNRECOGNIZED
from exporter.config.declaration import DeclaredKey, Form, KeyGroup, keys_of
from exporter.config.file_keys import KEYS
from exporter.flags import build_parser


# As people name them: what it is first, then what is particular.
_FIRST_LABELS: Final = (
    "project",
    "project_id",
    "cloud",
    "cloud_region",
    "kind",
    "api_version",
    "job_id",
    "job_name",
    "status",
)


def configuration_keys() -> dict[str, DeclaredKey]:
    """
    Return every key of the configuration by its path, groups before their keys.

    `clouds.*` stands for each cloud, `projects[]` for each project.
    """
    return {
        path: key for root, group in KEYS.items() for path, key in _keys_in(root, group)
    }


def _keys_in(prefix: str, group: type[KeyGroup]) -> Iterator[tuple[str, DeclaredKey]]:
    for key in keys_of(group):
        path = f"{prefix}.{key.name}"
        yield path, key
        if issubclass(key.kind, KeyGroup):
            yield from _keys_in(path, key.kind)


def choices_of(key: DeclaredKey) -> list[str]:
    """Return the values that a key can have, if they are few."""
    if key.form is Form.COLLECTOR:
        return list(REGISTRY.names.known)
    return list(key.kind) if issubclass(key.kind, StrEnum) else []


def default_of(key: DeclaredKey) -> str:
    """Return a key's default in Markdown; empty if it has none."""
    if key.form is Form.COLLECTOR:
        return f"`{', '.join(REGISTRY.names.default)}`"
    if key.key.default or key.form is Form.GROUP or key.default in (None, ()):
        return key.key.default
    if key.required:
        return ""
    values = key.default if isinstance(key.default, tuple) else (key.default,)
    show = _as_duration if key.form is Form.DURATION else _as_yaml
    return f"`{', '.join(map(show, values))}`"


def _as_duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if seconds % size == 0:
            return f"{int(seconds) // size}{unit}" if seconds else "0s"
    return f"{round(seconds * 1000)}ms"


def _as_yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric as it is exported: its type as in OpenMetrics, its labels, its help text."""

    name: str
    form: str
    labels: tuple[str, ...]
    help_text: str


def metric_families() -> list[Family]:
    """Return the exporter's families, as a scrape of the demo has them."""
    command = [sys.executable, "-m", "exporter", "demo"]
    with subprocess.Popen(
        [*command, "--web.listen-address=127.0.0.1:0", "--log.level=error"],
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        try:
            lines = iter(demo.stdout.readline, "") if demo.stdout else iter(())
            url = next(line.split()[1] for line in lines if "Metrics" in line)
            accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
            httpx.get(url, timeout=30)
            answer = httpx.get(url, headers=accept, timeout=30).text
        finally:
            demo.terminate()
    return [
        Family(
            f"{family.name}_total" if family.type == "counter" else family.name,
            family.type.replace("gaugehistogram", "gauge histogram"),
            _labels(label for sample in family.samples for label in sample.labels),
            family.documentation,
        )
        for family in text_string_to_metric_families(answer)
        if family.name.startswith("modelarts")
    ]


def _labels(names: Iterator[str]) -> tuple[str, ...]:
    shown = {re.sub("^label_.*", "label_…", name) for name in names} - {"le"}
    first = [name for name in _FIRST_LABELS if name in shown]
    rest = sorted(shown.difference(first), key=lambda name: ("…" in name, name))
    return (*first, *rest)


def flags() -> dict[str, str]:
    """Return the command line's flags with their defaults, which may be empty."""
    nothing = {None, False, argparse.SUPPRESS}
    return {
        action.option_strings[-1]: ""
        if action.default in nothing
        else f"{action.default}".removesuffix(".0")
        for action in build_parser()._actions  # noqa: SLF001 - argparse tells nobody
        if action.option_strings
    }


class NamedStatus(Protocol):
    """A status of any product."""

    @property
    def name(self) -> str:
        """Its name in the label `status`."""

    @property
    def phase(self) -> Phase:
        """Its phase."""


def statuses(known: Iterable[NamedStatus]) -> dict[Phase, list[str]]:
    """Return the statuses of an API by phase, with the one for those it does not list."""
    return {
        phase: [
            status.name for status in (*known, UNRECOGNIZED) if status.phase is phase
        ]
        for phase in Phase
    }
