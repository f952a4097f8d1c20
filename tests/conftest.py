"""What all tests share."""

import io
import logging

import pytest

from hypothesis import settings

from exporter.logs import LogFormat, LogLevel, configure


settings.register_profile("default", deadline=None)
settings.load_profile("default")


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
