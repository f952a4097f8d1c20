"""
Starts the demo with Prometheus and Alertmanager, on the rules that are shipped.

Both have to be installed. Nothing is left behind.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys

from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory


FOLDER = Path(__file__).parent
ADDRESSES = """\
  Prometheus    http://{prometheus}/alerts
  Alertmanager  http://{alertmanager}/

They scrape and evaluate every 15 seconds. The first alerts fire after five
minutes, most after fifteen.

"""


def main() -> None:
    """Run the stack until a signal or the end of one of its programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exporter", default="127.0.0.1:10198", metavar="ADDRESS")
    parser.add_argument("--prometheus", default="127.0.0.1:19090", metavar="ADDRESS")
    parser.add_argument("--alertmanager", default="127.0.0.1:19093", metavar="ADDRESS")
    flags = parser.parse_args()
    prometheus = program("prometheus")
    alertmanager = program("alertmanager", "prometheus-alertmanager")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        configuration = (FOLDER / "compose/prometheus.yml").read_text()
        for place, here in {
            "/etc/prometheus/rules": str(FOLDER.resolve() / "prometheus/rules"),
            "exporter:10198": flags.exporter,
            "alertmanager:9093": flags.alertmanager,
        }.items():
            configuration = configuration.replace(place, here)
        (folder / "prometheus.yml").write_text(configuration)
        sys.stdout.write(ADDRESSES.format_map(vars(flags)))
        sys.stdout.flush()
        commands: tuple[list[str], ...] = (
            [
                prometheus,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/prometheus",
                f"--web.listen-address={flags.prometheus}",
                "--log.level=error",
            ],
            [
                alertmanager,
                f"--config.file={FOLDER}/compose/alertmanager.yml",
                f"--storage.path={folder}/alertmanager",
                f"--web.listen-address={flags.alertmanager}",
                "--cluster.listen-address=",
                "--log.level=error",
            ],
            [
                sys.executable,
                "-m",
                "exporter",
                "demo",
                f"--web.listen-address={flags.exporter}",
            ],
        )
        started = [subprocess.Popen(command) for command in commands]
        for process in started:
            stack.callback(stop, process)
        with suppress(KeyboardInterrupt):
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            for process, command in zip(started, commands, strict=True):
                if ended is not None and process.pid == ended.si_pid:
                    sys.exit(f"{command[0]} has ended; the reason is above")


def program(*names: str) -> str:
    """Return the path of a program under one of its names, or exit."""
    for name in names:
        if path := shutil.which(name):
            return path
    sys.exit(
        f"{names[0]} is not installed: apt-get install prometheus prometheus-alertmanager, "
        "or put its program into a folder of PATH"
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process, and wait for its end."""
    process.terminate()
    with suppress(KeyboardInterrupt):
        process.wait()


if __name__ == "__main__":
    main()
