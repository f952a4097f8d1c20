"""Canary secrets are used everywhere, and must appear in no output."""

import gc
import io
import traceback

from dataclasses import dataclass

import pytest

from harness import (
    PASSWORD,
    SECRET_KEY,
    SECURITY_TOKEN,
    configuration,
    exporting,
    simulated,
    with_cloud,
)
from unchanged_logging import unchanged_logging

from exporter.config import AccessKeyAuth, PasswordAuth, Secret
from exporter.logs import LogFormat, LogLevel, configure
from exporter.simulator import Effect, Fault, Key, serve


PROXY_PASSWORD = "canary-proxy-password-12ab"

FAULTS = [
    None,
    *(Fault(effect=effect) for effect in Effect if effect is not Effect.HANG),
    Fault(effect=Effect.HANG),
    Fault(effect=Effect.STATUS, status=401, code="APIG.0301"),
    Fault(effect=Effect.STATUS, status=404, api="auth_tokens"),
    Fault(effect=Effect.TRUNCATED, api="auth_tokens"),
]


@dataclass
class Output:
    """Everything that the exporter has logged, served or shown."""

    text: str
    secrets: set[str]

    def check(self):
        """Assert that it contains no secret, but some metrics."""
        assert "modelarts_up" in self.text
        for secret in self.secrets:
            assert len(secret) > 5
            assert secret not in self.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("log_format", "auth"),
    [
        (LogFormat.LOGFMT, "password"),
        (LogFormat.JSON, "wrong password"),
        (LogFormat.JSON, "key"),
        (LogFormat.LOGFMT, "wrong key"),
        (LogFormat.LOGFMT, "temporary"),
    ],
)
async def test_no_secret_is_shown(log_format, auth):
    """
    No password, key or token is in any log at debug level, page, metric or `repr`.

    That holds in success and for every fault; gateways echo signed headers in theirs.
    """
    cloud = simulated("a")
    cloud.identity.keys.append(Key("TEMPORARY", SECRET_KEY, SECURITY_TOKEN))
    stream, pages = io.StringIO(), []
    with unchanged_logging():
        configure(LogLevel.DEBUG, log_format, stream)
        async with serve(cloud) as url:
            proxy = Secret(f"http://user:{PROXY_PASSWORD}@127.0.0.1:9")
            base = configuration(cloud, url, _auth(auth), timeout=0.5)
            for fault in FAULTS:
                cloud.faults.clear()
                if fault is not None:
                    cloud.faults.add(fault)
                pages += await _pages(base)
            pages += await _pages(with_cloud(proxy_url=proxy)(base))
            async with exporting(base) as exporter:
                await exporter.scrape()
                pages.append(_shown())

    tokens = cloud.identity.tokens
    assert tokens or "password" not in auth or "wrong" in auth
    secrets = {
        PASSWORD,
        SECRET_KEY,
        SECURITY_TOKEN,
        PROXY_PASSWORD,
        "canary-wrong",
        *tokens,
    }
    Output(stream.getvalue() + "".join(pages) + repr(base), secrets).check()


async def _pages(configured) -> list[str]:
    async with exporting(configured) as exporter:
        return [
            (await exporter.client.get(f"{exporter.url}{path}")).text
            for path in ("/metrics", "/", "/-/healthy", "/nowhere")
        ]


def _shown() -> str:
    """Return what a debugger or an error page would show of the objects in memory."""
    return "".join(repr(one) for one in gc.get_objects() if _is_ours(one))


def _is_ours(one) -> bool:
    module = str(type(one).__module__)
    return module.startswith("exporter.") and "simulator" not in module


def _auth(name):
    match name:
        case "password" | "wrong password":
            secret = PASSWORD if name == "password" else "canary-wrong"
            return PasswordAuth(
                username="exporter", password=Secret(secret), domain="OTC1"
            )
        case "key" | "wrong key":
            secret = SECRET_KEY if name == "key" else "canary-wrong"
            return AccessKeyAuth(access_key="AKCANARY", secret_key=Secret(secret))
    return AccessKeyAuth(
        access_key="TEMPORARY",
        secret_key=Secret(SECRET_KEY),
        security_token=Secret(SECURITY_TOKEN),
    )


def test_a_traceback_shows_no_secret(tmp_path):
    """An error while a secret's file is read does not contain the secret."""
    file = tmp_path / "secret"
    file.write_bytes(b"canary-\xff")
    try:
        Secret.from_file(file).reveal()
    except Exception:  # noqa: BLE001 - whatever it is
        shown = traceback.format_exc()

    assert "canary" not in shown
