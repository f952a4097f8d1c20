"""A rule of Prometheus, and the YAML of a file of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from textwrap import dedent, indent
from typing import Final

from deploy.rules.values import Values


class Severity(StrEnum):
    """Who is to be woken by it."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Record:
    """A recording rule."""

    name: str
    expression: str


@dataclass(frozen=True)
class Alert:
    """
    An alerting rule.

    `wait` is for how long its condition has to be true; the description has it as `${for}`.
    """

    name: str
    severity: Severity
    wait: str
    expression: str
    summary: str
    description: str
    dashboard: str
    """The path and the query of a link to Grafana."""

    is_of_project: bool = True
    """Whether it gets the project's cloud and configured labels, to route by."""

    has_cloud: bool = False
    """Whether its series have the label `cloud` themselves."""


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated one after the other."""

    name: str
    rules: tuple[Record | Alert, ...]


@dataclass(frozen=True)
class RuleFile:
    """A file of rules, with what its first lines say."""

    name: str
    comment: str
    groups: tuple[Group, ...]


PROJECT_INFO: Final = "project:modelarts_project_info:last"

# A template instead of a join: that would lose the alert where it finds nothing, and fail
# the rule where it finds two. (With no value at all, ALERTS would show the template.)
_LOOKUP: Final = (
    "{{ with query (printf \"%(info)s{%(label)s!='',project=%%q,job=%%q}\""
    " $labels.project $labels.job) }}"
    '{{ . | sortByLabel "%(label)s" | first | label "%(label)s" }}'
    "{{ else }}unknown{{ end }}"
)


def yaml_of(
    file: RuleFile, values: Values, labels: tuple[str, ...], waits: Mapping[str, str]
) -> str:
    """
    Return the text of a file.

    Alerts about a project get its configured `labels`, and `cloud`. `waits` are other
    durations for `for`, by the alerts' names.
    """
    head = indent(dedent(file.comment).strip(), "# ", lambda _line: True)
    lines = [head.replace("# \n", "#\n"), "groups:"]
    for group in file.groups:
        lines += [f"  - name: {group.name}"]
        if isinstance(group.rules[0], Record):
            lines.append("    interval: 1m")
        lines.append("    rules:")
        for rule in group.rules:
            wait = waits.get(rule.name)
            chosen = (
                replace(rule, wait=wait) if wait and isinstance(rule, Alert) else rule
            )
            lines += _lines(chosen, values, labels)
    return "\n".join(lines) + "\n"


def _lines(rule: Record | Alert, values: Values, labels: tuple[str, ...]) -> list[str]:
    kind = "record" if isinstance(rule, Record) else "alert"
    return [
        f"      - {kind}: {rule.name}",
        "        expr: |",
        indent(dedent(rule.expression).strip(), " " * 10),
        *(_alert_lines(rule, values, labels) if isinstance(rule, Alert) else ()),
        *([""] if kind == "record" else ()),
    ]


def _alert_lines(
    alert: Alert, values: Values, labels: tuple[str, ...]
) -> Iterator[str]:
    wait = values.wait(alert.wait)
    yield f"        for: {alert.wait}"
    yield f"        keep_firing_for: {values['keep_firing_for']}"
    yield "        labels:"
    yield f"          severity: {alert.severity}"
    if alert.is_of_project:
        for label in labels:
            found = _LOOKUP % {"info": PROJECT_INFO, "label": f"label_{label}"}
            own = f"$labels.{label}"
            text = f"{{{{ with {own} }}}}{{{{ . }}}}{{{{ else }}}}{found}{{{{ end }}}}"
            yield from _folded(label, text)
        if not alert.has_cloud:
            found = _LOOKUP % {"info": PROJECT_INFO, "label": "cloud"}
            yield from _folded("cloud", found)
    yield "        annotations:"
    yield f"          summary: {alert.summary}"
    description = " ".join(alert.description.split()).replace("${for}", wait)
    yield from _folded("description", description)
    link = f"{values['dashboard_url']}/d/{alert.dashboard}"
    yield from _folded("dashboard_url", link)
    yield from _folded("runbook_url", f"{values['runbook_url']}{alert.name}.md")


def _folded(key: str, text: str) -> Iterator[str]:
    """Yield a text in one line, in which nothing has to be quoted."""
    yield f"          {key}: >-"
    yield f"            {text}"
