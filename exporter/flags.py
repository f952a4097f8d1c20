"""Declares the commands and flags, with their types, defaults and help."""

from __future__ import annotations

import argparse
import platform
import re
import textwrap

from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeVar

from . import __version__
from .app import REVISION
from .check.command import OutputFormat
from .config import Shard
from .config.messages import unknown
from .exit_status import EXIT_STATUSES
from .logs import LogFormat, LogLevel


EXPORTER_ADDRESS: Final = ":10198"
SIMULATOR_ADDRESS: Final = "127.0.0.1:10199"

E = TypeVar("E", bound=StrEnum)


class Command(StrEnum):
    """What to do; the default is to serve."""

    SERVE = "serve"
    DEMO = "demo"
    SIMULATOR = "simulator"
    ONCE = "once"
    CHECK = "check"
    PROJECTS = "projects"
    COMPLETION = "completion"


COMMANDS: Final = {
    Command.SERVE: "serve the metrics (default)",
    Command.DEMO: "serve a simulated cloud's jobs",
    Command.SIMULATOR: "serve only the simulated cloud",
    Command.ONCE: "collect once and print the metrics",
    Command.CHECK: "query every API and report problems",
    Command.PROJECTS: "list the projects that the credentials can read",
    Command.COMPLETION: "print the script that completes this command line in a shell",
}
"""What each of them does."""


class Shell(StrEnum):
    """The shells whose completion is known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


class Flags(argparse.Namespace):
    """The parsed command line."""

    command: Command
    shell: Shell | None
    config_file: str | None
    config_check: bool
    config_strict: bool
    listen_address: str | None
    telemetry_path: str
    external_url: str
    route_prefix: str
    metrics_allow: tuple[re.Pattern[str], ...] | None
    metrics_deny: tuple[re.Pattern[str], ...] | None
    web_config_file: str
    log_level: LogLevel
    log_format: LogFormat
    speed: float
    output_format: OutputFormat
    assumptions: bool
    shard: int | None
    total_shards: int | None
    pod_ordinal: int | None

    @property
    def own_shard(self) -> Shard | None:
        """The part of the projects that this process has; None for all of them."""
        index = self.pod_ordinal if self.shard is None else self.shard
        if index is None or self.total_shards is None:
            return None
        return Shard(index, self.total_shards)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; it fills in a `Flags`."""
    parser = argparse.ArgumentParser(
        prog="modelarts-exporter",
        description="Prometheus exporter for ModelArts jobs, quotas and durations.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        parents=[flag_parser()],
    )
    parser.add_argument(
        "command",
        nargs="?",
        type=_member_of(Command),
        default=Command.SERVE,
        help="; ".join(f"{command}: {words}" for command, words in COMMANDS.items()),
    )
    parser.add_argument(
        "shell",
        nargs="?",
        type=_member_of(Shell),
        help=f"completion: {', '.join(Shell)}",
    )
    return parser


def flag_parser() -> argparse.ArgumentParser:
    """Return a parser of the flags alone, which all commands share."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--config.file", dest="config_file", metavar="FILE", help="configuration file"
    )
    parser.add_argument(
        "--config.check",
        dest="config_check",
        action="store_true",
        help="check the configuration, report its errors and exit with status 0 or 2",
    )
    parser.add_argument(
        "--config.strict",
        dest="config_strict",
        action="store_true",
        help="with --config.check: exit with status 2 if there are warnings, too",
    )
    parser.add_argument(
        "--web.listen-address",
        dest="listen_address",
        metavar="ADDRESS",
        help=f"host:port or :port (default {EXPORTER_ADDRESS}; the simulator's is "
        f"{SIMULATOR_ADDRESS})",
    )
    parser.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        default="/metrics",
        metavar="PATH",
        help="path of the metrics (default /metrics)",
    )
    parser.add_argument(
        "--web.external-url",
        dest="external_url",
        default="",
        metavar="URL",
        help="where others reach the exporter, such as through a reverse proxy; its path "
        "is the default of --web.route-prefix",
    )
    parser.add_argument(
        "--web.route-prefix",
        dest="route_prefix",
        default="",
        metavar="PATH",
        help="prefix of all paths, for a proxy that does not strip it (default: the path "
        "of --web.external-url)",
    )
    parser.add_argument(
        "--metrics.allow",
        dest="metrics_allow",
        type=_patterns,
        default=None,
        metavar="REGEX,...",
        help="export only metrics whose whole name one of these regular expressions "
        "matches",
    )
    parser.add_argument(
        "--metrics.deny",
        dest="metrics_deny",
        type=_patterns,
        default=None,
        metavar="REGEX,...",
        help="export all but metrics whose whole name one of these matches",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config_file",
        default="",
        metavar="FILE",
        help="TLS, users, headers and rate limit of the listener, in the format of "
        "Prometheus's exporter-toolkit",
    )
    parser.add_argument(
        "--shard",
        type=_whole_number,
        metavar="INDEX",
        help="collect and serve only this part of the projects, counted from 0; needs "
        "--total-shards",
    )
    parser.add_argument(
        "--total-shards",
        dest="total_shards",
        type=_whole_number,
        metavar="N",
        help="the number of processes that share the projects of this configuration",
    )
    parser.add_argument(
        "--shard-from-pod",
        dest="pod_ordinal",
        type=_pod_ordinal,
        metavar="NAME",
        help="instead of --shard: the name of this StatefulSet's pod, such as "
        "exporter-0, whose ordinal is the shard",
    )
    parser.add_argument(
        "--log.level",
        dest="log_level",
        type=_member_of(LogLevel),
        choices=list(LogLevel),
        metavar=_choices(LogLevel),
        default=LogLevel.INFO,
        help="minimum level of log messages (default info)",
    )
    parser.add_argument(
        "--log.format",
        dest="log_format",
        type=_member_of(LogFormat),
        choices=list(LogFormat),
        metavar=_choices(LogFormat),
        default=LogFormat.LOGFMT,
        help="format of log lines (default logfmt)",
    )
    parser.add_argument(
        "--simulator.speed",
        dest="speed",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="demo and simulator: speed of simulated time, as a factor (default 1)",
    )
    parser.add_argument(
        "--format",
        dest="output_format",
        type=_member_of(OutputFormat),
        choices=list(OutputFormat),
        metavar=_choices(OutputFormat),
        default=OutputFormat.TABLE,
        help="check: table (default) or json; projects: table, or yaml to paste into "
        "the configuration",
    )
    parser.add_argument(
        "--assumptions",
        action="store_true",
        help="check: test what is assumed of the APIs; its report can be published",
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"modelarts-exporter, version {__version__} (revision: {REVISION}, "
        f"python: {platform.python_version()})",
    )
    return parser


def _epilog() -> str:
    lines = (
        textwrap.fill(
            f"{commands}: {words}", 78, initial_indent="  ", subsequent_indent=" " * 6
        )
        for commands, words in EXIT_STATUSES.items()
    )
    return "\n".join(["exit status:", *lines])


def _member_of(choices: type[E]) -> Callable[[str], E]:
    def convert(text: str) -> E:
        if text not in list(choices):
            raise argparse.ArgumentTypeError(unknown(text, text, list(choices)))
        return choices(text)

    return convert


def _whole_number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        message = f"{text!r} is not a whole number from 0"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _pod_ordinal(name: str) -> int:
    ordinal = re.search("-([0-9]{1,9})$", name)
    if ordinal is None:
        message = f"{name!r} does not end with an ordinal, as exporter-0 does"
        raise argparse.ArgumentTypeError(message)
    return int(ordinal[1])


def _patterns(text: str) -> tuple[re.Pattern[str], ...]:
    try:
        return tuple(re.compile(part.strip()) for part in text.split(",") if part)
    except re.error as error:
        message = f"{text!r} is not a regular expression: {error}"
        raise argparse.ArgumentTypeError(message) from None


def _choices(choices: type[StrEnum]) -> str:
    return f"{{{','.join(choices)}}}"
