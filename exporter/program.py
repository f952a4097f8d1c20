"""Puts the parts together: the exporter that serves, and the one that collects once."""

from __future__ import annotations

import os
import socket
import sys
import time

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import structlog

from . import __version__
from .collection import Collector
from .config import DEFAULT_TIMEOUT, Configuration
from .exposition import Format, encode
from .families import families
from .listing import Listing
from .server import ending_signal, serving, url_of
from .telemetry import Telemetry
from .web import Exporter, create_app


log: Final = structlog.get_logger(__name__)

REVISION: Final = os.environ.get("MODELARTS_EXPORTER_REVISION", "unknown")
"""The source revision, which an image's build sets."""

_SHUTDOWN_SECONDS: Final = 3.0
_THIS_MACHINE: Final = {"localhost", "127.0.0.1", "::1"}


async def serve_exporter(
    configuration: Configuration, listener: socket.socket, telemetry_path: str
) -> None:
    """Serve `configuration` on `listener` until a signal ends it."""
    _warn_of_plain_http(configuration)
    async with open_exporter(configuration) as exporter:
        log.info(
            "listening",
            url=f"{url_of(listener)}{telemetry_path}",
            projects=len(configuration.projects),
            version=__version__,
        )
        async with serving(create_app(exporter, telemetry_path), listener):
            await ending_signal()
            exporter.collector.end_within(_SHUTDOWN_SECONDS)
    log.info("stopped")


async def collect_once(configuration: Configuration) -> bool:
    """Collect once, print the metrics, and return whether all was collected."""
    settings = configuration.collection
    async with open_exporter(configuration) as exporter:
        reports = await exporter.collector.collect(settings.timeout or DEFAULT_TIMEOUT)
    collected = families(reports, configuration.projects, settings.duration_buckets)
    sys.stdout.write(encode(collected, None, Format.TEXT).decode())
    return all(isinstance(report.outcome.result, Listing) for report in reports)


@asynccontextmanager
async def open_exporter(configuration: Configuration) -> AsyncIterator[Exporter]:
    """Return an exporter for `configuration`; its connections are closed at the end."""
    telemetry = Telemetry(REVISION)
    telemetry.configuration_read(time.time())
    exporter = Exporter(configuration, Collector(configuration, telemetry), telemetry)
    try:
        yield exporter
    finally:
        await exporter.collector.aclose()


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
