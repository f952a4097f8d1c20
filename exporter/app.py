"""Assembles the exporter: to serve, or to collect once."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import time

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import structlog

from . import __version__
from .clock import Clock
from .cloud.watchdog import watch
from .collection.collector import Collector
from .collection.discovery.project_discovery import ProjectDiscovery
from .collection.discovery.selection import Selection
from .collectors.base import Registry
from .collectors.registry import REGISTRY
from .config import DEFAULT_TIMEOUT, Configuration
from .errors import ConfigurationError
from .metrics.name_filter import EVERYTHING, NameFilter
from .metrics.telemetry import Telemetry
from .terminal import Progress, progress
from .web.config import CurrentWebConfiguration
from .web.middleware import AccessMiddleware
from .web.paths import WebPaths
from .web.routes import create_app
from .web.scraping import Exporter
from .web.server import raise_open_files_limit, serving, url_of, wait_for_signal


log: Final = structlog.get_logger(__name__)

REVISION: Final = os.environ.get("MODELARTS_EXPORTER_REVISION", "unknown")
"""The source revision, set by the image build."""

_SHUTDOWN_SECONDS: Final = 3.0
_GARBAGE_THRESHOLD: Final = 10_000
"""
New objects after which the young ones are looked at, instead of 700. More would save
little, and keep responses in memory that a failure leaves in a cycle.
"""
_COUNT_SECONDS: Final = 0.1
_THIS_MACHINE: Final = {"localhost", "127.0.0.1", "::1"}


async def serve_exporter(
    load: Callable[[], Configuration],
    listener: socket.socket,
    paths: WebPaths,
    web: CurrentWebConfiguration | None = None,
    on_end: Callable[[], None] = lambda: None,
    *,
    names: NameFilter = EVERYTHING,
) -> None:
    """
    Serve what `load` returns on `listener` at `paths`, until a signal ends it.

    `web` has TLS and users, and `names` selects metrics. SIGHUP reloads with `load`. `on_end` is called when the signal arrives. Raises
    `ConfigurationError`, at the start only.
    """
    async with open_exporter(load, names=names) as exporter:
        configuration = exporter.collector.configuration
        _warn_of_plain_http(configuration)
        raise_open_files_limit()
        shard = configuration.shard
        scheme = "https" if web is not None and web.has_tls else "http"
        log.info(
            "listening",
            url=f"{url_of(listener, scheme)}{paths.route(paths.telemetry)}",
            projects=len(configuration.projects),
            version=__version__,
            shard=shard.index if shard else None,
            total_shards=shard.number if shard else None,
        )
        app = create_app(exporter, paths)
        guarded = app if web is None else AccessMiddleware(app, web, paths.open)
        async with serving(guarded, listener, web, exporter.telemetry):
            with _less_garbage_collection():
                await wait_for_signal(on_hangup=partial(_reload, exporter))
            on_end()
            exporter.collector.end_within(_SHUTDOWN_SECONDS)
    log.info("stopped")


async def collect_once(
    load: Callable[[], Configuration], names: NameFilter = EVERYTHING
) -> bool:
    """
    Collect once, print the metrics that `names` selects, and return whether all was collected.

    Raises `ConfigurationError`.
    """
    with progress("listing projects") as line:
        async with open_exporter(load, names=names) as exporter:
            collector = exporter.collector
            seconds = collector.configuration.collection.timeout or DEFAULT_TIMEOUT
            counting = asyncio.create_task(_count(collector, line))
            try:
                body, is_complete = await exporter.once(seconds)
            finally:
                counting.cancel()
    # As bytes: the terminal's encoding may lack characters of job names.
    sys.stdout.buffer.write(body)
    return is_complete


async def _count(collector: Collector, line: Progress) -> None:
    """Say on `line` how many targets are collected, if it is there."""
    if line.is_shown:
        line.announce("collecting")
    while line.is_shown:
        latest = collector.latest()
        line.count(sum(each.outcome is not None for each in latest), len(latest))
        await asyncio.sleep(_COUNT_SECONDS)


@asynccontextmanager
async def open_exporter(
    load: Callable[[], Configuration],
    registry: Registry = REGISTRY,
    clock: Clock = time.time,
    names: NameFilter = EVERYTHING,
) -> AsyncIterator[Exporter]:
    """
    Yield an exporter for the configuration that `load` returns; close it at the end.

    It collects the products of `registry`, and exports what `names` selects. Where projects are discovered, the first list
    of them is waited for, ten seconds at most.
    """
    configuration = load()
    telemetry = Telemetry(REVISION)
    # The projects follow from the configuration, the lists and the shard.
    collector = Collector(
        replace(configuration, projects=()), telemetry, registry, clock
    )
    watchdog = asyncio.create_task(watch(collector.scheduler, telemetry))

    def collect(selection: Selection) -> None:
        collector.replace_projects(selection.projects, selection.unavailable)

    discovery = ProjectDiscovery(
        configuration, collector.client_of, collect, clock=clock
    )
    try:
        collect(discovery.selection)
        await discovery.first_lists()
        yield Exporter(load, collector, discovery, telemetry, clock, names)
    finally:
        watchdog.cancel()
        await asyncio.wait([watchdog])
        await discovery.aclose()
        await collector.aclose()


@contextmanager
def _less_garbage_collection() -> Iterator[None]:
    """Let it look at what scrapes leave behind, and not at what is there from the start."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _reload(exporter: Exporter) -> None:
    # Errors are logged; a signal has no reply.
    with suppress(ConfigurationError):
        exporter.reload()


def _warn_of_plain_http(configuration: Configuration) -> None:
    for cloud in configuration.clouds:
        for url in {cloud.iam_url, cloud.modelarts_url}:
            parts = urlsplit(url)
            if parts.scheme == "http" and parts.hostname not in _THIS_MACHINE:
                log.warning(
                    "credentials are sent unencrypted; use an https URL",
                    cloud=cloud.name,
                    url=url,
                )
