"""The HTTP transport: certificates, proxies and timeouts, with real servers."""

import asyncio
import base64
import contextlib

from functools import partial

import pytest
import trustme

from harness import configuration, exporting, exporting_from, simulated, with_cloud

from exporter.cloud.client import CloudClient
from exporter.config import Secret, Tls
from exporter.errors import ConfigurationError
from exporter.simulator import ServerCertificate, serve


@pytest.fixture
def authority():
    """Return a certificate authority for tests."""
    return trustme.CA()


def written(folder, name, certificate):
    """Write a certificate and its key; return their paths."""
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    cert.write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    return cert, key


@contextlib.asynccontextmanager
async def over_tls(folder, authority, tls, *, client_certificates=False):
    """Run a cloud with a certificate of `authority`, and an exporter with `tls`."""
    authority.cert_pem.write_to_path(folder / "ca.crt")
    cert, key = written(folder, "server", authority.issue_cert("127.0.0.1"))
    certificate = ServerCertificate(
        cert, key, folder / "ca.crt" if client_certificates else None
    )
    cloud = simulated("a")
    async with serve(cloud, certificate=certificate) as url:
        configured = with_cloud(tls=tls)(configuration(cloud, url, timeout=3.0))
        async with exporting(configured) as exporter:
            yield await exporter.scrape()


async def test_a_custom_authority(tmp_path, authority):
    """A server whose certificate is signed by `ca_file` is trusted."""
    async with over_tls(
        tmp_path, authority, Tls(ca_file=tmp_path / "ca.crt")
    ) as scrape:
        assert set(scrape.up().values()) == {1.0}


async def test_an_unknown_authority(tmp_path, authority, logged):
    """A server with an unknown certificate gets no credential, and the log says why."""
    async with over_tls(tmp_path, authority, Tls()) as scrape:
        assert set(scrape.up().values()) == {0.0}
        assert scrape.errors("a", "training") == {"network": 1}
    assert any("tls.ca_file" in line for line in logged())


@pytest.mark.slow
async def test_insecure_skip_verify(tmp_path, authority):
    """Verification can be switched off."""
    async with over_tls(tmp_path, authority, Tls(insecure_skip_verify=True)) as scrape:
        assert set(scrape.up().values()) == {1.0}


async def test_a_client_certificate(tmp_path, authority):
    """A server that requires a client certificate gets the configured one."""
    cert, key = written(
        tmp_path, "client", authority.issue_cert("exporter@example.com")
    )
    tls = Tls(ca_file=tmp_path / "ca.crt", cert_file=cert, key_file=key)
    async with over_tls(tmp_path, authority, tls, client_certificates=True) as scrape:
        assert set(scrape.up().values()) == {1.0}


@pytest.mark.slow
async def test_no_client_certificate(tmp_path, authority):
    """Without a client certificate, such a server rejects the connection."""
    tls = Tls(ca_file=tmp_path / "ca.crt")
    async with over_tls(tmp_path, authority, tls, client_certificates=True) as scrape:
        assert set(scrape.up().values()) == {0.0}


class Proxy:
    """A small forward proxy that records the requests."""

    def __init__(self):
        self.asked = []
        self.authorization = set()

    async def serve(self, reader, writer):
        """Forward one connection: CONNECT as a tunnel, others request by request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._forward(reader, writer)
        writer.close()

    async def _forward(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.partition("\r\n")[0].split(" ")
        self.asked.append((method, target))
        for line in head.split("\r\n"):
            if line.lower().startswith("proxy-authorization:"):
                self.authorization.add(line.partition(":")[2].strip())
        address = target if method == "CONNECT" else target.split("/")[2]
        host, _, port = address.rpartition(":")
        there, onwards = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = "/" + target.split("/", 3)[3]
            lines = [f"{method} {path} HTTP/1.1", "Connection: close"]
            lines += [
                line
                for line in head.split("\r\n")[1:]
                if not line.lower().startswith(("proxy-", "connection:"))
            ]
            onwards.write("\r\n".join(lines).encode("latin-1"))
        await asyncio.gather(_copy(reader, onwards), _copy(there, writer))


async def _copy(reader, writer):
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def proxy():
    """Run a proxy."""
    running = Proxy()
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    running.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield running
    server.close()


async def test_proxy_url(proxy):
    """All requests go through the configured proxy."""
    cloud = simulated("a")
    change = with_cloud(proxy_url=Secret(proxy.url))
    async with exporting_from(cloud, change=change) as exporter:
        scrape = await exporter.scrape()

    assert set(scrape.up().values()) == {1.0}
    assert {
        target.partition("?")[0].rpartition("/")[2] for _, target in proxy.asked
    } == {
        "tokens",
        "training-jobs",
        "visualization-jobs",
    }


async def test_proxy_with_a_password(proxy, logged):
    """The proxy's own credentials are sent to the proxy, and are not logged."""
    cloud = simulated("a")
    url = proxy.url.replace("://", "://user:canary-proxy-password@")
    async with exporting_from(
        cloud, change=with_cloud(proxy_url=Secret(url))
    ) as exporter:
        scrape = await exporter.scrape()

    assert set(scrape.up().values()) == {1.0}
    expected = base64.b64encode(b"user:canary-proxy-password").decode()
    assert proxy.authorization == {f"Basic {expected}"}
    assert not any("canary" in line for line in logged())


async def test_proxy_for_tls(proxy, tmp_path, authority):
    """TLS connections are tunneled through the proxy."""
    tls = Tls(ca_file=tmp_path / "ca.crt")
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    cert, key = written(tmp_path, "server", authority.issue_cert("127.0.0.1"))
    cloud = simulated("a")
    async with serve(cloud, certificate=ServerCertificate(cert, key)) as url:
        proxy_url = proxy.url.replace("://", "://user:p%40ss@")
        change = with_cloud(tls=tls, proxy_url=Secret(proxy_url))
        async with exporting(change(configuration(cloud, url))) as exporter:
            scrape = await exporter.scrape()

    assert set(scrape.up().values()) == {1.0}
    assert {method for method, _ in proxy.asked} == {"CONNECT"}
    expected = base64.b64encode(b"user:p@ss").decode()
    assert proxy.authorization == {f"Basic {expected}"}


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
async def test_proxy_from_the_environment(proxy, monkeypatch, variable):
    """The usual environment variables are used if the configuration has no proxy."""
    monkeypatch.setenv(variable, proxy.url)
    async with exporting_from(simulated("a")) as exporter:
        scrape = await exporter.scrape()

    assert set(scrape.up().values()) == {1.0}
    assert proxy.asked


async def test_no_proxy(proxy, monkeypatch):
    """`no_proxy` is respected."""
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with exporting_from(simulated("a")) as exporter:
        scrape = await exporter.scrape()

    assert set(scrape.up().values()) == {1.0}
    assert not proxy.asked


async def test_a_proxy_that_cannot_be_used(monkeypatch):
    """An unsupported proxy is reported at the start, without its URL."""
    monkeypatch.setenv("all_proxy", "socks5://user:canary@127.0.0.1:1080")
    with pytest.raises(
        ConfigurationError, match="is no http:// or https:// URL"
    ) as caught:
        async with exporting_from(simulated("a")):
            pass

    assert "canary" not in str(caught.value)


async def test_a_proxy_that_does_not_answer(logged):
    """An unreachable proxy is named as the cause."""
    change = with_cloud(proxy_url=Secret("http://127.0.0.1:9"))
    async with exporting_from(simulated("a"), change=change, timeout=3.0) as exporter:
        scrape = await exporter.scrape()

    assert scrape.errors("a", "training") == {"network": 1}
    assert any("proxy_url" in line for line in logged())


async def test_a_server_that_does_not_answer(logged):
    """A refused connection is distinguished from a timeout."""
    change = with_cloud(modelarts_url="http://127.0.0.1:9")
    async with exporting_from(simulated("a"), change=change, timeout=3.0) as exporter:
        scrape = await exporter.scrape()

    assert scrape.errors("a", "training") == {"network": 1}
    assert any("cannot be reached" in line for line in logged())


async def test_an_unknown_host(logged):
    """A host without an address is named."""
    change = with_cloud(modelarts_url="http://modelarts.nowhere.invalid")
    async with exporting_from(simulated("a"), change=change, timeout=5.0) as exporter:
        scrape = await exporter.scrape()

    assert scrape.errors("a", "training") == {"network": 1}
    assert any("host name cannot be resolved" in line for line in logged())


@pytest.mark.slow
async def test_a_request_that_takes_too_long(monkeypatch, logged):
    """A single request has a timeout, too."""
    hurried = partial(CloudClient, read_seconds=0.2)
    monkeypatch.setattr("exporter.collection.collector.CloudClient", hurried)
    monkeypatch.setattr("exporter.cloud.client._MAX_RETRIES", 0)
    cloud = simulated("a")
    cloud.latency = 30.0
    async with exporting_from(cloud, timeout=5.0) as exporter:
        scrape = await exporter.scrape()

    assert scrape.errors("a", "training") == {"timeout": 1}
    assert any("did not answer in time" in line for line in logged())
