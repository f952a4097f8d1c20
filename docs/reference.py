"""What the code says of itself: the configuration's keys, flags, metrics, statuses."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import httpx

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.cli import command_line
from exporter.collectors.jobs.statuses import UNRECOGNIZED, JobStatus
from exporter.collectors.phases import Phase
from exporter.collectors.registry import REGISTRY
from exporter.config import Secret
from exporter.config.document import Document, parse
from exporter.config.reading import read
from exporter.config.section import Section
from exporter.errors import ConfigurationError


E = TypeVar("E", bound=StrEnum)

# Values do not matter: what is read is remembered, whether or not it is right.
_EVERY_KEY: Final = """
clouds:
  one:
    provider: otc
    iam_url: x
    modelarts_url: x
    auth: {password: {}, access_key: {}, ecs_agency: {}}
    tls: {insecure_skip_verify: x}
    proxy_url: x
    rate_limit: {burst: x}
projects:
  - labels: {x: x}
collection:
  timeout: x
  listing_limit: x
  job_series: {enabled: x}
"""

# As people name them: what it is first, then what is particular.
_FIRST_LABELS: Final = (
    "project",
    "project_id",
    "cloud",
    "cloud_region",
    "kind",
    "job_id",
    "job_name",
    "status",
)


class Form(StrEnum):
    """What a value is."""

    TEXT = "text"
    SECRET = "text, or a file"  # noqa: S105 - says how it is given
    FILE = "file"
    BOOLEAN = "boolean"
    DURATION = "duration"
    DURATIONS = "durations"
    NUMBER = "number"
    INTEGER = "integer"
    CHOICE = "choice"
    CHOICES = "choices"
    SECTION = "mapping"
    SECTIONS = "list of mappings"
    TEXTS = "mapping to text"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the configuration, as it is read. `default` is None if there is none."""

    form: Form
    default: str | None = None
    choices: tuple[str, ...] = ()
    between: tuple[int, int] | None = None


@dataclass(slots=True)
class _Record(Document):
    """A configuration of which is remembered what was asked for, and how it was read."""

    keys: dict[str, Key] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)


class _Recorded(Section):
    """Reads a configuration, and remembers with which rules each key is read."""

    document: _Record

    def __contains__(self, key: str) -> bool:
        self.document.asked.add(self._path(key))
        return super().__contains__(key)

    def _path(self, key: str) -> str:
        path = re.sub(r"\[\d+\]", "[]", f"{self.path}.{key}".strip("."))
        return re.sub(r"^clouds\.\w+", "clouds.*", path)

    def _record(self, key: str, found: Key) -> None:
        self.document.keys[self._path(key)] = found

    def text(self, key: str, default: str | None = None) -> str:
        self._record(key, Key(Form.TEXT, default))
        return super().text(key, default)

    def choice(self, key: str, choices: type[E], default: E | None = None) -> E | None:
        self._record(key, Key(Form.CHOICE, default, tuple(choices)))
        return super().choice(key, choices, default)

    def choices(
        self, key: str, choices: Sequence[str], default: tuple[str, ...]
    ) -> tuple[str, ...]:
        self._record(key, Key(Form.CHOICES, ", ".join(default), tuple(choices)))
        return super().choices(key, choices, default)

    def duration(self, key: str, default: float) -> float:
        self._record(key, Key(Form.DURATION, _as_duration(default)))
        return super().duration(key, default)

    def durations(self, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
        usual = ", ".join(map(_as_duration, default))
        self._record(key, Key(Form.DURATIONS, usual))
        return super().durations(key, default)

    def integer(self, key: str, default: int, minimum: int, maximum: int) -> int:
        found = Key(Form.INTEGER, str(default), between=(minimum, maximum))
        self._record(key, found)
        return super().integer(key, default, minimum, maximum)

    def positive(self, key: str) -> float:
        self._record(key, Key(Form.NUMBER))
        return super().positive(key)

    def boolean(self, key: str, default: bool) -> bool:
        self._record(key, Key(Form.BOOLEAN, str(default).lower()))
        return super().boolean(key, default)

    def readable_file(self, key: str) -> Path | None:
        self._record(key, Key(Form.FILE))
        return super().readable_file(key)

    def secret(self, key: str) -> Secret | None:
        self._record(key, Key(Form.SECRET))
        return super().secret(key)

    def section(self, key: str) -> Section | None:
        self._record(key, Key(Form.SECTION))
        return super().section(key)

    def possibly_empty_section(self, key: str) -> Section:
        self._record(key, Key(Form.SECTION))
        return super().possibly_empty_section(key)

    def items(self, key: str) -> list[Section]:
        self._record(key, Key(Form.SECTIONS))
        return super().items(key)

    def texts(self) -> list[tuple[str, str]]:
        self._record("", Key(Form.TEXTS))
        return super().texts()


def configuration_keys() -> dict[str, Key]:
    """
    Return every key of the configuration by its path, in the order of reading.

    `clouds.*` stands for each cloud, `projects[]` for each project.
    """
    record = _Record("", Path(), {})
    with suppress(ConfigurationError):
        root = _Recorded(record, parse(record, _EVERY_KEY), "")
        read(record, root, REGISTRY.names)
    found = record.keys
    secrets = {f"{path}_file" for path, key in found.items() if key.form is Form.SECRET}
    # Some are read only where they are given.
    if unread := record.asked - found.keys() - secrets:
        raise ValueError(f"_EVERY_KEY lacks {sorted(unread)}")
    return found


def _as_duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if seconds % size == 0:
            return f"{int(seconds) // size}{unit}" if seconds else "0s"
    return f"{round(seconds * 1000)}ms"


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
        for action in command_line()._actions  # noqa: SLF001 - argparse tells nobody
        if action.option_strings
    }


def statuses(known: Iterable[JobStatus]) -> dict[Phase, list[str]]:
    """Return the statuses of an API by phase, with the one for those it does not list."""
    return {
        phase: [
            status.name for status in (*known, UNRECOGNIZED) if status.phase is phase
        ]
        for phase in Phase
    }
