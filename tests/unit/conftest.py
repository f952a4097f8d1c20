"""What the unit tests share."""

import pytest


@pytest.fixture(autouse=True)
def retried_soon(monkeypatch):
    """Wait less before a request is tried again; how often it is stays the same."""
    monkeypatch.setattr("exporter.cloud.client._FIRST_BACKOFF_SECONDS", 0.01)
