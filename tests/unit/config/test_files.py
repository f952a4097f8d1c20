"""Files without read permission: the error names the user and the owner."""

import os
import tempfile

from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.config import Secret
from exporter.errors import SecretError


NOBODY = 65534


@contextmanager
def without_privileges():
    """Run as nobody, as in a container, if this is root; yields the user's ID."""
    user = os.geteuid()
    if user:
        yield user
        return
    os.seteuid(NOBODY)
    try:
        yield NOBODY
    finally:
        os.seteuid(user)


@pytest.fixture
def folder():
    """Return a folder that everybody may enter, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def test_a_secret_of_another_user(folder):
    """The error names both users and the mode, as a mounted secret needs."""
    file = folder / "password"
    file.write_text("hunter2")
    file.chmod(0o600 if os.geteuid() == 0 else 0)
    mode = "600" if os.geteuid() == 0 else "000"
    owner = file.stat().st_uid

    with without_privileges() as user, pytest.raises(SecretError) as caught:
        Secret.from_file(file).reveal()

    assert str(caught.value).endswith(
        f"permission denied for uid {user}: the file belongs to uid {owner} "
        f"and has mode {mode}"
    )


def test_a_secret_that_becomes_readable(folder):
    """The next read succeeds."""
    file = folder / "password"
    file.write_text("hunter2\n")
    file.chmod(0)
    secret = Secret.from_file(file)

    with without_privileges(), pytest.raises(SecretError):
        secret.reveal()
    file.chmod(0o644)
    with without_privileges():
        assert secret.reveal() == "hunter2"


def test_a_secret_in_a_folder_of_another_user(folder):
    """The error names the folder."""
    inner = folder / "secrets"
    inner.mkdir(mode=0o700)
    (inner / "password").write_text("hunter2")
    inner.chmod(0o700 if os.geteuid() == 0 else 0)
    try:
        with without_privileges(), pytest.raises(SecretError) as caught:
            Secret.from_file(inner / "password").reveal()
    finally:
        inner.chmod(0o700)

    assert "permission denied" in str(caught.value).lower()
