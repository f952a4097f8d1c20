"""What Helm makes of the chart, and whether Kubernetes would take it."""

import json
import subprocess

from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml


ROOT = Path(__file__).parent.parent
CHART = ROOT / "deploy/helm/modelarts-exporter"
EXAMPLES = sorted((CHART / "ci").glob("*-values.yaml"))

# From which the custom resources' definitions are taken.
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.93.0"
# The oldest and the newest Kubernetes that the chart is for, of those that are known.
VERSIONS = ("1.25", "1.37")


class HelmError(Exception):
    """Helm refuses the values; its words."""


def rendered(*values, settings=(), release="jobs", namespace="monitoring"):
    """Return the manifests that the chart makes of some files of values."""
    command = ["helm", "template", release, CHART, f"--namespace={namespace}"]
    command += ["--kube-version=1.34"]
    command += [f"--values={file}" for file in values]
    command += [f"--set-json={setting}" for setting in settings]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise HelmError(done.stderr)
    # The parser in C: charts with dashboards have many lines.
    return [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one]


def of_kind(manifests, kind):
    """Return the manifests of a kind."""
    return [one for one in manifests if one["kind"] == kind]


def validate(manifest):
    """Fail if a manifest is none, or has fields that there are not."""
    group, _, version = manifest["apiVersion"].partition("/")
    if group == "monitoring.coreos.com":
        jsonschema.validate(manifest, _custom_schema(manifest["kind"], version))
        return
    for one in VERSIONS:
        kubernetes_validate.validate(manifest, one, strict=True)


@cache
def _custom_schema(kind, version):
    """Return the schema of a kind of the Prometheus Operator's."""
    answer = subprocess.run(
        ["go", "mod", "download", "-json", OPERATOR],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    name = f"example/prometheus-operator-crd/monitoring.coreos.com_{kind.lower()}s.yaml"
    text = (Path(json.loads(answer)["Dir"]) / name).read_text()
    # Go allows the flag anywhere, Python only at the beginning.
    definition = yaml.load(text.replace("^(?i)", "(?i)^"), yaml.CSafeLoader)
    (schema,) = [
        one["schema"]["openAPIV3Schema"]
        for one in definition["spec"]["versions"]
        if one["name"] == version
    ]
    # Of which the definition says nothing.
    schema["properties"]["metadata"] = {"type": "object"}
    return _strict(schema)


def _strict(schema):
    """Return a schema that refuses what the API server would drop."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items()}
    if strict.get("type") == "object" and "properties" in strict:
        strict.setdefault("additionalProperties", False)
    return strict
