"""The exporter's own metrics: API requests, credentials and configuration."""

from __future__ import annotations

import platform

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from .. import __version__
from ..exchange import Exchange


_LATENCY_BUCKETS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_THROTTLED: Final = 429


class Telemetry:
    """The exporter's own metrics, on a separate registry."""

    def __init__(self, revision: str = "unknown") -> None:
        disable_created_metrics()
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = Counter(
            "modelarts_exporter_api_requests",
            "API requests by HTTP status, or code error if there was no response.",
            ("cloud", "api", "code"),
            registry=self.registry,
        )
        self._request_duration = Histogram(
            "modelarts_exporter_api_request_duration_seconds",
            "Time from sending an API request to the end of its response.",
            ("cloud", "api"),
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._retries = Counter(
            "modelarts_exporter_api_retries",
            "API requests retried, by the reason of the failure.",
            ("cloud", "api", "reason"),
            registry=self.registry,
        )
        self._in_flight = Gauge(
            "modelarts_exporter_api_requests_in_flight",
            "API requests that have been sent and not answered yet.",
            ("cloud",),
            registry=self.registry,
        )
        self._waiting = Gauge(
            "modelarts_exporter_api_requests_waiting",
            "API requests that wait for a slot, a rate limit or the end of a pause.",
            ("cloud",),
            registry=self.registry,
        )
        self._stalls = Counter(
            "modelarts_exporter_api_request_stalls",
            "Times that requests waited for 30 s while none was in flight, and were "
            "recovered: each is a bug in the exporter.",
            registry=self.registry,
        )
        self._scrape_timeout = Gauge(
            "modelarts_exporter_scrape_timeout_seconds",
            "The timeout that the last scraper sent; 0 before the first.",
            registry=self.registry,
        )
        self._coalesced = Counter(
            "modelarts_exporter_coalesced_collections",
            "Collections of a project and kind that joined a running one.",
            registry=self.registry,
        )
        self._invalid_requests = Counter(
            "modelarts_exporter_invalid_requests",
            "Requests to the exporter rejected as invalid HTTP.",
            registry=self.registry,
        )
        self._credential_expiry = Gauge(
            "modelarts_exporter_credential_expiry_timestamp_seconds",
            "When a project's current token expires; it is renewed before.",
            ("cloud", "project"),
            registry=self.registry,
        )
        self._clock_skew = Gauge(
            "modelarts_exporter_clock_skew_seconds",
            "The API's clock minus this machine's, from the last response's Date header "
            "(whole seconds). Signatures are rejected above 900.",
            ("cloud",),
            registry=self.registry,
        )
        self._reload_successful = Gauge(
            "modelarts_exporter_config_last_reload_successful",
            "1 if the last read of the configuration found no errors, else 0.",
            registry=self.registry,
        )
        self._reload_time = Gauge(
            "modelarts_exporter_config_last_reload_success_timestamp_seconds",
            "When the configuration was last read without errors.",
            registry=self.registry,
        )
        self._series_of: dict[
            tuple[str, str, int | None], tuple[Counter, Histogram]
        ] = {}
        Gauge(
            "modelarts_exporter_build_info",
            "1; the exporter's version, source revision and Python version.",
            ("version", "revision", "python_version"),
            registry=self.registry,
        ).labels(__version__, revision, platform.python_version()).set(1)

    def observe(self, exchange: Exchange) -> None:
        """Count an API request, and set by how much the API's clock is ahead."""
        cloud, operation, status = exchange.cloud, exchange.operation, exchange.status
        series = self._series_of.get((cloud, operation, status))
        if series is None:
            code = "error" if status is None else status
            series = (
                self._requests.labels(cloud, operation, code),
                self._request_duration.labels(cloud, operation),
            )
            self._series_of[cloud, operation, status] = series
            # Initialized, since PromQL sees no increase in a series that starts at 1.
            self._requests.labels(cloud, operation, _THROTTLED)
        requests, duration = series
        requests.inc()
        duration.observe(exchange.seconds)
        if exchange.clock_skew is not None:
            self._clock_skew.labels(cloud).set(exchange.clock_skew)

    def retry(self, cloud: str, operation: str, reason: str) -> None:
        """Count a retried request."""
        self._retries.labels(cloud, operation, reason).inc()

    def request_queue(
        self,
        cloud: str,
        *,
        in_flight: Callable[[], float],
        waiting: Callable[[], float],
    ) -> None:
        """Set the functions that return a cloud's requests in flight and waiting."""
        self._in_flight.labels(cloud).set_function(in_flight)
        self._waiting.labels(cloud).set_function(waiting)

    def stalled(self) -> None:
        """Count a recovery of stalled requests."""
        self._stalls.inc()

    def coalesced(self) -> None:
        """Count a collection that joined a running one."""
        self._coalesced.inc()

    def scrape_timeout(self, seconds: float) -> None:
        """Set the last scraper's timeout."""
        self._scrape_timeout.set(seconds)

    def invalid_request(self) -> None:
        """Count a request to the exporter that is not valid HTTP."""
        self._invalid_requests.inc()

    def credential_expiry(self, cloud: str, project: str, timestamp: float) -> None:
        """Set when a project's token expires, in Unix time."""
        self._credential_expiry.labels(cloud, project).set(timestamp)

    def configuration_read(self, timestamp: float) -> None:
        """Record that the configuration was read without errors, in Unix time."""
        self._reload_successful.set(1)
        self._reload_time.set(timestamp)

    def configuration_refused(self) -> None:
        """Record that the configuration has errors; the old one stays in use."""
        self._reload_successful.set(0)

    def forget(self, cloud: str, project: str) -> None:
        """Remove the gauges of a project that is no longer configured."""
        with suppress(KeyError):
            self._credential_expiry.remove(cloud, project)

    def forget_cloud(self, cloud: str) -> None:
        """Remove the gauges of a cloud that is no longer configured."""
        for gauge in (self._in_flight, self._waiting, self._clock_skew):
            with suppress(KeyError):
                gauge.remove(cloud)
