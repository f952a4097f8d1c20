"""
Makes what deployments take from elsewhere in the project, and the plain manifests.

Run as `python -m deploy.build`, with Helm installed. `prometheus/rules` are the rules with
their defaults. Into the Helm chart go the rules with places for its own values, the
dashboards, and the configuration's keys as a schema; `kubernetes/` is what the chart makes
of `helm/plain-values.yaml`.
"""

from __future__ import annotations

import json
import re
import subprocess

from pathlib import Path
from typing import Final, TypeAlias

from deploy.rules.files import rule_files
from deploy.rules.values import VALUES, Placeholders, Value
from deploy.rules.values import Form as ValueForm
from docs.reference import choices_of
from exporter.config.declaration import DeclaredKey, Form, KeyGroup, Shape, keys_of
from exporter.config.file_keys import KEYS


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


def _rules() -> dict[Path, str]:
    return {
        DEPLOY / "prometheus/rules" / name: text for name, text in rule_files().items()
    }


def _chart_files() -> dict[Path, str]:
    files = {
        f"dashboards/{file.name}": file.read_text()
        for file in (DEPLOY.parent / "dashboards").glob("*.json")
    }
    files |= {f"rules/{name}": t for name, t in rule_files(Placeholders()).items()}
    defaults = {value.key: value.default for value in VALUES}
    files["rule-values.json"] = f"{json.dumps(defaults, indent=2)}\n"
    return {CHART / "files" / name: text for name, text in files.items()}


def _values_schema() -> dict[Path, str]:
    file = CHART / "values.schema.json"
    schema = json.loads(file.read_text())
    schema["properties"]["config"] = configuration_schema()
    rules = schema["properties"]["prometheusRule"]["properties"]
    rules["thresholds"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            value.key: _threshold_schema(value)
            for value in VALUES
            if value.form is not ValueForm.TEXT
        },
    }
    return {file: f"{json.dumps(schema, indent=2)}\n"}


def _threshold_schema(value: Value) -> Json:
    if value.form is ValueForm.NUMBER:
        return {"type": "number", "minimum": 0}
    return {"type": "string", "pattern": f"^{value.form.value}$"}


def configuration_schema() -> Json:
    """Return a JSON schema of the configuration; no key is required."""
    properties: dict[str, Json] = {}
    for path, group in KEYS.items():
        name = path.rstrip(".*[]")
        schema = _group_schema(group)
        if path.endswith(".*"):
            schema = {"type": "object", "additionalProperties": schema}
        elif path.endswith("[]"):
            schema = {"type": "array", "items": schema}
        properties[name] = schema
    return _mapping(properties)


def _group_schema(group: type[KeyGroup]) -> Json:
    properties: dict[str, Json] = {}
    for key in keys_of(group):
        if key.form is Form.SECRET:
            properties[f"{key.name}_file"] = {"type": "string"}
        properties[key.name] = _key_schema(key)
    return _mapping(properties)


def _mapping(properties: dict[str, Json]) -> Json:
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": properties,
    }


def _key_schema(key: DeclaredKey) -> Json:
    if issubclass(key.kind, KeyGroup):
        return _group_schema(key.kind)
    value = _value_schema(key)
    return {
        Shape.SINGLE: value,
        Shape.LIST: _list_schema(value, key.key.instead),
        Shape.MAPPING: {"type": "object", "additionalProperties": value},
    }[key.shape]


def _list_schema(value: Json, instead: str) -> Json:
    several: Json = {"type": "array", "items": value}
    word: Json = {"enum": [instead]}
    return {"anyOf": [word, _VARIABLE, several]} if instead else several


def _value_schema(key: DeclaredKey) -> Json:
    # In Helm's values, a project's ID that has digits only is a number: not text.
    choice: Json = {"anyOf": [{"enum": [*choices_of(key)]}, _VARIABLE]}
    forms: dict[Form, Json] = {
        Form.CHOICE: choice,
        Form.COLLECTOR: choice,
        Form.BOOLEAN: {"anyOf": [{"type": "boolean"}, _VARIABLE]},
        Form.INTEGER: _number("integer", *key.key.between),
        Form.NUMBER: _number("number", 0, 10**9),
    }
    return forms.get(key.form, {"type": "string"})


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
MAKERS: Final = (_rules, _chart_files, _values_schema, _manifests)
"""Each returns the text of the files that it makes, by their paths."""

if __name__ == "__main__":
    for make in MAKERS:
        for path, text in make().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
