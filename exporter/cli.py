"""The command line: flags, commands and exit statuses."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import sys

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Final, TypeVar

from . import __version__
from .app import REVISION, collect_once, serve_exporter
from .check.command import (
    OutputFormat,
    check_apis,
    check_assumptions,
    show_projects,
)
from .collectors.registry import REGISTRY
from .config import Configuration, load
from .config.messages import unknown
from .config.summary import summary_of
from .demo import run_demo, run_simulator
from .errors import ConfigurationError
from .logs import LogFormat, LogLevel, configure
from .metrics.name_filter import NameFilter
from .web.config import CurrentWebConfiguration
from .web.paths import OwnPath
from .web.server import ListenError, exit_in_time, listen


_SUCCEEDED: Final = 0
_FAILED: Final = 1
_BAD_CONFIGURATION: Final = 2

_EXPORTER_ADDRESS: Final = ":10198"
_SIMULATOR_ADDRESS: Final = "127.0.0.1:10199"

E = TypeVar("E", bound=StrEnum)


class Command(StrEnum):
    """What to do; the default is to serve."""

    SERVE = "serve"
    DEMO = "demo"
    SIMULATOR = "simulator"
    ONCE = "once"
    CHECK = "check"
    PROJECTS = "projects"


_FORMATS: Final = {
    Command.CHECK: {OutputFormat.TABLE, OutputFormat.JSON},
    Command.PROJECTS: {OutputFormat.TABLE, OutputFormat.YAML},
}


class Flags(argparse.Namespace):
    """The parsed command line."""

    command: Command
    config_file: str | None
    config_check: bool
    config_strict: bool
    listen_address: str | None
    telemetry_path: str
    metrics_allow: tuple[re.Pattern[str], ...] | None
    metrics_deny: tuple[re.Pattern[str], ...] | None
    web_config_file: str
    log_level: LogLevel
    log_format: LogFormat
    speed: float
    output_format: OutputFormat
    assumptions: bool


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its status."""
    parser = command_line()
    flags = parser.parse_args(arguments, namespace=Flags())
    _check(parser, flags)
    configure(flags.log_level, flags.log_format)
    try:
        sys.exit(_run(flags))
    except ConfigurationError as error:
        print(*error.lines(), sep="\n", file=sys.stderr)
        sys.exit(_BAD_CONFIGURATION)
    except ListenError as error:
        print(error, file=sys.stderr)
        sys.exit(_FAILED)


def _run(flags: Flags) -> int:
    address = flags.listen_address
    if flags.command is Command.SIMULATOR:
        listener = listen(address or _SIMULATOR_ADDRESS)
        asyncio.run(run_simulator(listener, flags.speed))
        return _SUCCEEDED
    if flags.command is Command.DEMO:
        listener = listen(address or _EXPORTER_ADDRESS)
        asyncio.run(
            run_demo(listener, flags.telemetry_path, flags.speed, _names(flags))
        )
        return _SUCCEEDED
    read = partial(load, flags.config_file or "", os.environ, REGISTRY.names)
    if flags.config_check:
        return _check_configuration(flags, read())
    if flags.command is not Command.SERVE:
        return _SUCCEEDED if _print(flags, read) else _FAILED
    # Report errors of the configuration before those of the address.
    read()
    web = _web(flags)
    listener = listen(address or _EXPORTER_ADDRESS)
    asyncio.run(
        serve_exporter(
            read,
            listener,
            flags.telemetry_path,
            web,
            exit_in_time,
            names=_names(flags),
        )
    )
    return _SUCCEEDED


def _check_configuration(flags: Flags, configuration: Configuration) -> int:
    _web(flags)
    file = flags.config_file or ""
    for warning in configuration.warnings:
        print(warning.text(file, "warning"), file=sys.stderr)
    if configuration.warnings and flags.config_strict:
        return _BAD_CONFIGURATION
    print(f"{file}: {summary_of(configuration)}")
    return _SUCCEEDED


def _print(flags: Flags, read: Callable[[], Configuration]) -> bool:
    """Run a command that prints what it finds; return whether all went well."""
    if flags.command is Command.ONCE:
        return asyncio.run(collect_once(read, _names(flags)))
    show = show_projects
    if flags.command is Command.CHECK:
        show = check_assumptions if flags.assumptions else check_apis
    return show(read(), flags.output_format)


def _web(flags: Flags) -> CurrentWebConfiguration | None:
    file = flags.web_config_file
    return CurrentWebConfiguration(file) if file else None


def _check(parser: argparse.ArgumentParser, flags: Flags) -> None:
    needs_file = set(Command) - {Command.DEMO, Command.SIMULATOR}
    if flags.command in needs_file and flags.config_file is None:
        parser.error("--config.file is needed; without a cloud, try the command demo")
    if flags.config_strict and not flags.config_check:
        parser.error("--config.strict is for --config.check")
    if flags.output_format not in _FORMATS.get(flags.command, OutputFormat):
        parser.error(f"{flags.command} has no format {flags.output_format}")
    if flags.metrics_allow and flags.metrics_deny:
        parser.error("give --metrics.allow or --metrics.deny, not both")
    if flags.assumptions and flags.command is not Command.CHECK:
        parser.error("--assumptions is for the command check")
    if not flags.telemetry_path.startswith("/"):
        parser.error("--web.telemetry-path must start with /")
    if flags.telemetry_path in set(OwnPath) - {OwnPath.PAGE}:
        parser.error("--web.telemetry-path must not be a path of the exporter's own")
    if not flags.speed > 0:
        parser.error("--simulator.speed must be above 0")


def _member_of(choices: type[E]) -> Callable[[str], E]:
    def convert(text: str) -> E:
        if text not in list(choices):
            raise argparse.ArgumentTypeError(unknown(text, text, list(choices)))
        return choices(text)

    return convert


def _names(flags: Flags) -> NameFilter:
    return NameFilter(flags.metrics_allow or (), flags.metrics_deny or ())


def _patterns(text: str) -> tuple[re.Pattern[str], ...]:
    try:
        return tuple(re.compile(part.strip()) for part in text.split(",") if part)
    except re.error as error:
        message = f"{text!r} is not a regular expression: {error}"
        raise argparse.ArgumentTypeError(message) from None


def _choices(choices: type[StrEnum]) -> str:
    return f"{{{','.join(choices)}}}"


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line: flags, defaults and help."""
    parser = argparse.ArgumentParser(
        prog="modelarts-exporter",
        description="Prometheus exporter for ModelArts jobs, quotas and durations.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "command",
        nargs="?",
        type=_member_of(Command),
        default=Command.SERVE,
        help="serve (default); demo: serve a simulated cloud's jobs; simulator: serve "
        "only the simulated cloud; once: collect once and print the metrics; check: query "
        "every API and report problems; projects: list the projects that the credentials "
        "can read",
    )
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
        help=f"host:port or :port (default {_EXPORTER_ADDRESS}; the simulator's is "
        f"{_SIMULATOR_ADDRESS})",
    )
    parser.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        default="/metrics",
        metavar="PATH",
        help="path of the metrics (default /metrics)",
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
        "--log.level",
        dest="log_level",
        type=_member_of(LogLevel),
        metavar=_choices(LogLevel),
        default=LogLevel.INFO,
        help="minimum level of log messages (default info)",
    )
    parser.add_argument(
        "--log.format",
        dest="log_format",
        type=_member_of(LogFormat),
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
