"""
Makes what deployments take from elsewhere in the project, and the plain manifests.

Run as `python -m deploy.build`, with Helm installed. Into the Helm chart go the rules, the
dashboards, and the configuration's keys as a schema; `kubernetes/` is what the chart makes
of `helm/plain-values.yaml`.
"""

from __future__ import annotations

import json
import re
import subprocess

from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

from docs.reference import Form, Key, configuration_keys


DEPLOY: Final = Path(__file__).parent
CHART: Final = DEPLOY / "helm/modelarts-exporter"

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json]"

# The exporter puts environment variables into any value.
_VARIABLE: Final[dict[str, Json]] = {"type": "string", "pattern": r"\$\{"}
_HELM_ONLY: Final = re.compile(
    r"^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by|checksum/config): .*\n"
    r"|^# Source: .*\n",
    re.MULTILINE,
)


def _copies() -> dict[Path, str]:
    rules = (DEPLOY / "prometheus/rules").glob("*.yml")
    dashboards = (DEPLOY.parent / "dashboards").glob("*.json")
    return {
        CHART / "files" / folder / file.name: file.read_text()
        for folder, files in (("rules", rules), ("dashboards", dashboards))
        for file in files
    }


def _values_schema() -> dict[Path, str]:
    file = CHART / "values.schema.json"
    schema = json.loads(file.read_text())
    schema["properties"]["config"] = configuration_schema(configuration_keys())
    return {file: f"{json.dumps(schema, indent=2)}\n"}


def configuration_schema(keys: Mapping[str, Key]) -> Json:
    """Return a JSON schema of the configuration with these keys, none of them required."""
    return _mapping(keys, "")


def _mapping(keys: Mapping[str, Key], prefix: str) -> Json:
    """Return the schema of the mapping whose keys' paths begin with `prefix`."""
    properties: dict[str, Json] = {}
    for path, key in keys.items():
        name = path.removeprefix(prefix)
        if not path.startswith(prefix) or "." in name:
            continue
        below = [one for one in keys if one.startswith((f"{path}.", f"{path}[]."))]
        if key.form is Form.SECRET:
            properties[f"{name}_file"] = {"type": "string"}
        if not below:
            properties[name] = _value_schema(key)
        elif below[0].startswith(f"{path}.*."):
            each = _mapping(keys, f"{path}.*.")
            properties[name] = {"type": "object", "additionalProperties": each}
        elif below[0].startswith(f"{path}[]."):
            properties[name] = {"type": "array", "items": _mapping(keys, f"{path}[].")}
        else:
            properties[name] = _mapping(keys, f"{path}.")
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": properties,
    }


def _value_schema(key: Key) -> Json:
    text: Json = {"type": "string"}
    choice: Json = {"anyOf": [{"enum": [*key.choices]}, _VARIABLE]}
    low, high = key.between or (0, 10**9)
    # In Helm's values, a project's ID that has digits only is a number: not text.
    forms: dict[Form, Json] = {
        Form.TEXTS: {"type": "object", "additionalProperties": text},
        Form.CHOICE: choice,
        Form.CHOICES: {"type": "array", "items": choice},
        Form.DURATIONS: {"type": "array", "items": text},
        Form.BOOLEAN: {"anyOf": [{"type": "boolean"}, _VARIABLE]},
        Form.INTEGER: _number("integer", low, high),
        Form.NUMBER: _number("number", low, high),
    }
    return forms.get(key.form, text)


def _number(form: str, low: int, high: int) -> Json:
    digits: Json = {"type": "string", "pattern": r"\$\{|^[0-9.]+$"}
    return {"anyOf": [{"type": form, "minimum": low, "maximum": high}, digits]}


def _manifests() -> dict[Path, str]:
    parts = {
        "exporter": "serviceaccount configmap deployment service networkpolicy",
        "prometheus-operator": "servicemonitor prometheusrule",
        "grafana-dashboards": "dashboards",
    }
    return {
        DEPLOY / f"kubernetes/{name}.yaml": _rendered(templates.split())
        for name, templates in parts.items()
    }


def _rendered(templates: list[str]) -> str:
    """Return what the chart makes of some of its templates, without Helm's own marks."""
    command = ["helm", "template", "modelarts-exporter", str(CHART)]
    command += ["--namespace=monitoring", "--kube-version=1.34"]
    command += [f"--values={DEPLOY}/helm/plain-values.yaml"]
    command += [f"--show-only=templates/{template}.yaml" for template in templates]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    head = (
        "# Made by make manifests from the Helm chart, with helm/plain-values.yaml.\n"
    )
    return head + _HELM_ONLY.sub("", done.stdout)


# In this order: the manifests are made of the chart's files, as they are on the disk.
MAKERS: Final = (_copies, _values_schema, _manifests)
"""Each returns the text of the files that it makes, by their paths."""

if __name__ == "__main__":
    for make in MAKERS:
        for path, text in make().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
