"""Temporary keys of an ECS agency, from the instance's metadata service."""

import contextlib

from dataclasses import replace

import pytest

from harness import configuration, exporting, simulated

from exporter.cloud.auth import AgencyKeys
from exporter.config import EcsAgencyAuth
from exporter.errors import CollectionError
from exporter.simulator import serve


@contextlib.asynccontextmanager
async def on_an_instance(cloud):
    """Run a cloud, and an exporter that uses its metadata service."""
    async with serve(cloud) as url:
        auth = EcsAgencyAuth(metadata_url=url)
        async with exporting(configuration(cloud, url, auth)) as exporter:
            yield exporter


@contextlib.asynccontextmanager
async def keys_of(cloud):
    """Run a cloud, and yield the keys of its metadata service, on the cloud's clock."""
    async with serve(cloud) as url:
        keys = AgencyKeys(url, cloud.clock.now)
        yield keys
        await keys.aclose()


@pytest.mark.parametrize("sessions", [True, False], ids=["sessions", "no sessions"])
@pytest.mark.slow
async def test_requests_are_signed_with_the_agencys_keys(sessions):
    """Old and new metadata services issue keys, once for all projects and scrapes."""
    cloud = simulated("a", "b")
    cloud.metadata.sessions = sessions
    async with on_an_instance(cloud) as exporter:
        for _ in range(2):
            scrape = await exporter.scrape()
            assert set(scrape.up().values()) == {1.0}

    assert (cloud.metadata.issued, cloud.metadata.asked) == (1, 1)
    assert scrape.value(
        "exporter_credential_expiry_timestamp_seconds", cloud="otc", project="a"
    ) == pytest.approx(cloud.clock.now() + 3600, abs=1)


@pytest.mark.slow
async def test_keys_are_renewed_in_their_last_ten_minutes():
    """A key is used for fifty minutes, and replaced while it is still valid."""
    cloud = simulated("a")
    async with keys_of(cloud) as keys:
        first = await keys.key()
        cloud.clock.advance(2900)
        assert await keys.key() == first
        cloud.clock.advance(200)
        second = await keys.key()
        assert second != first
        assert second.expires_at > first.expires_at
        assert await keys.key() == second

    assert cloud.metadata.asked == 2


@pytest.mark.slow
async def test_an_expired_session_is_replaced():
    """When the metadata service answers 401, a new session is opened, once."""
    cloud = simulated("a")
    async with keys_of(cloud) as keys:
        await keys.key()
        cloud.metadata.end_session()
        cloud.clock.advance(3100)
        await keys.key()

    assert cloud.metadata.issued == 2


@pytest.mark.slow
async def test_a_valid_key_outlives_a_renewal_that_fails():
    """While the metadata service fails, the old key is used until it expires."""
    cloud = simulated("a")
    async with keys_of(cloud) as keys:
        key = await keys.key()
        cloud.metadata.agency = False
        cloud.clock.advance(3100)
        assert await keys.key() == key
        asked = cloud.metadata.asked
        # Until then, not every request asks for a key.
        assert await keys.key() == key
        assert cloud.metadata.asked == asked
        cloud.clock.advance(600)
        with pytest.raises(CollectionError, match="HTTP 404"):
            await keys.key()


@pytest.mark.slow
async def test_an_instance_without_an_agency(logged):
    """Without an agency everything is down, and the log says what to do."""
    cloud = simulated("a")
    cloud.metadata.agency = False
    async with on_an_instance(cloud) as exporter:
        scrape = await exporter.scrape()

    assert set(scrape.up().values()) == {0.0}
    assert scrape.errors("a", "training") == {"authentication": 1}
    line = next(line for line in logged() if "give this instance an agency" in line)
    assert "api=instance_metadata" in line
    assert "method=GET path=/openstack/latest/securitykey status=404" in line


@pytest.mark.parametrize("odd", ["access_key", "security_token", "session"])
@pytest.mark.slow
async def test_a_key_that_does_not_fit_a_header(monkeypatch, odd):
    """Keys and sessions with odd characters are failures; the next good one is used."""
    cloud = simulated("a")
    session = cloud.metadata.open_session().body.decode()
    cloud.metadata.security_key({"x-metadata-token": session})
    key = cloud.identity.keys[-1]
    async with on_an_instance(cloud) as exporter:
        with monkeypatch.context() as patch:
            if odd == "session":
                patch.setattr("secrets.token_hex", lambda _: "s\x00\u00e9")
            else:
                setattr(key, odd, "k\r\n\u6c49")
            scrape = await exporter.scrape()
            assert scrape.errors("a", "training") == {"response": 1}
        key.expires_at = cloud.clock.now()
        cloud.metadata.end_session()
        assert set((await exporter.scrape()).up().values()) == {1.0}


@pytest.mark.slow
async def test_a_machine_without_metadata():
    """On a machine without a metadata service, the failure says so."""
    keys = AgencyKeys("http://127.0.0.1:9", lambda: 0.0)
    with pytest.raises(CollectionError, match="does not answer"):
        await keys.key()
    await keys.aclose()


@pytest.mark.slow
async def test_metadata_is_never_asked_through_a_proxy(monkeypatch):
    """The address is the instance's own, whatever the environment says."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    cloud = simulated("a")
    async with keys_of(cloud) as keys:
        assert (await keys.key()).security_token


@pytest.mark.slow
async def test_no_key_is_shown(logged):
    """Keys and tokens of an agency appear in no log and no `repr`."""
    cloud = simulated("a")
    async with keys_of(cloud) as keys:
        key = await keys.key()
        shown = f"{key!r} {keys!r} {replace(key, expires_at=None)!r}" + "".join(
            logged()
        )

    assert key.access_key in shown
    assert key.secret_key not in shown
    assert key.security_token not in shown
