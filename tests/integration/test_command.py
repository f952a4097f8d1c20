"""The command line, as a user types it: its output, exit status and signals."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time

from pathlib import Path

import httpx
import pytest
import yaml

from commands import ended
from programs import first_match, running_simulator


pytestmark = pytest.mark.slow

URL = re.compile(r"url=http://(\S+)/metrics")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, as a process."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextlib.contextmanager
def running(*arguments: str):
    """Run the command until the end of the block; yields the process and its lines."""
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def written(folder, url="http://127.0.0.1:9", password="demo-password"):
    """Write a configuration for the simulated cloud at `url`; return its path."""
    file = folder / "modelarts.yml"
    file.write_text(f"""\
clouds:
  otc:
    region: eu-de
    iam_url: {url}
    modelarts_url: {url}
    auth:
      password: {{username: exporter, password: {password}, domain: OTC00000000001000000001}}
projects:
  - {{name: vision, cloud: otc, project_id: {1:032x}}}
  - {{name: sandbox, cloud: otc, project_id: {5:032x}}}
collection: {{timeout: 3s}}
""")
    return f"--config.file={file}"


@pytest.fixture(scope="module")
def cloud():
    """Run the simulated cloud by its own command."""
    with running_simulator() as url:
        yield url


def test_version():
    """`--version` prints the version and the Python that runs it."""
    result = run("--version")

    assert result.returncode == 0
    assert re.match(
        r"modelarts-exporter, version \d+\.\d+\.\d+ \(revision: ", result.stdout
    )


def test_help_names_every_flag():
    """`--help` lists commands and flags."""
    result = ended("--help")

    assert result.returncode == 0
    for word in (
        "demo",
        "simulator",
        "once",
        "--config.file",
        "--config.check",
        "--config.strict",
        "--web.listen-address",
        "--web.telemetry-path",
        "--web.external-url",
        "--web.route-prefix",
        "--metrics.allow",
        "--metrics.deny",
        "--shard",
        "--total-shards",
        "--shard-from-pod",
        "--log.level",
        "--log.format",
        "--version",
    ):
        assert word in result.stdout


def test_wrong_usage():
    """A wrong command line ends with status 2 and a message."""
    result = run("chekc")

    assert result.returncode == 2
    assert 'command: "chekc" is not known here; did you mean "check"?' in result.stderr


def test_a_good_configuration(tmp_path):
    """`--config.check` prints what it read and ends with 0; the cloud is not asked."""
    argument = written(tmp_path)
    file = argument.partition("=")[2]
    result = run("--config.check", "--config.strict", argument)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{file}: 1 cloud, 2 projects\n"


@pytest.mark.parametrize(("flags", "status"), [((), 0), (("--config.strict",), 2)])
def test_a_configuration_with_warnings(tmp_path, flags, status):
    """Warnings are lines on stderr, and only strict checks end with status 2."""
    argument = written(tmp_path)
    file = Path(argument.partition("=")[2])
    text = file.read_text(encoding="utf-8").replace(
        "region: eu-de", "provider: otc\n    region: eu-ed"
    )
    file.write_text(f"{text}", encoding="utf-8")
    result = ended("--config.check", *flags, argument)

    assert result.returncode == status
    assert result.stderr == (
        f'{file}:4: warning: clouds.otc.region: "eu-ed" is not a known region of otc; '
        'did you mean "eu-de"?\n'
    )
    assert bool(result.stdout) is (status == 0)


def test_projects(cloud, tmp_path):
    """`projects` prints the readable projects and a configuration of them; status 0."""
    shown = ended("projects", written(tmp_path, cloud))
    pasted = ended("projects", "--format=yaml", written(tmp_path, cloud))

    assert (shown.returncode, shown.stderr) == (0, "")
    assert "configured" in shown.stdout
    assert "other region" in shown.stdout
    assert "(auth_projects)" in shown.stdout
    assert pasted.returncode == 0
    assert yaml.safe_load(pasted.stdout)["projects"]


def test_projects_of_a_cloud_that_cannot_be_reached(tmp_path):
    """The cloud and the cause are named; status 1."""
    result = ended("projects", written(tmp_path))

    assert result.returncode == 1
    assert "otc: the API cannot be reached" in result.stdout


@pytest.mark.parametrize("output", ["table", "json"])
def test_check_finds_projects(cloud, tmp_path, output):
    """`check` prints the fate of each project, and checks the discovered ones."""
    file = Path(written(tmp_path, cloud).partition("=")[2])
    head, _, _ = file.read_text(encoding="utf-8").partition("projects:")
    file.write_text(
        f'{head}    discovery: {{include: ["*_ranking"]}}\n'
        "projects: [{cloud: otc, project_name: eu-de_visoin}]\n",
        encoding="utf-8",
    )
    result = ended("check", f"--format={output}", f"--config.file={file}")
    said = result.stdout if output == "table" else result.stderr

    assert result.returncode == 1
    assert re.search(r"otc +eu-de_ranking +\w{32} +collected\n", said)
    assert re.search(r"otc +eu-de_vision +\w{32} +excluded\n", said)
    assert "eu-de_visoin: no such project in this account and region" in said
    assert "near: eu-de_vision" in said
    assert "eu-de_ranking" in result.stdout
    if output == "json":
        report = json.loads(result.stdout)
        assert {found["project"] for found in report["targets"]} == {"eu-de_ranking"}
        assert all(found["ok"] for found in report["targets"])
        assert report["ok"] is False


@pytest.mark.parametrize("command", [["check", "yaml"], ["projects", "json"]], ids=str)
def test_an_unsupported_format(tmp_path, command):
    """An unsupported format is rejected before any request is sent."""
    name, output = command
    result = ended(name, f"--format={output}", written(tmp_path))

    assert result.returncode == 2
    assert f"{name} has no format {output}" in result.stderr


@pytest.mark.parametrize("command", [["--config.check"], ["once"], []], ids=str)
def test_a_bad_configuration(tmp_path, command):
    """Each error is a line with file, line and key; nothing starts; status 2."""
    file = written(tmp_path).partition("=")[2]
    text = Path(file).read_text(encoding="utf-8")
    Path(file).write_text(f"{text}projetcs: []\n", encoding="utf-8")
    result = ended(*command, f"--config.file={file}")

    assert result.returncode == 2
    assert result.stderr == (
        f'{file}:12: projetcs: unknown key; did you mean "projects"?\n'
    )
    assert result.stdout == ""


def test_an_address_in_use(cloud, tmp_path):
    """The address that is in use is named; status 1."""
    address = cloud.removeprefix("http://")
    result = run(written(tmp_path), f"--web.listen-address={address}")

    assert result.returncode == 1
    assert result.stderr == f"{address}: cannot listen there: Address already in use\n"


def test_once(cloud, tmp_path):
    """`once` prints the metrics of the projects and ends with 0."""
    result = run("once", written(tmp_path, cloud))

    assert result.returncode == 0
    assert (
        'modelarts_up{api_version="v1",kind="training",project="vision"} 1.0\n'
        in result.stdout
    )
    assert "process_" not in result.stdout
    assert result.stderr == ""


def test_shards(cloud, tmp_path):
    """Commands use the shard's own projects; the first line names the shard."""
    argument = written(tmp_path, cloud)
    file = Path(argument.partition("=")[2])
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("projects:", "    discovery: {}\nprojects:"), encoding="utf-8"
    )
    printed, checked, pasted = [], [], []
    for index in range(2):
        flags = (argument, f"--shard={index}", "--total-shards=2")
        once = ended("once", *flags)
        check = ended("check", "--format=json", *flags)
        shown = ended("projects", *flags)
        yaml_text = ended("projects", "--format=yaml", *flags).stdout
        printed += set(re.findall(r'modelarts_up.*project="(.+?)"', once.stdout))
        checked += {each["project"] for each in json.loads(check.stdout)["targets"]}
        pasted += [each["name"] for each in yaml.safe_load(yaml_text)["projects"]]
        assert (once.returncode, check.returncode, shown.returncode) == (0, 0, 0)
        assert f"collected by shard {1 - index}\n" in shown.stdout
        assert re.search(
            r"\d collected \(\d by this shard\), 2 configured", shown.stdout
        )

    whole = re.findall(r'modelarts_up.*project="(.+?)"', ended("once", argument).stdout)
    assert sorted(printed) == sorted(checked) == sorted(set(whole))
    assert sorted([*pasted, "vision", "sandbox"]) == sorted(set(whole))
    pod = ("--shard-from-pod=exporter-1", "--total-shards=3")
    with running(argument, *pod, "--web.listen-address=127.0.0.1:0") as process:
        assert first_match(process.stdout, r"listening .*(shard=1 total_shards=3)")


def test_once_with_some_metrics(cloud, tmp_path):
    """`once` prints the metrics that the flags select."""
    result = ended(
        "once", "--metrics.allow=modelarts_up,.*_offered", written(tmp_path, cloud)
    )

    assert result.returncode == 0
    assert set(re.findall(r"^(\w+)", result.stdout, re.MULTILINE)) == {
        "modelarts_up",
        "modelarts_offered",
    }


def test_once_with_failures(cloud, tmp_path):
    """After a failure, `once` ends with 1 and has the reason on stderr."""
    result = ended("once", written(tmp_path, cloud, password="wrong-password"))

    assert result.returncode == 1
    assert (
        'modelarts_up{api_version="v1",kind="training",project="vision"} 0.0\n'
        in result.stdout
    )
    assert "collection failed" in result.stderr
    assert "wrong-password" not in result.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_its_scrapes(cloud, tmp_path, number):
    """A running scrape is answered, then the process ends with 0 within 5 s."""
    answers = []
    with running(
        written(tmp_path, cloud), "--web.listen-address=127.0.0.1:0"
    ) as process:
        address = first_match(process.stdout, URL.pattern)
        fault = {"effect": "hang", "api": "training_jobs"}
        httpx.post(f"{cloud}/simulator/faults", json=fault).raise_for_status()
        scrape = threading.Thread(
            target=lambda: answers.append(
                httpx.get(
                    f"http://{address}/metrics",
                    headers={"X-Prometheus-Scrape-Timeout-Seconds": "30"},
                    timeout=30,
                )
            )
        )
        scrape.start()
        until_asked(cloud)
        signaled = time.monotonic()
        process.send_signal(number)
        status = process.wait(timeout=10)
        took = time.monotonic() - signaled
        scrape.join()
        httpx.delete(f"{cloud}/simulator/faults").raise_for_status()

    assert (status, took < 5) == (0, True)
    assert answers[0].status_code == 200
    assert (
        'modelarts_up{api_version="v1",kind="training",project="vision"} 0.0'
        in answers[0].text
    )
    assert (
        'modelarts_up{api_version="v1",kind="visualization",project="vision"} 1.0'
        in answers[0].text
    )


def until_asked(cloud):
    """Wait until the fault has affected a request."""
    deadline = time.monotonic() + 20
    while not httpx.get(f"{cloud}/simulator/faults").json()[0]["met"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_logs_are_one_event_a_line(cloud, tmp_path, log_format):
    """Both formats have the time, level and message, in this order."""
    with running(
        written(tmp_path, cloud),
        "--web.listen-address=127.0.0.1:0",
        f"--log.format={log_format}",
    ) as process:
        line = first_match(process.stdout, r"(.*listening.*)")

    if log_format == "json":
        assert re.search(r'"level": "info"', line)
        assert re.search(r'"msg": "listening"', line)
    else:
        assert re.match(r"time=\S+Z level=info msg=listening url=http", line)
