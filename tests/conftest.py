"""What all tests share."""

import io
import logging
import os
import shutil

import pytest

from examples import QUICK
from hypothesis import settings

from exporter.logs import LogFormat, LogLevel, configure


settings.register_profile("default", deadline=None)
# Chosen with --hypothesis-profile=quick.
settings.register_profile(QUICK, deadline=None, max_examples=10)
settings.load_profile("default")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Skip a test whose programs are not installed; in CI that is a failure."""
    marks = item.iter_markers("needs")
    missing = [name for mark in marks for name in mark.args if not shutil.which(name)]
    if missing:
        reason = f"not installed: {', '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def logged():
    """Return a function that gives the lines logged since it was last called."""
    stream = io.StringIO()
    handlers = logging.getLogger().handlers
    configure(LogLevel.DEBUG, LogFormat.LOGFMT, stream)

    def lines():
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return text.splitlines()

    yield lines
    logging.getLogger().handlers = handlers
