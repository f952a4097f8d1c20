"""Configures logging: one event per line on stderr, as logfmt or JSON."""

from __future__ import annotations

import logging
import sys

from enum import StrEnum
from typing import Final, TextIO

import structlog

from structlog.typing import EventDict, Processor, WrappedLogger


class LogFormat(StrEnum):
    """The format of a line."""

    LOGFMT = "logfmt"
    JSON = "json"


class LogLevel(StrEnum):
    """The minimum level of events, with Prometheus's names."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


_LEVELS: Final = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARN: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}
_NAMES: Final = {"warning": "warn", "critical": "error", "exception": "error"}


def configure(
    level: LogLevel, log_format: LogFormat, stream: TextIO | None = None
) -> None:
    """Send all logging of this process, including libraries, to `stream` or stderr."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        _prometheus_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("msg"),
        _without_nothing,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(log_format),
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_LEVELS[level])
    # At level info, uvicorn duplicates the exporter's own messages.
    logging.getLogger("uvicorn").setLevel(max(_LEVELS[level], logging.WARNING))
    logging.getLogger("httpx").setLevel(max(_LEVELS[level], logging.WARNING))


def _renderer(log_format: LogFormat) -> Processor:
    if log_format is LogFormat.JSON:
        return structlog.processors.JSONRenderer()
    return structlog.processors.LogfmtRenderer(
        key_order=["time", "level", "msg"], drop_missing=True
    )


def _prometheus_level(
    logger: WrappedLogger, method: str, event: EventDict
) -> EventDict:
    level = str(event["level"])
    event["level"] = _NAMES.get(level, level)
    return event


def _without_nothing(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return {key: value for key, value in event.items() if value is not None}
