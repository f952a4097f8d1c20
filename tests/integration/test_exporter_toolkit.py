"""
The files and expectations of exporter-toolkit's own tests, row by row.

The files are not copied: Go downloads the module, and verifies its checksum. Rows have
their names from `web/tls_config_test.go`. Two of the 27 of `TestServerBehaviour` end
differently, and say why.
"""

import asyncio
import contextlib
import json
import os
import shutil
import ssl
import subprocess

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import httpx
import pytest

from harness import configuration, exporting, simulated

from exporter.errors import ConfigurationError
from exporter.simulator import serve
from exporter.web.config import CurrentWebConfiguration
from exporter.web.config.reading import load_web_configuration


pytestmark = pytest.mark.needs("go")

MODULE = "github.com/prometheus/exporter-toolkit@v0.15.0"
CHECKSUM = "h1:Pcle5sSViwR1x0gdPd0wtYrPQENBieQAM7TmT0qtb2U="


@pytest.fixture(scope="module")
def testdata(tmp_path_factory):
    """Return the folder of the toolkit's test files."""
    downloaded = subprocess.run(
        ["go", "mod", "download", "-json", MODULE],
        cwd=tmp_path_factory.mktemp("go"),
        env={**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local"},
        stdout=subprocess.PIPE,
        check=True,
        timeout=100,
    )
    module = json.loads(downloaded.stdout)
    assert module["Sum"] == CHECKSUM
    return Path(module["Dir"]) / "web" / "testdata"


class End(Enum):
    """How a row ends."""

    ANSWER = auto()
    NO_CONNECTION = auto()
    UNAUTHORIZED = auto()
    TOO_MANY = auto()
    NO_START = auto()


@dataclass
class Row:
    """What a client does with an exporter that uses a file, and how it ends."""

    name: str
    file: str
    end: End = End.ANSWER
    tls: bool = False
    max_version: ssl.TLSVersion | None = None
    ciphers: tuple[str, ...] = ()
    actual: str = ""
    curve: str = ""
    auth: tuple[str, str] | None = None
    certificate: str = ""
    requests: int = 1
    says: str = ""
    """What the only line of the error has to contain."""

    toolkit: End | None = None
    """How the row ends with the toolkit, if that differs."""


AES128 = "ECDHE-RSA-AES128-GCM-SHA256"
AES256 = "ECDHE-RSA-AES256-GCM-SHA384"
ANY = "tls_config_noAuth.requireanyclientcert.good.yml"
UNCHECKED = "Python cannot take a certificate without checking it"

BEHAVIOUR = [
    Row("empty string YAMLConfigPath and default client", ""),
    Row(
        "empty string YAMLConfigPath and TLS client",
        "",
        End.NO_CONNECTION,
        tls=True,
    ),
    Row(
        "valid tls config yml and default client",
        "web_config_noAuth.good.yml",
        End.NO_CONNECTION,
    ),
    Row("valid tls config yml and tls client", "web_config_noAuth.good.yml", tls=True),
    Row(
        "valid tls config yml (cert and key inline) and tls client",
        "web_config_noAuth_tlsInline.good.yml",
        tls=True,
    ),
    Row(
        "valid tls config yml with TLS 1.1 client",
        "web_config_noAuth.good.yml",
        End.NO_CONNECTION,
        tls=True,
        max_version=ssl.TLSVersion.TLSv1_1,
    ),
    Row(
        "valid tls config yml with all ciphers",
        "web_config_noAuth_allCiphers.good.yml",
        tls=True,
    ),
    Row(
        "valid tls config yml with some ciphers",
        "web_config_noAuth_someCiphers.good.yml",
        tls=True,
        ciphers=(AES128,),
    ),
    Row(
        "valid tls config yml with no common cipher",
        "web_config_noAuth_someCiphers.good.yml",
        End.NO_CONNECTION,
        tls=True,
        ciphers=("ECDHE-RSA-AES256-SHA",),
    ),
    Row(
        "valid tls config yml with multiple client ciphers",
        "web_config_noAuth_someCiphers.good.yml",
        tls=True,
        ciphers=(AES128, AES256),
        actual=AES128,
    ),
    Row(
        "valid tls config yml with multiple client ciphers, client chooses cipher",
        "web_config_noAuth_someCiphers_noOrder.good.yml",
        tls=True,
        ciphers=(AES128, AES256),
        actual=AES128,
    ),
    Row(
        "valid tls config yml with all curves",
        "web_config_noAuth_allCurves.good.yml",
        tls=True,
    ),
    Row(
        "valid tls config yml with some curves",
        "web_config_noAuth_someCurves.good.yml",
        tls=True,
        curve="secp521r1",
    ),
    Row(
        "valid tls config yml with no common curves",
        "web_config_noAuth_someCurves.good.yml",
        End.NO_CONNECTION,
        tls=True,
        curve="secp384r1",
    ),
    Row(
        "valid tls config yml with non-http2 ciphers",
        "web_config_noAuth_noHTTP2.good.yml",
        tls=True,
    ),
    Row(
        "valid tls config yml with non-http2 ciphers but http2 enabled",
        "web_config_noAuth_noHTTP2Cipher.bad.yml",
        End.NO_START,
        says="HTTP/2 needs",
    ),
    Row("valid headers config", "web_config_headers.good.yml"),
    Row(
        "invalid X-Content-Type-Options headers config",
        "web_config_headers_content_type_options.bad.yml",
        End.NO_START,
        says="must be nosniff",
    ),
    Row(
        "invalid X-Frame-Options headers config",
        "web_config_headers_frame_options.bad.yml",
        End.NO_START,
        says="must be deny or sameorigin",
    ),
    Row(
        "HTTP header that can not be overridden",
        "web_config_headers_extra_header.bad.yml",
        End.NO_START,
        says="only these can be set",
    ),
    # Python's ssl verifies every certificate that it requests. All that is left of
    # "any" is the client CA's, and the file names none.
    Row(
        "valid tls config yml and tls client with RequireAnyClientCert (present "
        "certificate)",
        ANY,
        End.NO_START,
        certificate="client_selfsigned",
        says=UNCHECKED,
        toolkit=End.ANSWER,
    ),
    Row(
        "valid tls config yml (cert from file, key inline) and tls client with "
        "RequireAnyClientCert (present certificate)",
        ANY,
        End.NO_START,
        certificate="client_selfsigned",
        says=UNCHECKED,
        toolkit=End.ANSWER,
    ),
    Row(
        "valid tls config yml and tls client with RequireAndVerifyClientCert (present "
        "certificate)",
        "tls_config_noAuth.requireandverifyclientcert.good.yml",
        tls=True,
        certificate="client_selfsigned",
    ),
    Row(
        "valid tls config yml and tls client with VerifyPeerCertificate (present good "
        "SAN DNS entry)",
        "web_config_auth_client_san.good.yaml",
        tls=True,
        certificate="client2_selfsigned",
    ),
    Row(
        "valid tls config yml and tls client with VerifyPeerCertificate (present "
        "invalid SAN DNS entries)",
        "web_config_auth_client_san.bad.yaml",
        End.NO_CONNECTION,
        tls=True,
        certificate="client2_selfsigned",
    ),
    Row(
        "valid rate limiter (no rate limiter set up) that doesn't block",
        "web_config_rate_limiter_nonblocking.yaml",
        requests=11,
    ),
    Row(
        "valid rate limiter with an interval of one second",
        "web_config_rate_limiter_one_second.yaml",
        End.TOO_MANY,
        requests=11,
    ),
]

USERS = [
    Row(
        "without basic auth",
        "web_config_users_noTLS.good.yml",
        End.UNAUTHORIZED,
    ),
    Row(
        "with correct basic auth",
        "web_config_users_noTLS.good.yml",
        auth=("dave", "dave123"),
    ),
    Row(
        "without basic auth and TLS",
        "web_config_users.good.yml",
        End.UNAUTHORIZED,
        tls=True,
    ),
    Row(
        "with correct basic auth and TLS",
        "web_config_users.good.yml",
        tls=True,
        auth=("dave", "dave123"),
    ),
    Row(
        "with another correct basic auth and TLS",
        "web_config_users.good.yml",
        tls=True,
        auth=("carol", "carol123"),
    ),
    Row(
        "with bad password and TLS",
        "web_config_users.good.yml",
        End.UNAUTHORIZED,
        tls=True,
        auth=("dave", "bad"),
    ),
    Row(
        "with bad username and TLS",
        "web_config_users.good.yml",
        End.UNAUTHORIZED,
        tls=True,
        auth=("nonexistent", "nonexistent"),
    ),
]

OTHERS = [
    # More files in the folder, which no test of the toolkit reads.
    Row(
        "RequireAnyClientCert with the key inline",
        "tls_config_noAuth.requireanyclientcertkeyinline.good.yml",
        End.NO_START,
        certificate="client_selfsigned",
        says=UNCHECKED,
        toolkit=End.ANSWER,
    ),
    Row(
        "RequireAndVerifyClientCert without a client CA",
        "web_config_auth_clientCAs_missing.bad.yml",
        End.NO_CONNECTION,
        tls=True,
        certificate="client_selfsigned",
    ),
]

YAML_FILES = [
    ("somefile", "No such file"),
    ("web_config_empty.yml", None),
    ("web_config_junk.yml", "expected a mapping"),
    ("web_config_junk_key.yml", "unknown key"),
    ("web_config_noAuth_certPath_empty.bad.yml", "missing: cert_file, or cert"),
    ("web_config_noAuth_cert_empty.bad.yml", "missing: cert_file, or cert"),
    ("web_config_noAuth_keyPath_empty.bad.yml", "missing: key_file, or key"),
    ("web_config_noAuth_key_empty.bad.yml", "missing: key_file, or key"),
    ("web_config_noAuth_certPath_keyPath_empty.bad.yml", "missing: cert_file, or cert"),
    ("web_config_noAuth_certPath_invalid.bad.yml", "No such file"),
    ("web_config_noAuth_keyPath_invalid.bad.yml", "No such file"),
    ("web_config_noAuth_certPath_keyPath_invalid.bad.yml", "No such file"),
    ("web_config_noAuth.bad.yml", "needs another client_auth_type"),
    ("web_config_auth_clientCAs_invalid.bad.yml", "No such file"),
    ("web_config_auth_user_list_invalid.bad.yml", "not a bcrypt hash"),
    ("web_config_noAuth_inventedCiphers.bad.yml", "none of Go's secure cipher suites"),
    ("web_config_noAuth_inventedCurves.bad.yml", "is not known here"),
    ("web_config_noAuth_wrongTLSVersion.bad.yml", "is not known here"),
]


@contextlib.asynccontextmanager
async def running(file):
    """Run an exporter with a web configuration; yields its host and port."""
    web = CurrentWebConfiguration(str(file)) if file else None
    async with (
        serve(simulated("a")) as url,
        exporting(configuration(simulated("a"), url), web=web) as exporter,
    ):
        yield exporter.url.partition("://")[2]


def client_of(row, testdata):
    """Return a client as in the toolkit's test."""
    context = ssl.create_default_context(cafile=testdata / "server.crt")
    # Only the server's own certificate is trusted, since the authority's is for "any"
    # usage, which Go's clients accept and OpenSSL's do not.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if row.max_version is not None:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = row.max_version
        context.set_ciphers("ALL:@SECLEVEL=0")
    if row.ciphers:
        context.set_ciphers(":".join(row.ciphers))
    if row.curve:
        context.set_ecdh_curve(row.curve)
    if row.certificate:
        pair = (testdata / f"{row.certificate}.{end}" for end in ("pem", "key"))
        context.load_cert_chain(*pair)
    return httpx.AsyncClient(verify=context, trust_env=False, timeout=30)


async def answered(client, url, auth=None):
    """Return the answer, after retries while passwords are being checked."""
    async with asyncio.timeout(60):
        while (answer := await client.get(url, auth=auth)).status_code == 503:
            pass
    return answer


STATUSES = {200: End.ANSWER, 401: End.UNAUTHORIZED, 429: End.TOO_MANY}


async def end_of(row, testdata):
    """Return how a row ends."""
    async with (
        running(testdata / row.file if row.file else None) as address,
        client_of(row, testdata) as client,
    ):
        url = f"{'https' if row.tls else 'http'}://{address}/sd"
        for _ in range(row.requests):
            try:
                answer = await answered(client, url, row.auth)
            except httpx.TransportError:
                return End.NO_CONNECTION
            if answer.status_code != 200:
                return STATUSES[answer.status_code]
        if row.actual:
            stream = answer.extensions["network_stream"]
            assert stream.get_extra_info("ssl_object").cipher()[0] == row.actual
        return End.ANSWER


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*MINIMUM_SUPPORTED is dep:DeprecationWarning")
@pytest.mark.parametrize(
    "row", [*BEHAVIOUR, *USERS, *OTHERS], ids=lambda row: row.name.replace(" ", "-")
)
async def test_server_behaviour(testdata, row):
    """`TestServerBehaviour`, `TestUsers`, and the files that neither of them reads."""
    if row.end is not End.NO_START:
        assert await end_of(row, testdata) is row.end
        return
    with pytest.raises(ConfigurationError) as caught:
        await end_of(row, testdata)
    (line,) = caught.value.lines()
    assert row.says in line


def test_which_rows_end_differently():
    """All rows are here, and only two of them end differently."""
    assert len(BEHAVIOUR) == 27
    assert len([row for row in BEHAVIOUR if row.toolkit is not None]) == 2
    # Each of them rejects what the toolkit accepts, never the reverse.
    everything = [*BEHAVIOUR, *USERS, *OTHERS]
    assert {row.end for row in everything if row.toolkit} == {End.NO_START}


@pytest.mark.parametrize(("file", "says"), YAML_FILES, ids=str)
def test_yaml_files(testdata, file, says):
    """`TestYAMLFiles`: which files are rejected, and with what reason."""
    if says is None:
        load_web_configuration(str(testdata / file))
        return
    with pytest.raises(ConfigurationError) as caught:
        load_web_configuration(str(testdata / file))
    assert any(says in line for line in caught.value.lines()), caught.value.lines()


def test_every_file_is_read(testdata):
    """No file of the toolkit is left out."""
    files = {
        path.name for path in testdata.iterdir() if path.suffix in {".yml", ".yaml"}
    }
    read = {row.file for row in (*BEHAVIOUR, *USERS, *OTHERS)}
    read |= {file for file, _ in YAML_FILES}

    assert files - read == {"web_config_noAuth.good.blocking.yml"}


async def test_config_reloading(testdata, tmp_path):
    """`TestConfigReloading`: a client is served once it needs no certificate."""
    shutil.copytree(testdata, tmp_path / "testdata", copy_function=shutil.copyfile)
    folder = tmp_path / "testdata"
    folder.chmod(0o700)
    file = folder / "web_config_noAuth.good.blocking.yml"
    row = Row("", "")
    async with running(file) as address, client_of(row, testdata) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(f"https://{address}/sd")
        shutil.copyfile(folder / "web_config_noAuth.good.yml", file)
        assert (await client.get(f"https://{address}/sd")).status_code == 200


async def test_basic_auth_cache(testdata):
    """`TestBasicAuthCache`: 300 requests at once, with right and wrong passwords."""
    async with (
        running(testdata / "web_config_users_noTLS.good.yml") as address,
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
    ):
        url = f"http://{address}/sd"
        passwords = {"alice123": 200, "alice1234": 401}
        for password, expected in passwords.items():
            answer = await answered(client, url, ("alice", password))
            assert answer.status_code == expected
        expected = [status for _ in range(150) for status in passwords.values()]
        answers = await asyncio.gather(
            *(
                client.get(url, auth=("alice", password))
                for _ in range(150)
                for password in passwords
            )
        )
        assert [answer.status_code for answer in answers] == expected


async def test_passwords_of_unknown_users(testdata):
    """`TestBasicAuthWithFakepassword` and `TestByPassBasicAuthVuln` (CVE-2022-46146)."""
    fake = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
    alice = "alice$2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby"
    async with (
        running(testdata / "web_config_users_noTLS.good.yml") as address,
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
    ):
        for auth in (
            ("fakeuser", "fakepassword"),
            ("fakeuser", "fakepassword"),
            (alice, "fakepassword"),
            ("alice", f"{fake}fakepassword"),
        ):
            answer = await answered(client, f"http://{address}/sd", auth)
            assert answer.status_code == 401


async def test_http_headers(testdata):
    """`TestHTTPHeaders`: the headers of the file are sent unchanged."""
    async with (
        running(testdata / "web_config_headers.good.yml") as address,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        headers = (await client.get(f"http://{address}/sd")).headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert headers["X-Frame-Options"] == "deny"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-XSS-Protection"] == "1"
