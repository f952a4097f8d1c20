"""Files that cannot be a configuration: endless, huge, or with invalid text."""

import os
import subprocess
import sys

import pytest

from exporter.collectors.registry import REGISTRY
from exporter.config import Secret, load
from exporter.config.files import MAX_FILE_BYTES
from exporter.errors import ConfigurationError, SecretError
from exporter.web.config.reading import load_web_configuration


LAUGHS = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)
READERS = [lambda file: load(file, {}, REGISTRY.names), load_web_configuration]


def problems(file, read=READERS[0]):
    """Return the errors reported for `file`."""
    with pytest.raises(ConfigurationError) as caught:
        read(str(file))
    return [line.removeprefix(str(file)) for line in caught.value.lines()]


@pytest.mark.parametrize("read", READERS, ids=["configuration", "web"])
@pytest.mark.timeout(20)
def test_only_regular_files_are_read(tmp_path, read):
    """Pipes and devices are not read: they might block, or never end."""
    os.mkfifo(tmp_path / "pipe")
    for file, expected in (
        (tmp_path / "pipe", ": this is a pipe, not a regular file"),
        (tmp_path, ": this is a directory, not a regular file"),
        ("/dev/zero", ": this is a device, not a regular file"),
    ):
        assert problems(file, read) == [expected]


@pytest.mark.timeout(20)
def test_secrets_and_certificates_are_regular_files_too(tmp_path):
    """The same holds for every file that a configuration names."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SecretError, match="this is a pipe, not a regular file"):
        Secret.from_file(tmp_path / "pipe").reveal()
    file = tmp_path / "web.yml"
    file.write_text("tls_server_config: {cert_file: pipe, key_file: /dev/zero}")
    assert problems(file, load_web_configuration) == [
        ":1: tls_server_config.cert_file: pipe: this is a pipe, not a regular file",
        ":1: tls_server_config.key_file: /dev/zero: this is a device, not a regular file",
    ]


def test_a_link_to_a_file_is_read(tmp_path):
    """Kubernetes mounts secrets as links to links to files."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "password").write_text("canary\n")
    (tmp_path / "password").symlink_to("..data/password")

    assert Secret.from_file(tmp_path / "password").reveal() == "canary"


def test_a_huge_file_is_rejected(tmp_path):
    """Files of more than 4 MiB are rejected before they are read."""
    file = tmp_path / "huge"
    with file.open("wb") as huge:
        huge.truncate(1 << 40)

    for read in READERS:
        assert problems(file, read) == [": larger than 4 MiB"]
    with pytest.raises(SecretError, match="larger than 4 MiB"):
        Secret.from_file(file).reveal()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("read", READERS, ids=["configuration", "web"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LAUGHS, "more than 100000 keys and values, counting aliases"),
        ("[" * 100_000, "nested too deep"),
        ("{a: " * 100_000, "nested too deep"),
        ("- " * 100_000, "nested too deep"),
        ("a:\n" * 1_000_000, "more than 100000 keys"),
        ("a: &a {b: *a}", "an alias must not be inside its own anchor"),
        ('a: "\\U00110000"', "an escape beyond Unicode"),
        ('a: "\\UFFFFFFFF"', "an escape beyond Unicode"),
    ],
    ids=["laughs", "lists", "maps", "dashes", "keys", "cycle", "escape", "overflow"],
)
@pytest.mark.slow
def test_yaml_bombs(tmp_path, read, text, expected):
    """YAML that expands to far more than is written is rejected in one line."""
    assert len(text) < MAX_FILE_BYTES
    file = tmp_path / "bomb.yml"
    file.write_text(text)

    (line,) = problems(file, read)
    assert expected in line


def test_anchors_are_allowed(tmp_path):
    """Anchors may be used for repeated values."""
    file = tmp_path / "config.yml"
    file.write_text(
        "clouds: {otc: {provider: otc, region: eu-de, auth: "
        "{password: {username: u, password: p, domain: d}}}}\n"
        "projects:\n"
        "- {name: a, cloud: otc, project_id: '1', labels: &labels {team: x}}\n"
        "- {name: b, cloud: otc, project_id: '2', labels: *labels}\n"
    )

    assert load(str(file), {}, REGISTRY.names).projects[1].labels == (("team", "x"),)


@pytest.mark.slow
def test_a_thousand_errors_are_cut_off(tmp_path):
    """At most a hundred errors are listed, each of readable length."""
    file = tmp_path / "config.yml"
    file.write_text("".join(f"key{i}: 1\n" for i in range(1000)) + f"{'x' * 1000}: 1")

    found = problems(file)
    assert len(found) == 101
    assert any("too many errors; the rest was not checked" in line for line in found)


SURROGATE = r"has half of a surrogate pair (\ud800 to \udfff), which is not valid text"


def test_surrogates_are_errors_with_line_and_key(tmp_path):
    """A lone surrogate is neither valid text nor a valid key."""
    file = tmp_path / "config.yml"
    file.write_text(
        'clouds: {otc: {region: "\\ud800"}}\n'
        "projects:\n"
        '- {name: "a\\udfff", cloud: "${X}"}\n'
        '- {labels: {"\\ud83d": x}}\n'
    )
    with pytest.raises(ConfigurationError) as caught:
        load(str(file), {"X": "canary\udcff"}, REGISTRY.names)

    found = [line.removeprefix(str(file)) for line in caught.value.lines()]
    assert f":1: clouds.otc.region: {SURROGATE}" in found
    assert f":3: projects[0].name: {SURROGATE}" in found
    assert (
        ":3: projects[0].cloud: the environment variable X is not UTF-8 text" in found
    )
    assert f":4: projects[1].labels.?: {SURROGATE}" in found
    assert "canary" not in str(found)


def test_surrogates_in_a_web_configuration(tmp_path):
    """The same holds for headers and users."""
    file = tmp_path / "web.yml"
    file.write_text(
        'http_server_config: {headers: {X-XSS-Protection: "\\udc80"}}\n'
        'basic_auth_users: {"\\ud800": x}\n'
    )

    found = problems(file, load_web_configuration)
    assert f":1: http_server_config.headers.X-XSS-Protection: {SURROGATE}" in found
    assert f":2: basic_auth_users.?: {SURROGATE}" in found


@pytest.mark.slow
def test_a_variable_of_other_bytes(tmp_path):
    """A variable with the byte 0xFF is one line, and exit status 2."""
    file = tmp_path / "config.yml"
    file.write_text("clouds: {otc: {region: '${REGION}'}}\n")
    ended = subprocess.run(
        [sys.executable, "-m", "exporter", "--config.check", f"--config.file={file}"],
        env={**os.environ, "REGION": os.fsdecode(b"eu-\xff")},
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 2
    message = b"clouds.otc.region: the environment variable REGION is not UTF-8 text\n"
    assert message in ended.stderr
    assert b"Traceback" not in ended.stderr
