"""Configuration files: what is read, and how errors are reported."""

import textwrap

from pathlib import Path

import pytest

from hypothesis import given
from hypothesis import strategies as st

from exporter.collectors.registry import REGISTRY
from exporter.config import (
    AccessKeyAuth,
    EcsAgencyAuth,
    JobSeries,
    NotebookSeries,
    PasswordAuth,
    ProjectSettings,
    Secret,
    ServiceSeries,
    TrainingApi,
    load,
)
from exporter.errors import ConfigurationError, SecretError


MINIMAL = """\
clouds:
  otc:
    provider: otc
    region: eu-de
    auth:
      password: {username: exporter, password: canary, domain: OTC00000000001000000001}
projects:
  - name: vision
    cloud: otc
    project_id: 0123456789abcdef0123456789abcdef
"""


def read(folder: Path, text: str, **environment: str):
    """Load `text` as a configuration file in `folder`."""
    file = folder / "modelarts.yml"
    file.write_text(textwrap.dedent(text))
    return load(str(file), environment, REGISTRY.names)


def errors_in(folder: Path, text: str, **environment: str) -> list[str]:
    """Return the errors in `text`, each as `line: path: message`."""
    with pytest.raises(ConfigurationError) as caught:
        read(folder, text, **environment)
    prefix = str(folder / "modelarts.yml")
    return [line.removeprefix(f"{prefix}:").lstrip() for line in caught.value.lines()]


def test_defaults(tmp_path):
    """A minimal file gets the documented defaults."""
    configuration = read(tmp_path, MINIMAL)
    cloud = configuration.clouds[0]
    project = configuration.projects[0]

    assert cloud.iam_url == "https://iam.eu-de.otc.t-systems.com"
    assert cloud.modelarts_url == "https://modelarts.eu-de.otc.t-systems.com"
    assert isinstance(cloud.auth, PasswordAuth)
    assert cloud.auth.password.reveal() == "canary"
    assert project.collectors is None
    assert project.workspace_id == "0"
    assert configuration.collection.timeout is None
    assert configuration.collection.max_concurrent_requests == 128
    assert configuration.collection.page_size == 1000
    assert configuration.collection.duration_buckets[0] == 60.0
    assert configuration.collection.duration_buckets[-1] == 7 * 86400.0


def test_everything(tmp_path):
    """Every documented key is read."""
    (tmp_path / "secret").write_text("file-canary\n")
    configuration = read(
        tmp_path,
        """\
        clouds:
          hw:
            provider: huaweicloud
            region: cn-north-4
            iam_url: https://iam.example.com/
            modelarts_url: https://modelarts.example.com/base/
            auth:
              access_key: {access_key: AK, secret_key_file: secret, security_token: tok}
            tls: {insecure_skip_verify: true}
            proxy_url: http://user:pass@proxy:3128
            rate_limit: {requests_per_second: 0.5, burst: 3}
        projects:
          - name: a
            cloud: hw
            project_id: 12345678901234567890123456789012
            workspace_id: w1
            collectors: [visualization_jobs]
            training_api: v2
            labels: {team: no, size: 5, empty: ""}
        collection:
          timeout: 1m30s
          timeout_offset: 250ms
          max_concurrent_requests: 8
          min_interval: 10s
          page_size: 100
          listing_limit: 700
          job_series: {enabled: true, max_per_project: 7}
          duration_buckets: [1m, 1h, 1d]
        """,
    )
    cloud = configuration.clouds[0]
    project = configuration.projects[0]

    assert cloud.iam_url == "https://iam.example.com"
    assert cloud.modelarts_url == "https://modelarts.example.com/base"
    assert isinstance(cloud.auth, AccessKeyAuth)
    assert cloud.auth.secret_key.reveal() == "file-canary"
    assert cloud.auth.security_token is not None
    assert cloud.auth.security_token.reveal() == "tok"
    assert cloud.rate_limit is not None
    assert cloud.rate_limit.requests_per_second == 0.5
    assert project.collectors == ("visualization_jobs",)
    assert dict(project.labels) == {"team": "no", "size": "5", "empty": ""}
    assert configuration.collection.timeout == 90.0
    assert configuration.collection.timeout_offset == 0.25
    assert configuration.collection.min_interval == 10.0
    assert configuration.collection.listing_limit == 700
    assert configuration.collection.job_series == JobSeries(
        enabled=True, max_per_project=7
    )
    assert project.training_api is TrainingApi.V2
    assert configuration.collection.duration_buckets == (60.0, 3600.0, 86400.0)


@pytest.mark.parametrize(
    "project_id",
    ["01234567890123456789012345678901", "12e34", '"12e34"', "0x1F", "1_000", "on"],
)
def test_project_ids_are_text(tmp_path, project_id):
    """A project ID that YAML reads as a number or boolean is kept as it is written."""
    text = MINIMAL.replace("0123456789abcdef0123456789abcdef", project_id)

    assert read(tmp_path, text).projects[0].project_id == project_id.strip('"')


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("cloud: otc", "cloud: otx"),
            '9: projects[0].cloud: no cloud named "otx"; did you mean "otc"?',
        ),
        (
            ("provider: otc", "provider: aws"),
            (
                '3: clouds.otc.provider: "aws" is not known here; '
                "it is one of otc, huaweicloud"
            ),
        ),
        (
            ("provider: otc", "provider: OTC"),
            '3: clouds.otc.provider: "OTC" is not known here; did you mean "otc"?',
        ),
        (
            ("region: eu-de", "region: EU-DE"),
            (
                "4: clouds.otc.region: not a region name such as eu-de; "
                'did you mean "eu-de"?'
            ),
        ),
        (
            ("cloud: otc", "cloud: OTC"),
            '9: projects[0].cloud: no cloud named "OTC"; did you mean "otc"?',
        ),
        (
            ("region: eu-de", "region: eu-ch2"),
            "3: clouds.otc.modelarts_url: missing; none is documented in this region",
        ),
        (
            ("region: eu-de", "regoin: eu-de"),
            '4: clouds.otc.regoin: unknown key; did you mean "region"?',
        ),
        (("    region: eu-de\n", ""), "3: clouds.otc.region: missing"),
        (
            ("username: exporter, ", ""),
            "6: clouds.otc.auth.password.username: missing",
        ),
        (
            ("password: canary", "password_file: nowhere"),
            (
                "6: clouds.otc.auth.password.password_file: "
                "nowhere: No such file or directory"
            ),
        ),
        (
            ("password: canary, ", ""),
            "6: clouds.otc.auth.password.password: missing; give it, or password_file",
        ),
        (
            ("password: canary", "password: canary, password_file: x"),
            (
                "6: clouds.otc.auth.password.password: "
                "give password or password_file, not both"
            ),
        ),
        (
            ("cloud: otc\n", "cloud: otc\n    cloud: otc\n"),
            "10: projects[0].cloud: given twice; first in line 9",
        ),
        (
            ("name: vision", "name:"),
            "8: projects[0].name: has no value",
        ),
        (
            ("0123456789abcdef0123456789abcdef", "../admin"),
            "10: projects[0].project_id: letters, digits, - and _ are allowed, 64 at most",
        ),
        (
            ("    cloud: otc\n", "    cloud: otc\n    labels: {a-b: c}\n"),
            (
                "10: projects[0].labels.a-b: not a label name: letters, digits and _, "
                "not first a digit or __"
            ),
        ),
        (
            ("projects:", "collection: {timeout: 9}\nprojects:"),
            (
                '7: collection.timeout: "9" is not a duration; '
                "write it like 9s, 500ms or 1h30m"
            ),
        ),
        (
            ("projects:", "collection: {page_size: 5000}\nprojects:"),
            "7: collection.page_size: 5000 is not between 1 and 1000",
        ),
        (
            ("projects:", "collection: {listing_limit: 0}\nprojects:"),
            "7: collection.listing_limit: 0 is not between 1 and 100000000",
        ),
        (
            ("projects:", "collection: {job_series: {enable: true}}\nprojects:"),
            ('7: collection.job_series.enable: unknown key; did you mean "enabled"?'),
        ),
        (
            ("projects:", "collection: {duration_buckets: [1h, 1m]}\nprojects:"),
            (
                "7: collection.duration_buckets: must be above 0 and rise from one to the "
                "next"
            ),
        ),
        (
            (
                "    region: eu-de\n",
                "    region: eu-de\n    tls: {insecure_skip_verify: no}\n",
            ),
            '5: clouds.otc.tls.insecure_skip_verify: "no" is neither true nor false',
        ),
        (
            ("    region: eu-de\n", "    region: eu-de\n    iam_url: ftp://x\n"),
            "5: clouds.otc.iam_url: not a URL that starts with https:// or http://",
        ),
        (
            ("    region: eu-de\n", "    region: eu-de\n    iam_url: https://u:p@x\n"),
            "5: clouds.otc.iam_url: must be a scheme, a host and optionally a path",
        ),
        (
            ("vision", "${NAME_OF_PROJECT}"),
            "8: projects[0].name: the environment variable NAME_OF_PROJECT is not set",
        ),
        (
            ("vision", "${NAME"),
            (
                "8: projects[0].name: ${ starts a variable like ${NAME}; "
                "for a literal ${ write $${"
            ),
        ),
        (
            ("vision", "!secret vision"),
            (
                "8: projects[0].name: YAML tags are not used here; "
                "quote a value that starts with !"
            ),
        ),
        (
            ("vision", "[vision]"),
            "8: projects[0].name: expected a single value, got a list",
        ),
        (
            ("projects:\n", "projects: []\nothers:\n"),
            "7: projects: the list is empty",
        ),
    ],
)
def test_errors(tmp_path, change, expected):
    """An error has the file, line number, key path and what to do."""
    old, new = change
    assert old in MINIMAL

    found = errors_in(tmp_path, MINIMAL.replace(old, new, 1))

    assert expected in found


def test_all_errors_at_once(tmp_path):
    """All errors are reported, in the order of their lines."""
    found = errors_in(
        tmp_path,
        MINIMAL.replace("region: eu-de", "region: EU").replace("- name:", "- nam:"),
    )

    assert [line.split(": ")[1] for line in found] == [
        "clouds.otc.region",
        "projects[0].nam",
        "projects[0].name",
    ]


@pytest.mark.parametrize(
    ("agency", "expected"),
    [
        ("", "http://169.254.169.254"),
        ("{}", "http://169.254.169.254"),
        ("{metadata_url: http://10.0.0.1/}", "http://10.0.0.1"),
    ],
)
def test_ecs_agency(tmp_path, agency, expected):
    """An agency needs no settings."""
    start, _, rest = MINIMAL.partition("      password:")
    text = f"{start}      ecs_agency: {agency}\n{rest.partition(chr(10))[2]}"

    assert read(tmp_path, text).clouds[0].auth == EcsAgencyAuth(metadata_url=expected)


def test_one_credential_only(tmp_path):
    """Two credentials are an error."""
    text = MINIMAL.replace("    auth:\n", "    auth:\n      ecs_agency: {}\n")

    assert errors_in(tmp_path, text) == [
        "6: clouds.otc.auth: exactly one of password, access_key, ecs_agency is needed"
    ]


def test_duplicate_projects(tmp_path):
    """Two projects with one name, or one listing under two names, are errors."""
    project = MINIMAL.partition("projects:\n")[2]
    found = errors_in(tmp_path, MINIMAL + project)

    assert found == [
        "11: projects[1].name: the name is that of projects[0] already",
        (
            "13: projects[1].project_id: projects[0] lists the training jobs of this project "
            "and workspace already; they would be counted twice"
        ),
        (
            "13: projects[1].project_id: projects[0] lists the visualization jobs of this "
            "project and workspace already; they would be counted twice"
        ),
    ]


DISCOVERY = MINIMAL.partition("projects:")[0] + "    discovery:\n"


def test_discovery_defaults(tmp_path):
    """A cloud with `discovery` needs no projects, and takes all of its region."""
    configuration = read(tmp_path, DISCOVERY)
    discovery = configuration.clouds[0].discovery

    assert configuration.projects == configuration.named_projects == ()
    assert discovery is not None
    assert discovery.include == ("*",)
    assert discovery.exclude == ()
    assert discovery.refresh_interval == 3600.0
    assert discovery.max_projects == 500
    assert discovery.name_prefix == ""
    assert discovery.defaults == ProjectSettings()
    assert read(tmp_path, MINIMAL).clouds[0].discovery is None


def test_discovery(tmp_path):
    """Discovery has patterns, limits, and any key of a project but name and ID."""
    text = """\
          include: ["eu-de_*", eu-de]
          exclude: []
          refresh_interval: 15m
          max_projects: 20
          name_prefix: otc-
          defaults: {training_api: v2, labels: {team: x}, collectors: [training_jobs]}
    """
    configuration = read(tmp_path, DISCOVERY + textwrap.indent(text, ""))
    discovery = configuration.clouds[0].discovery
    assert discovery is not None
    project = discovery.defaults.project("p", configuration.clouds[0], "1")

    assert discovery.include == ("eu-de_*", "eu-de")
    assert discovery.exclude == ()
    assert discovery.refresh_interval == 900.0
    assert discovery.max_projects == 20
    assert discovery.name_prefix == "otc-"
    assert project.training_api is TrainingApi.V2
    assert project.labels == (("team", "x"),)
    assert project.collectors == ("training_jobs",)


def test_all_collectors(tmp_path):
    """`all` can replace the list, in projects and in the defaults of discovery."""
    text = DISCOVERY + "          defaults: {collectors: all}\n"
    text += """\
projects:
  - {name: a, cloud: otc, project_id: "1", collectors: all}
  - {name: b, cloud: otc, project_id: "2", collectors: "${WHAT}"}
"""
    configuration = read(tmp_path, text, WHAT="all")
    discovery = configuration.clouds[0].discovery
    assert discovery is not None
    discovered = discovery.defaults.project("p", configuration.clouds[0], "3")

    for project in (*configuration.projects, discovered):
        assert project.collects_all
        assert REGISTRY.names.of(project.collectors) == REGISTRY.names.known


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("al", 'collectors: "al" is neither a list nor all; did you mean "all"?'),
        ("pools", 'collectors: "pools" is neither a list nor all; write [pools]'),
        ('""', 'collectors: "" is neither a list nor all'),
        ('"${WHAT}"', 'collectors: "${WHAT}" is neither a list nor all'),
        ("[all, pools]", "collectors[0]: all stands alone, in place of the list"),
        ("", "collectors: expected a list, got nothing"),
        ("{all: true}", "collectors: expected a list, got a mapping"),
    ],
)
def test_invalid_all_collectors(tmp_path, given, message):
    """The error suggests what was meant, without values from the environment."""
    text = MINIMAL + f"    collectors: {given}\n"

    (line,) = errors_in(tmp_path, text, WHAT="canary")
    assert f"projects[0].{message}" in line


def test_all_collectors_include_each(tmp_path):
    """What `all` collects for a project may not be in another entry."""
    text = MINIMAL + "    collectors: all\n"
    text += "  - {name: b, cloud: otc, project_id: 0123456789abcdef0123456789abcdef, "
    text += "collectors: [pools]}\n"

    (line,) = errors_in(tmp_path, text)
    assert "projects[0] lists the pools of this project" in line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("include: []", "include: the list is empty"),
        (
            'include: ["eu-[de]"]',
            (
                "include[0]: not a pattern of project names: "
                "letters, digits, -, _, * and ? are allowed"
            ),
        ),
        ("refresh_interval: 1s", "refresh_interval: must be at least 10s"),
        ("max_projects: 0", "max_projects: 0 is not between 1 and 10000"),
        ("defaults: {project_id: x}", "defaults.project_id: unknown key"),
        ("refresh: 1h", 'refresh: unknown key; did you mean "refresh_interval"?'),
    ],
)
def test_discovery_errors(tmp_path, line, expected):
    """Errors in discovery have their line and key."""
    (found,) = errors_in(tmp_path, f"{DISCOVERY}      {line}\n")

    assert found == f"8: clouds.otc.discovery.{expected}"


def test_discovery_needs_a_region(tmp_path):
    """Only the region decides which projects belong to the cloud."""
    text = DISCOVERY.replace("    provider: otc\n    region: eu-de\n", "")
    text = text.replace(
        "auth:", "iam_url: https://a\n    modelarts_url: https://b\n    auth:"
    )

    assert errors_in(tmp_path, text) == [
        "3: clouds.otc.region: missing; discovery needs it to know its projects"
    ]


def test_projects_by_name(tmp_path):
    """The name in the cloud identifies a project, and is its default name."""
    text = MINIMAL.replace(
        "project_id: 0123456789abcdef0123456789abcdef", "project_name: eu-de_vision"
    )
    named = read(tmp_path, text).named_projects
    unnamed = read(tmp_path, text.replace("name: vision\n    ", "", 1)).named_projects

    assert [(one.name, one.project_name) for one in named] == [
        ("vision", "eu-de_vision")
    ]
    assert [one.name for one in unnamed] == ["eu-de_vision"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("name: a", "project_id: missing; give it, or project_name"),
        (
            "{name: a, project_id: '1', project_name: eu-de}",
            "project_name: give project_id or project_name, not both",
        ),
        ("project_id: '1'", "name: missing"),
        (
            "project_name: eu-de1_vision",
            (
                "project_name: not a project of its cloud's region: the name is the "
                "region's, or begins with it and _"
            ),
        ),
    ],
)
def test_ways_to_find_a_project(tmp_path, keys, expected):
    """A project has exactly one of ID and name, and the name is of its region."""
    start = MINIMAL.partition("  - name")[0]
    keys = keys.strip("{}")
    (found,) = errors_in(tmp_path, f"{start}  - {{cloud: otc, {keys}}}\n")

    assert found == f"8: projects[0].{expected}"


def test_projects_by_name_are_not_collected_twice(tmp_path):
    """The same name in two entries is an error, too."""
    start = MINIMAL.partition("  - name")[0]
    project = "  - {{cloud: otc, project_name: eu-de_a, name: {}}}\n"
    found = errors_in(tmp_path, start + project.format("a") + project.format("b"))

    assert found[0].startswith(
        "9: projects[1].project_name: projects[0] lists the training jobs of this project"
    )
    assert len(found) == 2


HUAWEI = MINIMAL.replace("provider: otc", "provider: huaweicloud").replace(
    "eu-de", "cn-north-4"
)


def test_all_workspaces(tmp_path):
    """An entry with all workspaces stands for them, and is no project by itself."""
    configuration = read(tmp_path, f"{HUAWEI}    workspace_id: all\n")

    assert configuration.projects == ()
    assert [one.name for one in configuration.divided_projects] == ["vision"]


def test_only_huawei_cloud_lists_all_workspaces(tmp_path):
    """Open Telekom Cloud has no list of workspaces, which is an error at once."""
    message = "only Huawei Cloud lists its workspaces; give a project for each"
    found = errors_in(tmp_path, f"{MINIMAL}    workspace_id: all\n")
    discovered = errors_in(
        tmp_path, f"{DISCOVERY}      defaults: {{workspace_id: all}}\n"
    )

    assert found == [f"11: projects[0].workspace_id: {message}"]
    assert discovered == [f"7: clouds.otc.discovery.defaults.workspace_id: {message}"]


@pytest.mark.parametrize("ids", [("0", "all"), ("all", "0"), ("all", "all")])
def test_all_workspaces_and_one_of_them(tmp_path, ids):
    """A workspace besides all of them would be collected twice."""
    start = HUAWEI.partition("  - name")[0]
    first, second = (
        f"  - {{cloud: otc, project_id: x, name: {name}, workspace_id: {workspace}}}\n"
        for name, workspace in zip("ab", ids, strict=True)
    )
    found = errors_in(tmp_path, start + first + second)

    assert len(found) == 2
    assert "projects[0] lists the training jobs" in found[0]


def test_series_are_opt_in(tmp_path):
    """What costs series, requests or privacy is off by default."""
    off = read(tmp_path, MINIMAL).collection
    on = read(
        tmp_path,
        f"{MINIMAL}collection: {{user_series: true, pool_nodes: true, "
        "notebook_series: {enabled: true, max_per_project: 9}, "
        "service_series: {enabled: true, max_per_project: 8}}\n",
    ).collection

    assert (off.user_series, off.pool_nodes) == (False, False)
    assert off.notebook_series == NotebookSeries(enabled=False, max_per_project=50)
    assert off.service_series == ServiceSeries(enabled=False, max_per_project=50)
    assert (on.user_series, on.pool_nodes) == (True, True)
    assert on.notebook_series == NotebookSeries(enabled=True, max_per_project=9)
    assert on.service_series == ServiceSeries(enabled=True, max_per_project=8)


def test_prices(tmp_path):
    """Prices are by flavor, whose names contain dots."""
    prices = "prices: {currency: EUR, flavors: {modelarts.p3.large.public: 4.2, b: 1}}"
    read_prices = read(tmp_path, f"{MINIMAL}{prices}\n").prices

    assert read_prices is not None
    assert read_prices.currency == "EUR"
    assert dict(read_prices.flavors) == {"modelarts.p3.large.public": 4.2, "b": 1.0}
    assert read(tmp_path, MINIMAL).prices is None


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ("{currency: EUR}", "flavors: missing"),
        ("{flavors: {a: 1}}", "currency: missing"),
        ("{currency: EUR, flavors: [1]}", "flavors: expected a mapping, got a list"),
        (
            "{currency: EUR, flavors: {a.b: 4 EUR}}",
            'flavors.a.b: "4 EUR" is not a number like 20 or 0.5',
        ),
        ("{currency: EUR, flavors: {a: }}", "flavors.a: has no value"),
    ],
)
def test_wrong_prices(tmp_path, prices, expected):
    """An invalid price is reported with its line and flavor."""
    found = errors_in(tmp_path, f"{MINIMAL}prices: {prices}\n")

    assert found == [f"11: prices.{expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "clouds: missing; at least one cloud is needed"),
        ("- a\n- b\n", "expected a mapping, got a list"),
        (
            "clouds:\n- {name: otc}\n",
            "expected a mapping, got a list; write otc: instead of - name: otc",
        ),
        (
            "projects:\n  a: {cloud: otc}\n",
            "expected a list, got a mapping; begin each entry with -",
        ),
        ("clouds:\n\totc: 1\n", "it has a tab where only spaces are allowed"),
        ("a: [1\nb: 2\n", "not valid YAML"),
        ("a: *hunter2\n", "a value that starts with * or & must be quoted"),
        ("a: 1\n---\nb: 2\n", "one document is expected"),
        ("a: \x00\n", "a character that YAML forbids"),
        ("[" * 5000, "nested too deep"),
    ],
)
def test_not_a_configuration(tmp_path, text, expected):
    """A file that is no configuration is an error without a traceback."""
    found = errors_in(tmp_path, text)

    assert any(expected in line for line in found)
    assert not any("hunter2" in line for line in found)


def test_missing_file(tmp_path):
    """The error names the missing file."""
    with pytest.raises(ConfigurationError, match=r"nowhere\.yml: No such file"):
        load(str(tmp_path / "nowhere.yml"), {}, REGISTRY.names)


def test_environment(tmp_path):
    """`${NAME}` is the variable's value, and `$${` a literal `${`."""
    text = MINIMAL.replace("canary", "'a${PART}z$${x}'").replace("vision", "${NAME}")

    configuration = read(tmp_path, text, PART="-b-", NAME="speech")

    auth = configuration.clouds[0].auth
    assert isinstance(auth, PasswordAuth)
    assert auth.password.reveal() == "a-b-z${x}"
    assert configuration.projects[0].name == "speech"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("region: eu-de", "region: ${SECRET}"),
        ("provider: otc", "provider: ${SECRET}"),
        ("cloud: otc", "cloud: ${SECRET}"),
        ("project_id: 0", "project_id: ${SECRET}/"),
        ("    region: eu-de\n", "    region: eu-de\n    proxy_url: ${SECRET}\n"),
        (
            "    region: eu-de\n",
            "    region: eu-de\n    tls: {insecure_skip_verify: '${SECRET}'}\n",
        ),
        ("projects:", "collection: {timeout: '${SECRET}'}\nprojects:"),
    ],
)
def test_messages_do_not_show_the_environment(tmp_path, old, new):
    """No message contains a variable's value, which may be a secret."""
    assert old in MINIMAL

    found = errors_in(tmp_path, MINIMAL.replace(old, new, 1), SECRET="S3cr3t Canary")

    assert found
    assert not any("S3cr3t Canary" in line for line in found)


def test_secret_file_is_read_again_when_it_changes(tmp_path):
    """A rotated secret is used without a reload."""
    file = tmp_path / "secret"
    file.write_text("old\n")
    secret = Secret.from_file(file)
    assert secret.reveal() == "old"

    replacement = tmp_path / "new"
    replacement.write_text("newer\n")
    replacement.rename(file)

    assert secret.reveal() == "newer"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_unusable_secret_files(tmp_path, content):
    """The error names the file of an empty or unreadable secret, not its content."""
    file = tmp_path / "secret"
    file.write_bytes(content)

    with pytest.raises(SecretError, match=str(file)):
        Secret.from_file(file).reveal()


def test_secrets_are_not_shown(tmp_path):
    """Neither a secret nor its owner shows it."""
    configuration = read(tmp_path, MINIMAL.replace("canary", "c4n4ry"))

    assert "c4n4ry" not in repr(configuration)
    assert "<secret>" in repr(configuration)
    assert "c4n4ry" not in str(Secret("c4n4ry"))
    assert "c4n4ry" not in f"{Secret('c4n4ry')!r:>20}"


@given(st.text(max_size=200))
def test_any_text_is_read_or_rejected(tmp_path_factory, text):
    """Any text is a configuration or a list of errors."""
    file = tmp_path_factory.getbasetemp() / "any.yml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))

    with pytest.raises(ConfigurationError) as caught:
        load(str(file), {}, REGISTRY.names)

    assert caught.value.lines()


@given(st.data())
def test_broken_configurations_are_rejected_in_words(tmp_path_factory, data):
    """A configuration with a part removed or doubled raises nothing else."""
    start = data.draw(st.integers(0, len(MINIMAL)))
    end = data.draw(st.integers(start, len(MINIMAL)))
    insert = data.draw(
        st.sampled_from(["", MINIMAL[start:end] * 2, ": ", "\n- ", "{", "&a *a "])
    )
    file = tmp_path_factory.getbasetemp() / "broken.yml"
    file.write_text(MINIMAL[:start] + insert + MINIMAL[end:])

    try:
        result = load(str(file), {}, REGISTRY.names).projects
    except ConfigurationError as error:
        result = error.lines()

    assert result
