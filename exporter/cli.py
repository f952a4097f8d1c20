"""Runs what the command line asks for, and exits with its status."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from collections.abc import Callable, Sequence
from functools import partial

from .app import collect_once, serve_exporter
from .check.command import check_apis, check_assumptions, show_projects
from .collectors.registry import REGISTRY
from .config import Configuration, for_shard, load
from .config.summary import summary_of
from .errors import ConfigurationError
from .exit_status import ExitStatus
from .flag_checks import check_flags
from .flags import (
    EXPORTER_ADDRESS,
    SIMULATOR_ADDRESS,
    Command,
    Flags,
    build_parser,
)
from .logs import configure
from .metrics.name_filter import NameFilter
from .web.config import CurrentWebConfiguration
from .web.paths import WebPaths, web_paths
from .web.server import ListenError, exit_in_time, listen


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its status."""
    parser = build_parser()
    flags = parser.parse_args(arguments, namespace=Flags())
    check_flags(parser, flags)
    configure(flags.log_level, flags.log_format)
    try:
        sys.exit(_run(flags))
    except ConfigurationError as error:
        print(*error.lines(), sep="\n", file=sys.stderr)
        sys.exit(ExitStatus.BAD_CONFIGURATION)
    except ListenError as error:
        print(error, file=sys.stderr)
        sys.exit(ExitStatus.FAILED)
    except KeyboardInterrupt:
        # End by the signal: a shell ends its loop then. Only the first process of a
        # container goes on.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
        sys.exit(ExitStatus.INTERRUPTED)


def _run(flags: Flags) -> int:
    if flags.shell is not None:
        # A server has no use for the library that it needs.
        from .completion import completion_script  # noqa: PLC0415

        print(completion_script(flags.shell))
        return ExitStatus.SUCCEEDED
    if flags.command in {Command.SIMULATOR, Command.DEMO}:
        return _simulate(flags)
    read = partial(_read, flags)
    if flags.config_check:
        return _check_configuration(flags, read())
    if flags.command is not Command.SERVE:
        return ExitStatus.SUCCEEDED if _print(flags, read) else ExitStatus.FAILED
    # Report errors of the configuration before those of the address.
    read()
    web = _web(flags)
    listener = listen(flags.listen_address or EXPORTER_ADDRESS)
    asyncio.run(
        serve_exporter(
            read,
            listener,
            _paths(flags),
            web,
            exit_in_time,
            names=_names(flags),
        )
    )
    return ExitStatus.SUCCEEDED


def _simulate(flags: Flags) -> int:
    # A server has no use for a simulated cloud.
    from .demo import run_demo, run_simulator  # noqa: PLC0415

    if flags.command is Command.SIMULATOR:
        listener = listen(flags.listen_address or SIMULATOR_ADDRESS)
        asyncio.run(run_simulator(listener, flags.speed))
    else:
        listener = listen(flags.listen_address or EXPORTER_ADDRESS)
        asyncio.run(run_demo(listener, _paths(flags), flags.speed, _names(flags)))
    return ExitStatus.SUCCEEDED


def _read(flags: Flags) -> Configuration:
    """Return the configuration; a reload has the same shard."""
    configuration = load(flags.config_file or "", os.environ, REGISTRY.names)
    shard = flags.own_shard
    return for_shard(configuration, shard) if shard else configuration


def _check_configuration(flags: Flags, configuration: Configuration) -> int:
    _web(flags)
    file = flags.config_file or ""
    for warning in configuration.warnings:
        print(warning.text(file, "warning"), file=sys.stderr)
    if configuration.warnings and flags.config_strict:
        return ExitStatus.BAD_CONFIGURATION
    print(f"{file}: {summary_of(configuration)}")
    return ExitStatus.SUCCEEDED


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


def _paths(flags: Flags) -> WebPaths:
    return web_paths(
        flags.telemetry_path,
        external_url=flags.external_url,
        route_prefix=flags.route_prefix,
    )


def _names(flags: Flags) -> NameFilter:
    return NameFilter(flags.metrics_allow or (), flags.metrics_deny or ())
