"""Logs every request to a cloud at level debug."""

from __future__ import annotations

import logging

from typing import Final

import structlog

from ..exchange import Exchange


log: Final = structlog.get_logger(__name__)
_logger: Final = logging.getLogger(__name__)


def log_exchange(exchange: Exchange) -> None:
    """Log a line for `exchange`; a response's own text is never in it."""
    # To prepare a line that nobody logs took 2 % of a scrape's processor time.
    if not _logger.isEnabledFor(logging.DEBUG):
        return
    log.debug(
        "request",
        cloud=exchange.cloud,
        project=exchange.project,
        api=exchange.operation,
        method=exchange.method,
        path=exchange.path,
        status=exchange.status,
        error_code=exchange.error_code,
        request_id=exchange.request_id,
        problem=exchange.problem,
        attempt=exchange.attempt,
        waited_ms=round(exchange.waited * 1000),
        ms=round(exchange.seconds * 1000),
    )
