"""Refuses flags that contradict each other or the command, or cannot be used."""

from __future__ import annotations

import argparse

from typing import Final

from .check.command import OutputFormat
from .config import MAX_SHARDS
from .flags import Command, Flags, Shell
from .web.paths import OwnPath, web_paths


_WITHOUT_CONFIGURATION: Final = {
    Command.DEMO,
    Command.SIMULATOR,
    Command.COMPLETION,
}
_FORMATS: Final = {
    Command.CHECK: {OutputFormat.TABLE, OutputFormat.JSON},
    Command.PROJECTS: {OutputFormat.TABLE, OutputFormat.YAML},
}


def check_flags(parser: argparse.ArgumentParser, flags: Flags) -> None:
    """Print the first error of `flags` with the usage, and exit with status 2."""
    if (flags.command is Command.COMPLETION) is not (flags.shell is not None):
        parser.error(
            f"give a shell with completion, and only there: {', '.join(Shell)}"
        )
    needs_file = flags.command not in _WITHOUT_CONFIGURATION
    if needs_file and flags.config_file is None:
        parser.error("--config.file is needed; without a cloud, try the command demo")
    if flags.config_strict and not flags.config_check:
        parser.error("--config.strict is for --config.check")
    if flags.output_format not in _FORMATS.get(flags.command, OutputFormat):
        parser.error(f"{flags.command} has no format {flags.output_format}")
    if flags.metrics_allow and flags.metrics_deny:
        parser.error("give --metrics.allow or --metrics.deny, not both")
    if flags.assumptions and flags.command is not Command.CHECK:
        parser.error("--assumptions is for the command check")
    if not flags.speed > 0:
        parser.error("--simulator.speed must be above 0")
    _check_paths(parser, flags)
    _check_shard(parser, flags)


def _check_paths(parser: argparse.ArgumentParser, flags: Flags) -> None:
    if not flags.telemetry_path.startswith("/"):
        parser.error("--web.telemetry-path must start with /")
    if flags.telemetry_path in set(OwnPath) - {OwnPath.PAGE}:
        parser.error("--web.telemetry-path must not be a path of the exporter's own")
    try:
        web_paths(
            flags.telemetry_path,
            external_url=flags.external_url,
            route_prefix=flags.route_prefix,
        )
    except ValueError as error:
        parser.error(str(error))


def _check_shard(parser: argparse.ArgumentParser, flags: Flags) -> None:
    total, shard = flags.total_shards, flags.own_shard
    if flags.shard is None and flags.pod_ordinal is None:
        if total is not None:
            parser.error("--total-shards needs --shard or --shard-from-pod")
        return
    if flags.shard is not None and flags.pod_ordinal is not None:
        parser.error("give --shard or --shard-from-pod, not both")
    flag = "--shard-from-pod" if flags.shard is None else "--shard"
    if shard is None:
        parser.error(f"{flag} needs --total-shards")
    if not 1 <= shard.number <= MAX_SHARDS:
        parser.error(f"--total-shards must be 1 to {MAX_SHARDS}")
    if not shard.is_valid:
        last = shard.number - 1
        parser.error(
            f"{flag}: there is no shard {shard.index}; with --total-shards="
            f"{shard.number}, the last is {last}"
        )
    if flags.command in {Command.DEMO, Command.SIMULATOR}:
        parser.error(f"{flags.command} has no shards")
