"""The web configuration file: TLS, users, headers, a rate limit, and its errors."""

import asyncio
import datetime as dt
import ssl
import subprocess
import sys

from pathlib import Path

import bcrypt
import httpx
import pytest
import trustme

from web_files import DIGEST, PASSWORD, TLS, Files, guarded

from exporter.errors import ConfigurationError
from exporter.web.config import CurrentWebConfiguration
from exporter.web.config.reading import load_web_configuration


ROOT = Path(__file__).parents[3]


@pytest.fixture
def files(tmp_path):
    """Return a folder for a web configuration."""
    return Files(tmp_path)


async def status(exporter, path="/sd", **more):
    """Return the status of an answer."""
    return (await exporter.client.get(f"{exporter.url}{path}", **more)).status_code


@pytest.mark.slow
async def test_users(files):
    """Only users with the right password are served; health is open to all."""
    async with guarded(files, f"basic_auth_users: {{prometheus: '{DIGEST}'}}\n") as one:
        for path in ("/metrics", "/probe?project=a", "/sd", "/", "/exporter-metrics"):
            assert await status(one, path) == 401
        response = await one.client.post(f"{one.url}/-/reload")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Basic"
        for auth, expected in (
            (("prometheus", PASSWORD), 200),
            (("prometheus", "wrong"), 401),
            (("nobody", PASSWORD), 401),
            (("prometheus", ""), 401),
            (("prometheus", PASSWORD + "\0x"), 401),
            (("prometheus", "x" * 100), 401),
        ):
            for _ in range(2):
                assert await status(one, auth=auth) == expected
        for header in (
            "Basic",
            "Basic !!!",
            "Bearer x",
            "Basic bm9jb2xvbg==",
            "Basic /w==",
        ):
            assert await status(one, headers={"Authorization": header}) == 401
        assert await status(one, "/-/healthy") == 200
        assert await status(one, "/-/ready") == 200


async def test_long_passwords_are_not_cut_off(files):
    """A password that bcrypt would cut off has to be complete."""
    password = "p" * 72
    digest = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    async with guarded(files, f"basic_auth_users: {{u: '{digest}'}}\n") as one:
        assert await status(one, auth=("u", password)) == 200
        assert await status(one, auth=("u", f"{password}x")) == 401


async def test_users_are_read_again(files):
    """A user who is added is served at once, and one who is removed no longer."""
    async with guarded(files, f"basic_auth_users: {{first: '{DIGEST}'}}\n") as one:
        assert await status(one, auth=("first", PASSWORD)) == 200
        files.write(f"basic_auth_users: {{second: '{DIGEST}'}}\n# changed\n")
        assert await status(one, auth=("first", PASSWORD)) == 401
        assert await status(one, auth=("second", PASSWORD)) == 200


async def test_a_file_that_breaks_opens_nothing(files, logged):
    """While the file has errors nobody is served; health stays open."""
    async with guarded(files, f"basic_auth_users: {{u: '{DIGEST}'}}\n") as one:
        files.write("basic_auth_users: {u: plain}\n")
        for _ in range(2):
            assert await status(one, auth=("u", PASSWORD)) == 500
        assert await status(one) == 500
        assert await status(one, "/-/healthy") == 200
        files.write(f"basic_auth_users: {{u: '{DIGEST}'}}\n# again\n")
        assert await status(one, auth=("u", PASSWORD)) == 200
    assert len([line for line in logged() if "has errors" in line]) == 1


@pytest.mark.parametrize("error", [AttributeError, RecursionError, MemoryError])
@pytest.mark.slow
async def test_an_error_nobody_thought_of_opens_nothing(
    files, logged, monkeypatch, error
):
    """Whatever exception a file raises, a user who was removed stays out."""
    before = f"basic_auth_users: {{old: '{DIGEST}', new: '{DIGEST}'}}\n"
    async with guarded(files, before + TLS) as one:
        assert await status(one, auth=("old", PASSWORD)) == 200

        def fail(*_):
            raise error("canary-of-the-error")

        monkeypatch.setattr(ssl.SSLContext, "set_ciphers", fail)
        files.write(
            f"basic_auth_users: {{new: '{DIGEST}'}}\n"
            + TLS.replace("}", ", cipher_suites: [")
            + "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}\n"
        )
        for _ in range(4):
            for user in ("old", "new"):
                assert await status(one, auth=(user, PASSWORD)) == 500
                assert not await is_served(one, files, None)
        assert await status(one, "/-/healthy") == 200
        assert await status(one, "/-/ready") == 200
        monkeypatch.undo()
        files.write(f"basic_auth_users: {{new: '{DIGEST}'}}\n{TLS}")
        assert await status(one, auth=("new", PASSWORD)) == 200
        assert await status(one, auth=("old", PASSWORD)) == 401
    lines = logged()
    (line,) = [line for line in lines if "has errors" in line]
    assert f"cannot be used: {error.__name__} (" in line
    assert "canary-of-the-error" not in str(lines)


@pytest.mark.slow
async def test_an_impossible_cipher_suite(files):
    """An impossible suite is an error, at the start and while the exporter runs."""
    impossible = TLS.replace(
        "}", ", cipher_suites: [TLS_RSA_WITH_CHACHA20_POLY1305_SHA256]}"
    )
    users = f"basic_auth_users: {{u: '{DIGEST}', v: '{DIGEST}'}}\n"
    async with guarded(files, users + TLS) as one:
        files.write(f"basic_auth_users: {{v: '{DIGEST}'}}\n{impossible}")
        for _ in range(4):
            assert await status(one, auth=("u", PASSWORD)) == 500
        assert await status(one, "/-/healthy") == 200


async def test_removing_all_users_needs_a_restart(files):
    """A file that is empty while it is written does not open the exporter to all."""
    async with guarded(files, f"basic_auth_users: {{u: '{DIGEST}'}}\n") as one:
        assert await status(one) == 401
        files.write("")
        assert await status(one) == 500
        files.write(f"basic_auth_users: {{u: '{DIGEST}'}}\n# again\n")
        assert await status(one) == 401
        assert await status(one, auth=("u", PASSWORD)) == 200


async def test_a_file_that_was_missing(files):
    """While there is no file nobody is served; when it is back, all is as before."""
    async with guarded(files, "") as one:
        assert await status(one) == 200
        file = files.folder / "web.yml"
        link = files.folder / "elsewhere.yml"
        file.rename(link)
        assert await status(one) == 500
        link.rename(file)
        assert await status(one) == 200


@pytest.mark.slow
async def test_a_client_ca_that_breaks_closes(files, logged):
    """While a new CA is invalid, clients with certificates of the old one are out."""
    files.issue("client", "client.example")
    text = CLIENTS.format("RequireAndVerifyClientCert")
    async with guarded(files, text, client="client") as one:
        assert await status(one) == 200
        good = (files.folder / "ca.pem").read_bytes()
        trusted = files.context("client")
        (files.folder / "ca.pem").write_text("half of a new CA\n")
        async with httpx.AsyncClient(verify=trusted, trust_env=False) as asking:
            assert (await asking.get(f"{one.url}/sd")).status_code == 500
            assert (await asking.get(f"{one.url}/-/healthy")).status_code == 200
            # When the CA is valid again, even an open connection works.
            (files.folder / "ca.pem").write_bytes(good)
            assert (await asking.get(f"{one.url}/sd")).status_code == 200
    assert [line for line in logged() if "client CA not reloaded" in line]


@pytest.mark.slow
async def test_a_new_client_ca_beside_half_a_new_pair(files):
    """The old certificate is shown, but clients of the old CA are out."""
    files.issue("client", "client.example")
    async with guarded(
        files, CLIENTS.format("RequireAndVerifyClientCert"), client="client"
    ) as one:
        assert await status(one) == 200
        trusted = files.context("client")
        other = trustme.CA()
        other.cert_pem.write_to_path(files.folder / "ca.pem")
        (files.folder / "server.key").write_text("half")
        async with httpx.AsyncClient(verify=trusted, trust_env=False) as asking:
            with pytest.raises(httpx.TransportError):
                await asking.get(f"{one.url}/sd")


@pytest.mark.slow
def test_check_says_it_in_one_line(files, tmp_path):
    """`--config.check` ends with status 2 and one line, whatever is raised."""
    (tmp_path / "config.yml").write_text(
        "clouds: {otc: {provider: otc, region: eu-de, auth: "
        "{password: {username: u, password: p, domain: d}}}}\n"
        "projects: [{name: a, cloud: otc, project_id: '1'}]\n"
    )
    suites = "[TLS_RSA_WITH_CHACHA20_POLY1305_SHA256]"
    web = files.write(TLS.replace("}", f", cipher_suites: {suites}}}"))
    for more, expected in (
        ("", "tls_server_config.cipher_suites: "),
        (
            "import ssl\nssl.SSLContext.load_cert_chain = lambda *a, **k: 1 / 0\n",
            "cannot be used: ZeroDivisionError (",
        ),
    ):
        if more:
            files.write(TLS)
        ended = subprocess.run(
            [
                sys.executable,
                "-c",
                f"{more}import exporter.cli; exporter.cli.main()",
                "--config.check",
                f"--config.file={tmp_path}/config.yml",
                f"--web.config.file={web}",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert ended.returncode == 2
        (line,) = ended.stderr.splitlines()
        assert expected in line


@pytest.mark.slow
async def test_tls(files):
    """The listener uses TLS with its certificate, and nothing else."""
    async with guarded(files, TLS) as one:
        assert await status(one) == 200
        target = (await one.client.get(f"{one.url}/sd")).json()[0]
        assert target["labels"]["__scheme__"] == "https"
        plain = one.url.replace("https", "http")
        with pytest.raises(httpx.RemoteProtocolError):
            await one.client.get(f"{plain}/sd")


async def test_inline_certificates(files, logged):
    """A certificate and key may be in the file; the key is not written to disk."""
    cert, key = (files.folder / name for name in ("server.pem", "server.key"))
    text = "tls_server_config:\n"
    for name, path in (("cert", cert), ("key", key)):
        lines = path.read_text().splitlines()
        text += f"  {name}: |\n" + "".join(f"    {line}\n" for line in lines)
        path.unlink()
    async with guarded(files, text) as one:
        assert await status(one) == 200
    # They are read when the file changes, not for every connection.
    assert [line for line in logged() if "certificate reloaded" in line] == []


@pytest.mark.slow
async def test_certificates_are_read_again(files):
    """A new certificate is used from the next handshake on, even of a new authority."""
    async with guarded(files, TLS) as one:
        assert await status(one) == 200
        other = trustme.CA()
        files.issue("server", "127.0.0.1", authority=other)
        other.cert_pem.write_to_path(files.folder / "ca.pem")
        async with httpx.AsyncClient(verify=files.context(), trust_env=False) as client:
            assert (await client.get(f"{one.url}/sd")).status_code == 200


async def test_half_a_new_pair_does_no_harm(files, logged):
    """While the key does not match the certificate, the old pair is used."""
    async with guarded(files, TLS) as one:
        old_key = (files.folder / "server.key").read_bytes()
        files.issue("server", "127.0.0.1")
        (files.folder / "server.key").write_bytes(old_key)
        async with httpx.AsyncClient(verify=files.context(), trust_env=False) as client:
            assert (await client.get(f"{one.url}/sd")).status_code == 200
    assert [line for line in logged() if "certificate not reloaded" in line]


async def test_adding_tls_needs_a_restart(files):
    """A listener without TLS does not switch to it while it runs."""
    async with guarded(files, "") as one:
        assert await status(one) == 200
        files.write(TLS)
        assert await status(one) == 500


CLIENTS = TLS.replace("}", ", client_ca_file: ca.pem, client_auth_type: {}}}").replace(
    "{cert", "{{cert"
)


@pytest.mark.slow
async def test_clients_with_certificates(files):
    """A client without a certificate, or with one of another CA, is not served."""
    files.issue("client", "client.example")
    files.issue("stranger", "client.example", authority=trustme.CA())
    text = CLIENTS.format("RequireAndVerifyClientCert")
    async with guarded(files, text, client="client") as one:
        assert await status(one) == 200
        for client in (None, "stranger"):
            async with httpx.AsyncClient(
                verify=files.context(client), trust_env=False
            ) as asking:
                with pytest.raises(httpx.TransportError):
                    await asking.get(f"{one.url}/sd")


async def test_a_certificate_may_be_optional(files):
    """`VerifyClientCertIfGiven` lets clients without one in."""
    async with guarded(files, CLIENTS.format("VerifyClientCertIfGiven")) as one:
        assert await status(one) == 200


@pytest.mark.slow
async def test_names_of_clients(files):
    """Of verified clients, only those with one of the names are served."""
    files.issue("client", "prometheus.example", "other.example")
    files.issue("other", "grafana.example")
    text = CLIENTS.format(
        "RequireAndVerifyClientCert, client_allowed_sans: [prometheus.example]"
    )
    async with guarded(files, text, client="client") as one:
        assert await status(one) == 200
        async with httpx.AsyncClient(
            verify=files.context("other"), trust_env=False
        ) as asking:
            with pytest.raises(httpx.TransportError):
                await asking.get(f"{one.url}/sd")


async def test_versions_and_ciphers(files):
    """Version and cipher suites of the file are offered."""
    suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    text = TLS.replace(
        "}",
        f", max_version: TLS12, cipher_suites: [{suite}], curve_preferences: [CurveP256]}}",
    )
    text += "http_server_config: {http2: false}\n"
    async with guarded(files, text) as one:
        host, port = one.url.removeprefix("https://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), ssl=files.context())
        name, version, _ = writer.get_extra_info("cipher")
        writer.close()

    assert name == "ECDHE-ECDSA-AES256-GCM-SHA384"
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.2" == version


async def test_headers(files):
    """The headers are part of every answer, errors too."""
    text = f"""\
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=600
basic_auth_users: {{u: '{DIGEST}'}}
"""
    async with guarded(files, text) as one:
        for auth in (None, ("u", PASSWORD)):
            response = await one.client.get(f"{one.url}/sd", auth=auth)
            assert response.headers["X-Frame-Options"] == "deny"
            assert response.headers["Strict-Transport-Security"] == "max-age=600"


async def test_a_rate_limit(files):
    """Too many requests are rejected before users are checked; health is not."""
    text = (
        f"rate_limit: {{interval: 1h, burst: 2}}\nbasic_auth_users: {{u: '{DIGEST}'}}\n"
    )
    async with guarded(files, text) as one:
        assert [await status(one) for _ in range(4)] == [401, 401, 429, 429]
        assert await status(one, "/-/healthy") == 200
        files.write(text.replace("burst: 2", "burst: 3"))
        assert await status(one, auth=("u", PASSWORD)) == 200


ERRORS = [
    ("tls_server_config: {cert_file: server.pem}", "missing: key_file, or key"),
    ("tls_server_config: {key_file: server.key}", "missing: cert_file, or cert"),
    (
        "tls_server_config: {cert_file: gone.pem, key_file: server.key}",
        "cert_file: gone.pem: No such file",
    ),
    (
        "tls_server_config: {cert_file: server.pem, key_file: other.key}",
        "cannot be used: key values mismatch",
    ),
    (CLIENTS.format("NoClientCert"), "another client_auth_type than NoClientCert"),
    (
        TLS.replace("}", ", client_auth_type: RequireAnyClientCert}"),
        "without checking it",
    ),
    (
        TLS.replace("}", ", client_auth_type: RequireClientCert}"),
        "without checking it",
    ),
    (CLIENTS.format("Sometimes"), "Sometimes"),
    (TLS.replace("}", ", client_allowed_sans: [a]}"), "RequireAndVerifyClientCert"),
    (
        CLIENTS.format("RequireAndVerifyClientCert, client_allowed_sans: []"),
        "nobody would be allowed",
    ),
    (TLS.replace("}", ", min_version: TLS13, max_version: TLS12}"), "is above"),
    (TLS.replace("}", ", min_version: SSL3}"), "SSL3"),
    (
        TLS.replace("}", ", cipher_suites: [TLS_RSA_WITH_CHACHA20_POLY1305_SHA256]}"),
        '"TLS_RSA_WITH_CHACHA20_POLY1305_SHA256" is none of Go',
    ),
    (
        TLS.replace("}", ", cipher_suites: [TLS_AES_256_GCM_SHA384]}"),
        "HTTP/2 needs",
    ),
    (
        TLS.replace(
            "}", ", max_version: TLS12, cipher_suites: [TLS_AES_128_GCM_SHA256]}"
        ),
        "is above max_version",
    ),
    (
        TLS.replace("}", ", curve_preferences: [CurveP256, CurveP257]}"),
        '"CurveP257" is not known here',
    ),
    (TLS.replace("}", ", prefer_server_cipher_suites: perhaps}"), "neither true nor"),
    (TLS.replace("}", ", ciphers: [x]}"), "ciphers: unknown key"),
    ("http_server_config: {http2: 'yEs'}", "neither true nor false"),
    (
        "http_server_config: {headers: {X-Frame-Options: DENY}}",
        "must be deny or sameorigin",
    ),
    (
        'http_server_config: {headers: {X-XSS-Protection: "1\\nSet-Cookie: a=b"}}',
        "a header is one line of ASCII",
    ),
    ("http_server_config: {headers: {X-XSS-Protection: ü}}", "one line of ASCII"),
    (
        "http_server_config: {headers: {X-Powered-By: snakes}}",
        "X-Powered-By: only these can be set",
    ),
    (
        "http_server_config: {headers: {X-Frame-Options: maybe}}",
        "must be deny or sameorigin",
    ),
    ("basic_auth_users: {u: secret-canary}", "basic_auth_users.u: not a bcrypt hash"),
    ("basic_auth_users: {'a:b': x}", "has a colon"),
    *(
        (f"basic_auth_users: {{u: '$2b${cost}${'a' * 53}'}}", "its cost is not from 4")
        for cost in ("00", "03", "32", "99")
    ),
    ("rate_limit: {interval: 1s, burst: -1}", "burst: -1 is not between"),
    ("rate_limit: {interval: 1d}", '"1d" is not a duration'),
    ("rate_limit: {interval: -1s}", '"-1s" is not a duration'),
    ("rate_limit: {interval: 9999999h}", "is not a duration"),
    ("rate_limit: {intervall: 1s}", 'did you mean "interval"?'),
    ("basic_auth: {}", 'did you mean "basic_auth_users"?'),
    ("- a list", "expected a mapping"),
]


@pytest.mark.parametrize(("text", "expected"), ERRORS, ids=range(len(ERRORS)))
def test_errors(files, text, expected):
    """An error says where it is and what to do, and repeats no password."""
    files.issue("other", "127.0.0.1")
    with pytest.raises(ConfigurationError) as caught:
        load_web_configuration(files.write(text))

    assert any(expected in line for line in caught.value.lines()), caught.value.lines()
    assert "secret-canary" not in str(caught.value)


def test_every_documented_setting_is_accepted(files):
    """Prometheus settings that Python supports are accepted without a warning."""
    suites = [
        f"TLS_ECDHE_{key}_WITH_{cipher}"
        for key in ("RSA", "ECDSA")
        for cipher in (
            "AES_128_CBC_SHA",
            "AES_256_CBC_SHA",
            "AES_128_GCM_SHA256",
            "AES_256_GCM_SHA384",
            "CHACHA20_POLY1305_SHA256",
        )
    ]
    found = load_web_configuration(
        files.write(
            f"""\
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_ca_file: ca.pem
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [a.example]
  min_version: TLS10
  max_version: TLS13
  cipher_suites: [{", ".join(suites)}, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: off
  curve_preferences: [CurveP384]
http_server_config:
  http2: No
  headers: {{X-Content-Type-Options: nosniff}}
basic_auth_users: {{u: '{DIGEST.replace("$2b$", "$2y$")}'}}
rate_limit: {{interval: 0s, burst: 5}}
"""
        )
    )

    assert len(found.tls.ciphers) == len(suites)
    assert found.rate_limit is None
    assert found.warnings == ()
    assert DIGEST[10:] not in repr(found)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1.5s", 1.5),
        ("1h30m", 5400),
        (".5m", 30),
        ("250ms", 0.25),
        ("+100us", 1e-4),
        ("1µs", 1e-6),
        ("1500000000", 1.5),
    ],
)
def test_durations_are_those_of_go(files, text, seconds):
    """A rate limit's interval is read as Go's `time.ParseDuration` does."""
    found = load_web_configuration(
        files.write(f"rate_limit: {{interval: {text}, burst: 3}}")
    )

    assert 1 / found.rate_limit.requests_per_second == pytest.approx(seconds)


SUBSETS = [
    (
        CLIENTS.format("RequireAnyClientCert"),
        "RequireAndVerifyClientCert is used, with the client CA",
    ),
    (CLIENTS.format("RequestClientCert"), "NoClientCert is used"),
    (
        TLS.replace("}", ", curve_preferences: [CurveP521, X25519, CurveP256]}"),
        "CurveP256 is used, not CurveP521, X25519",
    ),
    ("http_server_config: {http2: true}", "HTTP/1.1 only"),
    (
        TLS.replace("}", ", cert: x}"),
        "tls_server_config.cert: not used, since cert_file",
    ),
    ("rate_limit: {interval: 1s}", "every request is rejected"),
    (
        f"basic_auth_users: {{u: '{DIGEST.replace('$04$', '$31$')}'}}",
        "2,097,152 times as long",
    ),
]


@pytest.mark.parametrize(("text", "expected"), SUBSETS, ids=range(len(SUBSETS)))
def test_partly_supported_settings_are_logged(files, logged, text, expected):
    """A setting that is only partly supported is logged with what is missing."""
    CurrentWebConfiguration(files.write(text))

    (line,) = [line for line in logged() if "only partly applied" in line]
    assert expected in line
    assert "level=warn " in line


@pytest.mark.slow
async def test_any_certificate_is_still_verified(files):
    """`RequireAnyClientCert` with a CA requires a certificate of the CA."""
    files.issue("client", "client.example")
    files.issue("stranger", "client.example", authority=trustme.CA())
    text = CLIENTS.format("RequireAnyClientCert")
    async with guarded(files, text, client="client") as one:
        assert await status(one) == 200
        for client in (None, "stranger"):
            assert not await is_served(one, files, client)


@pytest.mark.parametrize("kind", ["VerifyClientCertIfGiven", "RequestClientCert"])
@pytest.mark.slow
async def test_no_certificate_is_needed_where_it_is_optional(files, kind):
    """Without a client CA, a certificate that is given is verified by the system's."""
    files.issue("stranger", "client.example", authority=trustme.CA())
    text = TLS.replace("}", f", client_auth_type: {kind}}}")
    async with guarded(files, text) as one:
        assert await is_served(one, files, None)
        assert await is_served(one, files, "stranger") is (kind == "RequestClientCert")


async def test_required_certificates_without_a_ca(files):
    """The system's authorities decide, as in Go, so a stranger is not served."""
    files.issue("stranger", "client.example", authority=trustme.CA())
    text = TLS.replace("}", ", client_auth_type: RequireAndVerifyClientCert}")
    async with guarded(files, text) as one:
        assert not await is_served(one, files, None)
        assert not await is_served(one, files, "stranger")


@pytest.mark.slow
async def test_names_of_optional_certificates(files):
    """With `VerifyClientCertIfGiven`, a certificate that is given needs the name."""
    files.issue("client", "2001:DB8::1")
    files.issue("other", "grafana.example")
    text = CLIENTS.format(
        "VerifyClientCertIfGiven, client_allowed_sans: ['2001:db8::1']"
    )
    async with guarded(files, text) as one:
        assert await is_served(one, files, None)
        assert await is_served(one, files, "client")
        assert not await is_served(one, files, "other")


async def test_only_suites_of_tls_1_3(files):
    """Older versions without suites are not offered with other suites instead."""
    suites = "[TLS_AES_128_GCM_SHA256]"
    text = TLS.replace("}", f", cipher_suites: {suites}}}")
    text += "http_server_config: {http2: false}\n"
    async with guarded(files, text) as one:
        assert await is_served(one, files, None)
        old = files.context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        async with httpx.AsyncClient(verify=old, trust_env=False) as asking:
            with pytest.raises(httpx.TransportError):
                await asking.get(f"{one.url}/sd")


async def is_served(exporter, files, client):
    """Return whether a new connection with a client's certificate is served."""
    async with httpx.AsyncClient(
        verify=files.context(client), trust_env=False
    ) as asking:
        try:
            return (await asking.get(f"{exporter.url}/sd")).status_code == 200
        except httpx.TransportError:
            return False


def test_expired_certificates_are_no_error(files):
    """An expired certificate is used all the same: clients judge it."""
    files.issue(
        "server",
        "127.0.0.1",
        not_after=dt.datetime.now(dt.UTC) - dt.timedelta(days=1),
    )

    assert load_web_configuration(files.write(TLS)).tls is not None
