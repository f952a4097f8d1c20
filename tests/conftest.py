"""What all tests share."""

import io
import logging
import os
import shutil

import pytest
import trustme

from examples import QUICK
from hypothesis import Phase, settings

from exporter.logs import LogFormat, LogLevel, configure


settings.register_profile("default", deadline=None)
# Chosen with --hypothesis-profile=quick.
settings.register_profile(QUICK, deadline=None, max_examples=10)
# For `make mutants`, to which it matters only whether a test fails.
UNSHRUNK = {
    "deadline": None,
    "derandomize": True,
    "phases": (Phase.explicit, Phase.generate),
}
settings.register_profile("mutants", **UNSHRUNK)
settings.register_profile(f"mutants-{QUICK}", max_examples=10, **UNSHRUNK)
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


@pytest.fixture(scope="session", autouse=True)
def few_authorities(tmp_path_factory):
    """Trust one authority by default: to load all that there are takes 40 ms each time."""
    file = tmp_path_factory.mktemp("authorities") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


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
