"""The Helm chart: what it renders, what it rejects, and whether the result works."""

import base64
import json
import subprocess
import sys

import pytest
import trustme
import yaml

from commands import ended
from jsonschema import ValidationError
from manifests import CHART, EXAMPLES, ROOT, HelmError, of_kind, rendered, validate
from programs import (
    prometheus_queries,
    promtool,
    running_exporter,
    running_simulator,
    wait_until,
)

from deploy.build import MAKERS
from deploy.rules.values import Chosen
from exporter import __version__


pytestmark = pytest.mark.needs("helm", "go")

FOLDER = "/etc/modelarts-exporter"
MINIMAL = json.dumps(
    {
        "clouds": {
            "one": {
                "provider": "otc",
                "region": "eu-de",
                "auth": {
                    "password": {
                        "username": "u",
                        "password_file": "otc-password",
                        "domain": "d",
                    }
                },
            }
        },
        "projects": [{"name": "vision", "cloud": "one", "project_id": "abc"}],
    }
)
PLAIN = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))


def plain_manifests():
    """Return the plain manifests, for clusters without Helm."""
    texts = [file.read_text() for file in PLAIN]
    return [one for text in texts for one in yaml.load_all(text, yaml.CSafeLoader)]


@pytest.mark.parametrize("values", EXAMPLES, ids=lambda file: file.stem)
def test_helm_lint(values):
    """`helm lint --strict` accepts the chart with each example's values."""
    subprocess.run(
        ["helm", "lint", "--strict", "--quiet", f"--values={values}", CHART], check=True
    )


@pytest.mark.parametrize(
    "values", [*EXAMPLES, None], ids=lambda file: file.stem if file else "plain"
)
def test_manifests_are_valid(values):
    """Every manifest follows the schema of its kind, without unknown fields."""
    manifests = rendered(values) if values else plain_manifests()

    assert len(manifests) >= 3
    for manifest in manifests:
        validate(manifest)


def test_an_unknown_field_is_found():
    """The validation of custom resources can fail."""
    (monitor,) = of_kind(rendered(CHART / "ci/operator-values.yaml"), "ServiceMonitor")
    monitor["spec"]["endpoints"][0]["scrapeTimeOut"] = "1s"

    with pytest.raises(ValidationError, match="scrapeTimeOut"):
        validate(monitor)


def test_generated_files_are_up_to_date():
    """Generated rules, dashboards, schema and plain manifests are up to date."""
    files = {path: text for make in MAKERS for path, text in make().items()}

    assert len(files) >= 9
    assert [path for path, text in files.items() if path.read_text() != text] == []


def test_the_version():
    """The chart installs the exporter of its own version."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["appVersion"] == f"v{__version__}"


def workload(manifests):
    """Return the manifest with the exporter's pods: a Deployment or a StatefulSet."""
    (found,) = of_kind(manifests, "Deployment") + of_kind(manifests, "StatefulSet")
    return found


@pytest.mark.parametrize("values", EXAMPLES, ids=lambda file: file.stem)
def test_pods_are_restricted(values):
    """Pods follow the Pod Security Standard *restricted*, and have no token."""
    for manifest in rendered(values):
        if manifest["kind"] not in {"Deployment", "StatefulSet", "Pod"}:
            continue
        spec = manifest["spec"].get("template", manifest)["spec"]
        (container,) = spec["containers"]
        context = container["securityContext"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 65534
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        kinds = {key for volume in spec.get("volumes", []) for key in volume} - {"name"}
        assert kinds <= {"projected", "emptyDir"}
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("values", EXAMPLES, ids=lambda file: file.stem)
def test_selectors_select(values):
    """Service, policy, budget and monitor select the exporter's pod, and no other."""
    manifests = rendered(values)
    exporter = workload(manifests)
    (service,) = of_kind(manifests, "Service")
    pod = exporter["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    labels = pod["metadata"]["labels"]
    selectors = [exporter["spec"]["selector"]["matchLabels"]]
    selectors += [service["spec"]["selector"]]
    for one in of_kind(manifests, "NetworkPolicy"):
        selectors.append(one["spec"]["podSelector"]["matchLabels"])
        (ingress,) = one["spec"]["ingress"]
        # The name of the container's port, whatever the Service's port is.
        assert ingress["ports"] == [{"port": "http", "protocol": "TCP"}]
    for one in of_kind(manifests, "PodDisruptionBudget"):
        selectors.append(one["spec"]["selector"]["matchLabels"])
    checks = [one["metadata"]["labels"] for one in of_kind(manifests, "Pod")]

    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not any(selector.items() <= check.items() for check in checks)
    assert container["ports"][0]["name"] == "http"
    assert service["spec"]["ports"][0]["targetPort"] == "http"
    for monitor in of_kind(manifests, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= service["metadata"]["labels"].items()
        assert monitor["spec"]["endpoints"][0]["port"] == "http"


def write_pod_files(folder, manifests, existing):
    """Write the pod's files as the kubelet does; return the exporter's arguments."""
    exporter = workload(manifests)
    spec = exporter["spec"]["template"]["spec"]
    for source in spec["volumes"][0]["projected"]["sources"]:
        ((form, wanted),) = source.items()
        kind = {"configMap": "ConfigMap", "secret": "Secret"}[form]
        found = [
            one
            for one in of_kind(manifests, kind)
            if one["metadata"]["name"] == wanted["name"]
        ]
        data = found[0]["data"] if found else existing[wanted["name"]]
        if found and kind == "Secret":
            data = {
                name: base64.b64decode(text).decode() for name, text in data.items()
            }
        items = wanted.get("items", [{"key": name, "path": name} for name in data])
        for item in items:
            file = folder / item["path"]
            file.parent.mkdir(exist_ok=True)
            assert not file.exists()
            file.write_text(data[item["key"]])
    (container,) = spec["containers"]
    pod = f"{exporter['metadata']['name']}-0"
    return [
        one.replace(FOLDER, str(folder)).replace("$(POD_NAME)", pod)
        for one in container["args"]
    ]


@pytest.mark.parametrize("name", ["operator", "probes", "discovery", "shards", "plain"])
def test_the_pods_files_are_a_configuration(name, tmp_path, certificate, monkeypatch):
    """The exporter accepts its arguments, with the files where the kubelet puts them."""
    example = (ROOT / "deploy/compose/simulated.yml").read_text()
    existing = {
        "huawei-credentials": {"huawei-secret-key": "secret"},
        "otc-credentials": {
            "otc-password": "secret",
            "otc-secret-key": "secret",
            "listener.yml": "",
        },
        "exporter-certificate": certificate,
        "modelarts": {"modelarts.yml": example},
        "modelarts-exporter-credentials": {"otc-password": "secret"},
    }
    manifests = (
        plain_manifests()
        if name == "plain"
        else rendered(CHART / f"ci/{name}-values.yaml")
    )
    arguments = write_pod_files(tmp_path, manifests, existing)
    monkeypatch.setenv("HUAWEI_ACCESS_KEY", "key")
    monkeypatch.setenv("OTC_ACCESS_KEY", "key")
    monkeypatch.setenv("PROXY_URL", "http://u:p@proxy:3128")
    done = ended("--config.check", *arguments)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def certificate():
    """Return a certificate and its key, as in a Secret."""
    issued = trustme.CA().issue_cert("exporter.example.org")
    chain = "".join(one.bytes().decode() for one in issued.cert_chain_pems)
    return {"tls.crt": chain, "tls.key": issued.private_key_pem.bytes().decode()}


def test_values_stay_what_they_are():
    """Digits stay text and a million stays a number, through two YAML parsers."""
    (found,) = of_kind(
        rendered(
            CHART / "ci/operator-values.yaml",
            settings=["config.collection.listing_limit=1000000"],
        ),
        "ConfigMap",
    )[:1]
    text = found["data"]["modelarts.yml"]

    assert "listing_limit: 1000000\n" in text
    assert 'project_id: "01234567890123456789012345678901"' in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["config={}"], "nothing is configured"),
        (["demo=true"], "give one of config, existingConfig.name and demo"),
        (
            ['config.clouds.one.auth.password.password="pa55word"'],
            "config.clouds.one.auth.password.password: a ConfigMap is no place",
        ),
        (
            ['config.clouds.one.auth={"access_key": {"secret_key": "pa55word"}}'],
            "config.clouds.one.auth.access_key.secret_key: a ConfigMap is no place",
        ),
        (
            ['config.clouds.one.proxy_url="http://user:pa55word@proxy:3128"'],
            "config.clouds.one.proxy_url: a ConfigMap is no place for a password",
        ),
        (['config.projects[0].projectid="a"'], "'projectid' not allowed"),
        (["config.projects[0].project_id=123"], "got number, want string"),
        (["config.collection.page_size=5000"], "maximum: got 5,000, want 1,000"),
        (['credentials={"modelarts.yml": "a"}'], "that name is the chart's own"),
        (["replicas=2"], "'/replicas': value must be one of 0, 1"),
        (["serviceMonitor.enable=true"], "'enable' not allowed"),
        (["shards=0"], "'/shards': minimum: got 0, want 1"),
        (["shards=2.5"], "'/shards'"),
        (["shards=2", "config={}", "demo=true"], "shards: the demo has none"),
        (["shards=2", "probe.enabled=true"], "use scrapeConfig, which finds them"),
        (["shards=2", 'service.type="NodePort"'], "with shards it must be ClusterIP"),
        (["probe.enabled=true", "scrapeConfig.enabled=true"], "counted twice"),
        (['scrape.timeout="30"'], "'/scrape/timeout'"),
        (
            ["prometheusRule.enabled=true", 'prometheusRule.disabled=["ModelArts"]'],
            "there is no alert ModelArts; there are ModelArtsExporterDown",
        ),
        (
            ["prometheusRule.enabled=true", 'prometheusRule.for={"ModelArts": "1h"}'],
            "prometheusRule.for: there is no alert ModelArts; there are",
        ),
        (
            ['prometheusRule.thresholds={"maxJobDuration": "5 days"}'],
            "maxJobDuration",
        ),
        (['prometheusRule.thresholds={"maxJobDays": "5d"}'], "maxJobDays"),
    ],
)
def test_invalid_values(settings, words):
    """Invalid values render nothing; the message says where, and has no secret."""
    with pytest.raises(HelmError) as refused:
        rendered(settings=[f"config={MINIMAL}", *settings])

    assert words in str(refused.value)
    assert "pa55word" not in str(refused.value)


def test_no_projects_to_probe():
    """A configuration that the chart cannot see has no projects for Probes."""
    settings = ['existingConfig.name="a"', "probe.enabled=true"]
    with pytest.raises(
        HelmError, match=r"probe\.projects: the chart knows no projects"
    ):
        rendered(settings=settings)
    settings.append('probe.projects=[{"name": "vision"}]')

    (probe,) = of_kind(rendered(settings=settings), "Probe")
    assert probe["spec"]["targets"]["staticConfig"]["static"] == ["vision"]


def test_secrets_are_in_secrets():
    """A credential is in the Secret, encoded, and nowhere else."""
    values = CHART / "ci/operator-values.yaml"
    manifests = rendered(values)
    (secret,) = of_kind(manifests, "Secret")
    encoded = secret["data"].pop("otc-password")

    assert base64.b64decode(encoded).decode() == "not-a-real-password"
    assert "not-a-real-password" not in json.dumps(manifests)
    assert encoded not in json.dumps(manifests)


def test_a_change_replaces_the_pod():
    """A change of the configuration or a credential changes the pod's template."""

    def template(*settings):
        values = CHART / "ci/operator-values.yaml"
        settings = ["dashboards.enabled=false", *settings]
        (deployment,) = of_kind(rendered(values, settings=settings), "Deployment")
        return deployment["spec"]["template"]

    usual = template()
    assert template('credentials.otc-password="other"') != usual
    assert template('config.collection.min_interval="30s"') != usual
    assert template('scrape.interval="2m"') == usual


@pytest.mark.parametrize(
    ("settings", "prefix"),
    [
        ({"externalUrl": "https://example.org/modelarts/"}, "/modelarts"),
        ({"externalUrl": "https://example.org/a", "routePrefix": "/b"}, "/b"),
        ({"externalUrl": "https://example.org/a", "routePrefix": "/"}, ""),
    ],
)
def test_all_paths_follow_the_prefix(settings, prefix):
    """The kubelet and Prometheus use the prefix of the exporter's flags."""
    manifests = rendered(
        CHART / "ci/probes-values.yaml",
        settings=[f'web.{key}="{value}"' for key, value in settings.items()],
    )
    (container,) = workload(manifests)["spec"]["template"]["spec"]["containers"]
    (monitor,) = of_kind(manifests, "ServiceMonitor")
    paths = [
        container["livenessProbe"]["httpGet"]["path"],
        container["readinessProbe"]["httpGet"]["path"],
        monitor["spec"]["endpoints"][0]["path"],
        *{probe["spec"]["prober"]["path"] for probe in of_kind(manifests, "Probe")},
    ]

    assert f"--web.external-url={settings['externalUrl']}" in container["args"]
    assert paths == [
        f"{prefix}{path}"
        for path in ("/-/healthy", "/-/ready", "/exporter-metrics", "/probe")
    ]


SHARDS = CHART / "ci/shards-values.yaml"


def test_each_pod_knows_its_shard():
    """The ordinal in a pod's name is its shard, and pods start in parallel."""
    manifests = rendered(SHARDS)
    (found,) = of_kind(manifests, "StatefulSet")
    (service,) = of_kind(manifests, "Service")
    spec = found["spec"]
    (container,) = spec["template"]["spec"]["containers"]

    assert not of_kind(manifests, "Deployment")
    assert spec["replicas"] == 3
    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["serviceName"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert {"--shard-from-pod=$(POD_NAME)", "--total-shards=3"} < set(container["args"])
    assert container["env"][0] == {
        "name": "POD_NAME",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
    }
    assert workload(rendered(SHARDS, settings=["replicas=0"]))["spec"]["replicas"] == 0


def test_shards_are_on_several_nodes_and_evicted_one_by_one():
    """Shards are spread over nodes, unless the values say otherwise."""
    manifests = rendered(SHARDS)
    template = workload(manifests)["spec"]["template"]
    (budget,) = of_kind(manifests, "PodDisruptionBudget")
    (spread,) = template["spec"]["topologySpreadConstraints"]
    other = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    mine = rendered(
        SHARDS, settings=[f"topologySpreadConstraints=[{json.dumps(other)}]"]
    )

    assert budget["spec"]["maxUnavailable"] == 1
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    selected = spread["labelSelector"]["matchLabels"]
    assert selected.items() <= template["metadata"]["labels"].items()
    assert workload(mine)["spec"]["template"]["spec"]["topologySpreadConstraints"] == [
        other
    ]


def test_prometheus_has_an_instance_for_each_shard():
    """A shard's instance survives its pod; without shards, it is the release."""

    def instance(*values):
        (monitor,) = of_kind(rendered(*values), "ServiceMonitor")
        (endpoint,) = monitor["spec"]["endpoints"]
        (found,) = [
            one
            for one in endpoint["relabelings"]
            if one.get("targetLabel") == "instance"
        ]
        return found

    assert instance(SHARDS)["sourceLabels"] == ["__meta_kubernetes_pod_name"]
    assert instance(CHART / "ci/operator-values.yaml") == {
        "targetLabel": "instance",
        "replacement": "jobs-modelarts-exporter",
    }


def test_each_shard_serves_its_projects():
    """Service discovery asks each pod at its own port, which no Service maps."""
    manifests = rendered(
        SHARDS, settings=["scrapeConfig.enabled=true", "service.port=80"]
    )
    (found,) = of_kind(manifests, "ScrapeConfig")
    validate(found)

    assert [one["url"] for one in found["spec"]["httpSDConfigs"]] == [
        f"http://jobs-modelarts-exporter-{index}.jobs-modelarts-exporter-headless"
        ".monitoring.svc:10198/sd"
        for index in range(3)
    ]


def rules_in(folder):
    """Return the groups of rules in a folder, by name."""
    files = folder.glob("*.yml")
    groups = [
        one
        for file in files
        for one in yaml.load(file.read_text(), yaml.CSafeLoader)["groups"]
    ]
    return {group["name"]: group["rules"] for group in groups}


def shipped_rules():
    """Return the shipped groups of rules, by name."""
    return rules_in(ROOT / "deploy/prometheus/rules")


def rendered_rules(*settings):
    """Return the groups of rules that the chart renders, by name."""
    settings = [f"config={MINIMAL}", "prometheusRule.enabled=true", *settings]
    (made,) = of_kind(rendered(settings=settings), "PrometheusRule")
    return {group["name"]: group["rules"] for group in made["spec"]["groups"]}


def test_the_rules_are_those_that_are_tested():
    """Only links to Grafana and to the status page differ from the tested rules."""
    shipped = shipped_rules()
    for rules in shipped.values():
        for rule in rules:
            rule.get("annotations", {}).pop("dashboard_url", None)

    page = Chosen()["status_page_url"]
    assert rendered_rules(f"prometheusRule.statusPageUrl={json.dumps(page)}") == shipped


@pytest.mark.parametrize(
    ("settings", "page"),
    [
        ([], "http://jobs-modelarts-exporter.monitoring.svc:10198/"),
        (
            ['web.routePrefix="/jobs"', 'web.scheme="https"', "service.port=80"],
            "https://jobs-modelarts-exporter.monitoring.svc:80/jobs/",
        ),
        (['web.externalUrl="https://example.org/jobs"'], "https://example.org/jobs/"),
        (
            ["shards=3"],
            "{{ end }}.jobs-modelarts-exporter-headless.monitoring.svc:10198/",
        ),
    ],
    ids=["service", "prefix", "external", "shards"],
)
def test_the_status_page_that_alerts_name(settings, page):
    """The URL is the Service's, that of the project's pod, or a configured one."""
    (alert,) = (
        rule
        for rule in rendered_rules(*settings)["modelarts-jobs"]
        if rule["alert"] == "ModelArtsJobRunsLong"
    )

    assert f"{page}, names it." in alert["annotations"]["description"]


def test_thresholds_are_values(tmp_path):
    """The chart renders from values what `make rules` writes from flags."""
    thresholds = {"maxJobDuration": "5d", "throttledRequests": 0, "hold": "1h"}
    waits = {"ModelArtsPoolIdle": "12h"}
    addresses = {
        "statusPageUrl": "https://exporter.example.org/",
        "dashboardUrl": "https://grafana.example.org",
        "runbookUrl": "https://runbooks.example.org/",
        "exporterJobs": "exporter",
    }
    made = rendered_rules(
        f"prometheusRule.thresholds={json.dumps(thresholds)}",
        f"prometheusRule.for={json.dumps(waits)}",
        *(f"prometheusRule.{key}={json.dumps(url)}" for key, url in addresses.items()),
    )
    flags = [
        "--for=ModelArtsPoolIdle=12h",
        *("--max-job-duration=5d", "--throttled-requests=0", "--hold=1h"),
        *(
            "--status-page-url=https://exporter.example.org/",
            "--exporter-jobs=exporter",
        ),
        "--dashboard-url=https://grafana.example.org",
        "--runbook-url=https://runbooks.example.org/",
    ]
    program = [sys.executable, "-m", "deploy.rules", f"--output={tmp_path}"]
    subprocess.run([*program, *flags], check=True, cwd=ROOT, capture_output=True)

    assert made == rules_in(tmp_path)
    text = (tmp_path / "modelarts-alerts.yml").read_text()
    assert "seconds:max) > 432000 unless" in text
    assert "localhost" not in text
    pools = (tmp_path / "modelarts-pools-alerts.yml").read_text()
    assert "nodes has been allocated for 12h." in pools


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--max-job-duration=5 days", "max_job_duration: '5 days' is no duration"),
        (
            "--for=ModelArtsPoolIdle=5 days",
            "ModelArtsPoolIdle: '5 days' is no duration",
        ),
        ("--for=ModelArtsPool=5d", "there is no alert ModelArtsPool"),
    ],
)
def test_a_threshold_with_an_error(tmp_path, flag, words):
    """An invalid threshold is named, and nothing is written."""
    program = [sys.executable, "-m", "deploy.rules", f"--output={tmp_path}/rules"]
    done = subprocess.run(
        [*program, flag],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "rules").exists()


def test_custom_rules():
    """Alerts can be left out, labeled and linked."""
    made = rendered_rules(
        'prometheusRule.disabled=["ModelArtsThrottled"]',
        'prometheusRule.additionalRuleLabels={"team": "platform", "severity": "page"}',
        'prometheusRule.dashboardUrl="https://grafana.example.org/"',
        'prometheusRule.runbookUrl="https://runbooks.example.org/"',
    )
    alerts = [rule for rules in made.values() for rule in rules if "alert" in rule]
    names = {
        rule["alert"]
        for rules in shipped_rules().values()
        for rule in rules
        if "alert" in rule
    }

    assert {alert["alert"] for alert in alerts} == names - {"ModelArtsThrottled"}
    for alert in alerts:
        links = alert["annotations"]
        labels = alert["labels"].items() - {("cloud", alert["labels"].get("cloud"))}
        assert dict(labels) == {"team": "platform", "severity": "page"}
        assert links["dashboard_url"].startswith("https://grafana.example.org/d/")
        assert links["runbook_url"].startswith("https://runbooks.example.org/ModelArts")


def test_labels_that_alerts_take_from_a_project():
    """`team`, or other labels, are looked up as `team` is in the rules."""
    (shipped,) = {
        rule["labels"]["team"]
        for rules in shipped_rules().values()
        for rule in rules
        if "team" in rule.get("labels", {})
    }
    made = rendered_rules('prometheusRule.projectLabels=["floor", "owner"]')
    labels = {
        rule["alert"]: rule["labels"]
        for rules in made.values()
        for rule in rules
        if "alert" in rule
    }

    assert set(labels["ModelArtsExporterDown"]) == {"severity"}
    assert labels["ModelArtsJobRunsLong"] == {
        "severity": "warning",
        "cloud": labels["ModelArtsCapacityHigh"]["cloud"],
        "floor": shipped.replace("team", "floor"),
        "owner": shipped.replace("team", "owner"),
    }


@pytest.mark.needs("promtool")
def test_prometheus_accepts_the_rules(tmp_path):
    """promtool accepts the rules with every value changed."""
    (made,) = of_kind(rendered(CHART / "ci/operator-values.yaml"), "PrometheusRule")
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(made["spec"]))
    said = promtool("check", "rules", file)

    number = sum(len(group["rules"]) for group in made["spec"]["groups"])
    assert number > 20
    assert f"SUCCESS: {number} rules found" in said


def test_the_dashboards():
    """The rendered dashboards are the tested ones, with the sidecar's label."""
    maps = of_kind(rendered(CHART / "ci/operator-values.yaml"), "ConfigMap")
    found = [one for one in maps if "grafana_dashboard" in one["metadata"]["labels"]]

    assert len(found) == len([*(ROOT / "dashboards").glob("*.json")])
    for one in found:
        ((name, text),) = one["data"].items()
        assert json.loads(text) == json.loads((ROOT / "dashboards" / name).read_text())
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"] == {"grafana_folder": "ModelArts"}
        assert len(text.encode()) < 2**20


def test_dashboards_for_other_series(tmp_path):
    """Labels of clusters and jobs and the interval are set as `build.py` sets them."""
    program = [sys.executable, ROOT / "dashboards/build.py", f"--out={tmp_path}"]
    flags = ["--cluster-label=k8s_cluster", r"--job=model\.arts", "--interval=5m"]
    subprocess.run([*program, *flags], check=True)
    values = {
        "clusterLabel": "k8s_cluster",
        "jobs": r"model\.arts",
        "minInterval": "5m",
    }
    settings = [f"dashboards.{key}={json.dumps(one)}" for key, one in values.items()]
    maps = of_kind(
        rendered(CHART / "ci/operator-values.yaml", settings=settings), "ConfigMap"
    )
    (board,) = [
        json.loads(one["data"]["modelarts-fleet.json"])
        for one in maps
        if "modelarts-fleet.json" in one.get("data", {})
    ]
    _, cluster, job, *_ = board["templating"]["list"]
    targets = [each for one in board["panels"] for each in one.get("targets", [])]

    assert board == json.loads((tmp_path / "modelarts-fleet.json").read_text())
    assert cluster["name"] == "k8s_cluster"
    assert cluster["definition"].endswith(", k8s_cluster)")
    assert r'job=~"model\\.arts"' in job["definition"]
    assert {one.get("interval", "5m") for one in targets} == {"5m"}
    for target in targets:
        assert 'cluster=~"$cluster"' not in target["expr"].replace("k8s_cluster", "")


def relabeling(rules):
    """Return the Operator's relabelings in Prometheus's format."""
    names = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    return [
        {names.get(key, key): value for key, value in rule.items()} for rule in rules
    ]


def probe_job(probe, address):
    """Return the scrape configuration that the Operator makes of a Probe."""
    spec = probe["spec"]
    static = spec["targets"]["staticConfig"]
    return {
        "job_name": f"probe/monitoring/{probe['metadata']['name']}",
        "metrics_path": spec["prober"]["path"],
        "static_configs": [
            {"targets": static["static"], "labels": static.get("labels", {})}
        ],
        "relabel_configs": [
            {"target_label": "job", "replacement": spec["jobName"]},
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": address},
            *relabeling(static["relabelingConfigs"]),
        ],
    }


def discovery_job(scrape_config, address):
    """Return the scrape configuration that the Operator makes of a ScrapeConfig."""
    spec = scrape_config["spec"]
    (discovered,) = spec["httpSDConfigs"]
    assert discovered["url"] == "http://jobs-modelarts-exporter.monitoring.svc:10198/sd"
    return {
        "job_name": "scrapeConfig/monitoring/one",
        "http_sd_configs": [{"url": f"http://{address}/sd"}],
        "relabel_configs": [
            {"target_label": "job", "replacement": spec["jobName"]},
            *relabeling(spec["relabelings"]),
        ],
    }


@pytest.mark.needs("prometheus")
@pytest.mark.parametrize("how", ["probe", "scrapeConfig"])
def test_prometheus_scrapes_each_project(how, tmp_path, exporter):
    """Each project is a target of a Prometheus configured as the Operator does."""
    projects, address = exporter
    names = {one["name"] for one in projects}
    if how == "scrapeConfig":
        # Discovered by the exporter, so the chart cannot know it.
        names.add("eu-de_sandbox")
    # Helm gets no secret that it could write into a ConfigMap.
    shown = {"projects": projects}
    manifests = rendered(
        settings=[f"config={json.dumps(shown)}", f"{how}.enabled=true"]
    )
    jobs = [probe_job(one, address) for one in of_kind(manifests, "Probe")]
    found = of_kind(manifests, "ScrapeConfig")
    jobs += [discovery_job(one, address) for one in found]
    whole = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": jobs,
    }
    with prometheus_queries(tmp_path, yaml.safe_dump(whole)) as query:
        up = wait_until(lambda: len(found := query("up == 1")) == len(names) and found)
        samples = wait_until(lambda: query("modelarts_up"))

    targets = {(one["metric"]["job"], one["metric"]["instance"]) for one in up}
    assert targets == {("modelarts-projects", name) for name in names}
    for one in samples:
        assert one["metric"]["project"] == one["metric"]["instance"]


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    """Run an exporter on the simulated cloud; return its projects and its address."""
    config = yaml.safe_load((ROOT / "deploy/compose/simulated.yml").read_text())
    file = tmp_path_factory.mktemp("exporter") / "modelarts.yml"
    with running_simulator() as url:
        config["clouds"]["simulated"].update(iam_url=url, modelarts_url=url)
        file.write_text(yaml.safe_dump(config))
        with running_exporter(file) as address:
            yield config["projects"], address


def test_values_are_documented():
    """The chart's README names every section of its values."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    text = (CHART / "README.md").read_text()

    assert [key for key in values if f"`{key}" not in text] == []
