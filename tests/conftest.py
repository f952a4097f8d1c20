"""Fixtures and hooks for all tests."""

import gc
import io
import itertools
import logging
import os
import shutil
import sys

import pytest
import trustme

from examples import QUICK
from hypothesis import Phase, settings
from unchanged_logging import unchanged_logging

from exporter.logs import LogFormat, LogLevel, configure


settings.register_profile("default", deadline=None)
# Selected with --hypothesis-profile=quick.
settings.register_profile(QUICK, deadline=None, max_examples=10)
# For `make mutants`, which only needs to know whether a test fails.
UNSHRUNK = {
    "deadline": None,
    "derandomize": True,
    "phases": (Phase.explicit, Phase.generate),
}
settings.register_profile("mutants", **UNSHRUNK)
settings.register_profile(f"mutants-{QUICK}", max_examples=10, **UNSHRUNK)
settings.load_profile("default")

# Tests and their imports are many long-lived objects: checking them often takes a sixth
# of the time.
gc.set_threshold(50_000, 20, 50)

# Otherwise structlog prints all log messages, in colors.
configure(LogLevel.WARN, LogFormat.LOGFMT)
# httpcore logs each step of the tests' own requests.
logging.getLogger("httpcore").setLevel(logging.WARNING)

# Otherwise httpx looks for this module, which is not installed, at each request.
sys.modules.setdefault("sniffio", None)

SLOW = ("slow", "needs")
"""Marks of slow tests."""


def pytest_collection_modifyitems(items):
    """
    Run the slowest modules first, so that no process is left alone with one at the end.

    The tests of a module stay together, since they share fixtures. Each process first
    gets an equal part of all tests, in this order, so it begins with slow ones.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    modules = [list(tests) for _, tests in itertools.groupby(items, _module)]
    slow = sorted(filter(_slowness, modules), key=_slowness, reverse=True)
    quick = [test for tests in modules if not _slowness(tests) for test in tests]
    ordered = []
    for process in range(processes):
        own = [test for tests in slow[process::processes] for test in tests]
        equal_part = (len(items) - len(ordered)) // (processes - process)
        remaining = max(0, equal_part - len(own))
        ordered += own + quick[:remaining]
        del quick[:remaining]
    items[:] = ordered + quick


def _module(item):
    return item.path


def _slowness(tests):
    """Return the longest timeout of a module's tests; 0 if they are quick."""
    if not any(test.get_closest_marker(name) for test in tests for name in SLOW):
        return 0
    marks = [mark for test in tests for mark in test.iter_markers("timeout")]
    return max([1, *(mark.args[0] for mark in marks)])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Skip a test whose programs are not installed; in CI that is a failure."""
    marks = item.iter_markers("needs")
    missing = [name for mark in marks for name in mark.args if not shutil.which(name)]
    if missing:
        reason = f"not installed: {', '.join(map(str, missing))}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def few_authorities(tmp_path_factory):
    """Trust one authority by default, since loading all of them takes 40 ms."""
    file = tmp_path_factory.mktemp("authorities") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        patch.setattr("certifi.where", lambda: str(file))
        yield


@pytest.fixture
def logged():
    """Return a function that returns the lines logged since its last call."""
    stream = io.StringIO()

    def lines():
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return text.splitlines()

    with unchanged_logging():
        configure(LogLevel.DEBUG, LogFormat.LOGFMT, stream)
        yield lines
        # pytest shows this if the test fails.
        sys.stderr.write("\n".join(lines()))
