"""Manifests that Helm renders from the chart, and their validation."""

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

# The source of the custom resource definitions.
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.93.0"
# The oldest Kubernetes that the chart supports, and the newest with a known schema.
VERSIONS = ("1.25", "1.37")
# Otherwise they are read again for each manifest.
kubernetes_validate.utils.schema_contents = cache(
    kubernetes_validate.utils.schema_contents
)


class HelmError(Exception):
    """Helm rejects the values; the message is Helm's."""


def rendered(*values, settings=(), release="jobs", namespace="monitoring"):
    """Return the manifests that the chart renders from values files."""
    text = _template(
        release,
        f"--namespace={namespace}",
        *(f"--values={file}" for file in values),
        *(f"--set-json={setting}" for setting in settings),
    )
    # The C parser: charts with dashboards have many lines.
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


@cache
def _template(release, *flags):
    command = ["helm", "template", release, CHART, "--kube-version=1.34", *flags]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise HelmError(done.stderr)
    return done.stdout


def of_kind(manifests, kind):
    """Return the manifests of a kind."""
    return [one for one in manifests if one["kind"] == kind]


def validate(manifest):
    """Fail if a manifest is invalid, or has unknown fields."""
    group, _, version = manifest["apiVersion"].partition("/")
    if group == "monitoring.coreos.com":
        _custom_validator(manifest["kind"], version).validate(manifest)
        return
    for one in VERSIONS:
        kubernetes_validate.validate(manifest, one, strict=True)


@cache
def _operator():
    """Return the folder of the Prometheus Operator's source."""
    command = ["go", "mod", "download", "-json", OPERATOR]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Path(json.loads(answer)["Dir"])


@cache
def _custom_validator(kind, version):
    """Return the validator of one of the Prometheus Operator's kinds."""
    name = f"example/prometheus-operator-crd/monitoring.coreos.com_{kind.lower()}s.yaml"
    text = (_operator() / name).read_text()
    # Go allows the flag anywhere, Python only at the beginning.
    definition = yaml.load(text.replace("^(?i)", "(?i)^"), yaml.CSafeLoader)
    (schema,) = [
        one["schema"]["openAPIV3Schema"]
        for one in definition["spec"]["versions"]
        if one["name"] == version
    ]
    # The definition has no schema for it.
    schema["properties"]["metadata"] = {"type": "object"}
    # The schema itself is not checked, since that takes a second.
    return jsonschema.Draft202012Validator(_strict(schema))


def _strict(schema):
    """Return a schema that rejects what the API server would drop."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items()}
    if strict.get("type") == "object" and "properties" in strict:
        strict.setdefault("additionalProperties", False)
    return strict
