"""Fixtures for all unit tests."""

import pytest


@pytest.fixture(autouse=True)
def retried_soon(monkeypatch):
    """Shorten the delay of retries, but not their number."""
    monkeypatch.setattr("exporter.cloud.client._FIRST_BACKOFF_SECONDS", 0.01)
