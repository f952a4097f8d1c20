"""Commands on a terminal, with progress, colors and Ctrl-C, and without one."""

import contextlib
import re
import signal
import subprocess
import sys

from pathlib import Path

import httpx
import pytest

from commands import ended
from programs import running_simulator
from terminals import on_terminal


pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "exporter"]
COLOR = re.compile(r"\033\[3[0-9]m")
CONTROL = re.compile(r"\033|\r(?!\n)")
CLOCK = r"00:0\d"


@pytest.fixture(scope="module")
def cloud():
    """Run the simulated cloud."""
    with running_simulator() as url:
        yield url


@pytest.fixture
def arguments(cloud, tmp_path):
    """Return the flag with a configuration for that cloud."""
    file = tmp_path / "modelarts.yml"
    file.write_text(f"""\
clouds:
  otc:
    region: eu-de
    iam_url: {cloud}
    modelarts_url: {cloud}
    auth:
      password: {{username: exporter, password: demo-password, domain: OTC00000000001000000001}}
projects:
  - {{name: vision, cloud: otc, project_id: {1:032x}}}
  - {{name: sandbox, cloud: otc, project_id: {5:032x}}}
collection: {{timeout: 30s}}
""")
    return [f"--config.file={file}"]


@contextlib.contextmanager
def faulty(cloud, **fault):
    """Inject a fault within a `with` block."""
    httpx.post(f"{cloud}/simulator/faults", json=fault).raise_for_status()
    try:
        yield
    finally:
        httpx.delete(f"{cloud}/simulator/faults").raise_for_status()


# A command, the request that is slow, and the progress during it.
PROGRESS = {
    "check": (["check"], "training_jobs", rf"checking \d+ collections: \d+ of \d+ .*{CLOCK}"),
    "json": (["check", "--format=json"], "training_jobs", r"checking \d+ collections: \d+ of"),
    "assumptions": (["check", "--assumptions"], "training_jobs", rf"testing \w+  {CLOCK}"),
    "once": (["once"], "training_jobs", rf"collecting: \d+ of \d+ .*{CLOCK}"),
    "projects": (["projects"], "auth_projects", rf"listing projects  {CLOCK}"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRESS)
def test_progress(cloud, arguments, name):
    """The last line shows the progress, and is gone at the end."""
    command, api, pattern = PROGRESS[name]
    with (
        faulty(cloud, effect="delay", seconds=1, times=2, api=api),
        on_terminal([*COMMAND, *command, *arguments], NO_COLOR="1") as terminal,
    ):
        terminal.until(pattern)
        status = terminal.end()
    piped = ended(*command, *arguments)

    assert (status, terminal.screen[-1]) == (piped.returncode, "")
    assert not re.search(CLOCK, "\n".join(terminal.screen))
    assert terminal.screen[0] == piped.stdout.splitlines()[0]
    assert not CONTROL.search(piped.stdout + piped.stderr)


@pytest.mark.parametrize("output", ["table", "json"])
def test_the_table_of_projects_appears_above_the_progress(cloud, arguments, output):
    """The table comes before the counts; with JSON it is not part of the output."""
    file = Path(arguments[0].partition("=")[2])
    text = file.read_text().replace("projects:", "    discovery: {}\nprojects:")
    file.write_text(text)
    command = [*COMMAND, "check", f"--format={output}", *arguments]
    with (
        faulty(cloud, effect="delay", seconds=1, times=2, api="auth_projects"),
        on_terminal(command) as terminal,
    ):
        terminal.until(PROGRESS["projects"][2])
        status = terminal.end()

    assert status == 0
    assert terminal.screen[0].split()[:3] == ["cloud", "project", "project"]
    assert not re.search(CLOCK, "\n".join(terminal.screen))


def test_a_file_gets_no_progress(cloud, arguments, tmp_path):
    """A redirected standard output has no progress, even if the terminal shows it."""
    file = tmp_path / "out"
    to_file = ["sh", "-c", f'"$@" > {file}', "sh"]
    with (
        faulty(cloud, effect="delay", seconds=1, times=2, api="training_jobs"),
        on_terminal([*to_file, *COMMAND, "check", *arguments]) as terminal,
    ):
        terminal.until(PROGRESS["check"][2])
        status = terminal.end()

    assert (status, terminal.screen) == (0, [""])
    assert "all well" in file.read_text()
    assert not CONTROL.search(file.read_text())


@pytest.mark.parametrize(
    "environment", [{"TERM": "dumb"}, {"TERM": ""}], ids=["dumb", "none"]
)
def test_a_terminal_without_control_sequences(cloud, arguments, environment):
    """A terminal without control sequences gets plain lines."""
    with (
        faulty(cloud, effect="delay", seconds=1, times=2, api="training_jobs"),
        on_terminal([*COMMAND, "check", *arguments], **environment) as terminal,
    ):
        assert terminal.end() == 0

    assert "checking 6 collections\r\n" in terminal.output
    assert not CONTROL.search(terminal.output)


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colors(cloud, arguments, no_color):
    """Failures are red and successes green; there are no colors with NO_COLOR."""
    with (
        faulty(cloud, effect="status", status=403, code="ModelArts.0203", api="visualization_jobs"),
        on_terminal([*COMMAND, "check", *arguments], NO_COLOR=no_color) as terminal,
    ):  # fmt: skip
        status = terminal.end()

    assert status == 1
    if no_color:
        assert not COLOR.search(terminal.output)
    else:
        assert "\033[32mok\033[39m" in terminal.output
        assert "\033[31mFAILED\033[39m" in terminal.output
        assert re.search(r"\033\[31m2 of 6 cannot be collected\033\[39m", terminal.output)  # fmt: skip


@pytest.mark.parametrize("command", ["check", "once", "projects"])
def test_an_interrupt(cloud, arguments, command):
    """Ctrl-C ends the command by the signal, with a clean line and no traceback."""
    api, pattern = PROGRESS[command][1:]
    with (
        faulty(cloud, effect="hang", api=api),
        on_terminal([*COMMAND, command, *arguments]) as terminal,
    ):
        terminal.until(pattern)
        terminal.type("\x03")
        status = terminal.end()

    assert status == -signal.SIGINT
    assert "Traceback" not in terminal.output
    assert terminal.screen[-1] in {"", "^C"}
    assert "\033[?25l" not in terminal.output, "the cursor is hidden"


def test_messages_appear_above_the_progress(cloud, arguments):
    """A log message is on a line of its own."""
    with (
        faulty(cloud, effect="status", status=500, api="visualization_jobs"),
        faulty(cloud, effect="delay", seconds=2, times=2, api="training_jobs"),
        on_terminal([*COMMAND, "once", *arguments, "--log.level=debug"]) as terminal,
    ):
        terminal.until(PROGRESS["once"][2])
        assert terminal.end() == 1

    logged = [line for line in terminal.screen if "level=" in line]
    assert logged
    assert all(line.startswith("time=") for line in logged)


def test_a_narrow_terminal(cloud, arguments):
    """The progress is cut off, and stays on one line."""
    with (
        faulty(cloud, effect="delay", seconds=1, times=2, api="training_jobs"),
        on_terminal([*COMMAND, "once", *arguments], columns=12) as terminal,
    ):
        terminal.until("collecting")
        terminal.end()

    redrawn = terminal.output.partition("#")[0].split("\r")
    assert max(map(len, redrawn)) <= 12


def test_a_server_does_not_load_it():
    """Progress is loaded for people only, the simulator for tests and the demo."""
    program = "import sys, exporter.cli; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "exporter.cli" in loaded.stdout.splitlines()
    unwanted = {"tqdm", "shtab", "exporter.simulator"}
    assert not unwanted & set(loaded.stdout.splitlines())
