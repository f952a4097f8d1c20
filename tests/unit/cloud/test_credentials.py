"""Logging in and signing, as the simulated cloud sees it."""

import os
import time

import pytest

from harness import (
    PASSWORD,
    SECRET_KEY,
    SECURITY_TOKEN,
    configuration,
    exporting,
    exporting_from,
    key_auth,
    password_auth,
    simulated,
)

from exporter.config import AccessKeyAuth, Secret
from exporter.simulator import Effect, Fault, Key, RealClock, serve


def all_up(scrape) -> bool:
    """Return whether everything was collected."""
    return set(scrape.up().values()) == {1.0}


def all_down(scrape, reason: str) -> bool:
    """Return whether nothing was collected, for this reason."""
    return set(scrape.up().values()) == {0.0} and all(
        reason in scrape.errors(project, kind) for project, kind in scrape.up()
    )


@pytest.mark.slow
async def test_one_login_for_each_project():
    """Tokens are kept: scrapes after the first do not log in."""
    cloud = simulated("a", "b", "c")
    async with exporting_from(cloud) as exporter:
        for _ in range(3):
            assert all_up(await exporter.scrape())

    assert cloud.identity.logins == 3


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.slow
async def test_a_project_without_a_role_is_logged_in_to_once(counts):
    """A login without a role fails like a wrong password, for its project alone."""
    cloud = simulated("a", "b", "c")
    cloud.identity.refused_scope_counts = counts
    cloud.identity.users[0].access.projects = {f"{1:032x}", f"{3:032x}"}
    async with exporting_from(cloud) as exporter:
        for _ in range(5):
            scrape = await exporter.scrape()
            up = {project: value for (project, _), value in scrape.up().items()}
            assert up == {"a": 1.0, "b": 0.0, "c": 1.0}

    assert cloud.identity.logins == 3
    assert "permission" in scrape.errors("b", "training")


@pytest.mark.slow
async def test_a_token_is_renewed_before_it_expires():
    """A token that is about to expire is replaced before a request fails."""
    cloud = simulated("a", clock=RealClock())
    cloud.identity.token_seconds = 0.9
    async with exporting_from(cloud) as exporter:
        expiries = set()
        while len(expiries) < 3:
            scrape = await exporter.scrape()
            assert all_up(scrape)
            expiries.add(
                scrape.value(
                    "exporter_credential_expiry_timestamp_seconds",
                    cloud="otc",
                    project="a",
                )
            )

    assert {asked.status for asked in cloud.asked("training_jobs")} == {200}


@pytest.mark.parametrize("end", ["expired", "revoked"])
@pytest.mark.slow
async def test_a_token_that_expired_early_is_renewed_once(end):
    """A 401 leads to one login, and the scrape is complete."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        assert all_up(await exporter.scrape())
        if end == "revoked":
            cloud.identity.revoke_tokens()
        else:
            cloud.clock.advance(86_400)
        assert all_up(await exporter.scrape())

    assert cloud.identity.logins == 2


@pytest.mark.slow
async def test_a_project_that_rejects_every_token_does_not_log_in_forever():
    """A new token that is rejected at once is not replaced at every scrape."""
    cloud = simulated("a")
    cloud.faults.add(Fault(effect=Effect.STATUS, status=401, api="training_jobs"))
    async with exporting_from(cloud) as exporter:
        for _ in range(5):
            scrape = await exporter.scrape()
            assert scrape.up() == {("a", "training"): 0.0, ("a", "visualization"): 1.0}

    assert cloud.identity.logins == 2


@pytest.mark.slow
async def test_a_wrong_password_is_sent_once():
    """One rejection stops all projects and scrapes, so the account is not locked."""
    cloud = simulated("a", "b", "c", "d", "e", "f")
    async with exporting_from(cloud, password_auth("wrong")) as exporter:
        for _ in range(3):
            assert all_down(await exporter.scrape(), "authentication")

    assert cloud.identity.wrong_passwords == 1


@pytest.mark.slow
async def test_a_corrected_password_file_is_used_at_once(tmp_path):
    """After a rejection, a change of the file is enough to go on."""
    cloud = simulated("a", "b")
    file = tmp_path / "password"
    file.write_text("wrong\n")
    async with exporting_from(cloud, password_auth(Secret.from_file(file))) as exporter:
        assert all_down(await exporter.scrape(), "authentication")
        file.write_text(f"{PASSWORD}\n")
        assert all_up(await exporter.scrape())

    assert cloud.identity.wrong_passwords == 1


@pytest.mark.slow
async def test_a_missing_secret_file_fails_and_recovers(tmp_path, logged):
    """A missing secret file is named, and used when it is back."""
    cloud = simulated("a")
    file = tmp_path / "key"
    file.write_text(SECRET_KEY)
    async with exporting_from(cloud, key_auth(Secret.from_file(file))) as exporter:
        assert all_up(await exporter.scrape())
        file.rename(tmp_path / "away")
        assert all_down(await exporter.scrape(), "authentication")
        assert any(str(file) in line for line in logged())
        (tmp_path / "away").rename(file)
        assert all_up(await exporter.scrape())


async def test_other_login_failures_are_retried():
    """A login that fails for another reason than the password is tried again."""
    cloud = simulated("a")
    async with exporting_from(cloud) as exporter:
        with cloud.faults.on(
            Fault(effect=Effect.STATUS, status=403, api="auth_tokens")
        ):
            assert all_down(await exporter.scrape(), "permission")
        with cloud.faults.on(Fault(effect=Effect.TRUNCATED, api="auth_tokens")):
            assert all_down(await exporter.scrape(), "response")
        assert all_up(await exporter.scrape())


async def test_a_valid_token_outlives_a_login_that_fails():
    """When an early renewal fails, the old token is used until it expires."""
    cloud = simulated("a")
    cloud.identity.token_seconds = 100.0
    ahead = 0.0
    async with (
        serve(cloud) as url,
        exporting(
            configuration(cloud, url), clock=lambda: time.time() + ahead
        ) as exporter,
    ):
        assert all_up(await exporter.scrape())
        ahead = 95.0
        with cloud.faults.on(
            Fault(effect=Effect.STATUS, status=404, api="auth_tokens")
        ):
            assert all_up(await exporter.scrape())

    assert len(cloud.asked("auth_tokens")) > 1
    assert cloud.identity.logins == 1


@pytest.mark.slow
async def test_a_token_that_does_not_fit_a_header(monkeypatch):
    """A token with a control character fails the scrapes that got it, as `response`."""
    cloud = simulated("a", "b")
    async with exporting_from(cloud) as exporter:
        with monkeypatch.context() as patch:
            patch.setattr("secrets.token_hex", lambda _: "tok\xe9n")
            assert all_down(await exporter.scrape(), "response")
        assert all_up(await exporter.scrape())


async def test_a_security_token_that_does_not_fit_a_header():
    """A configured key with such a character is a failure with advice."""
    cloud = simulated("a")
    auth = AccessKeyAuth(
        access_key="AKCANARY",
        secret_key=Secret(SECRET_KEY),
        security_token=Secret("t\u00f6\x00ken"),
    )
    async with exporting_from(cloud, auth) as exporter:
        assert all_down(await exporter.scrape(), "authentication")

    assert cloud.asked() == []


async def test_long_tokens():
    """Tokens of many kB, as some accounts have, are received and sent."""
    cloud = simulated("a")
    cloud.identity.token_bytes = 12_000
    async with exporting_from(cloud) as exporter:
        assert all_up(await exporter.scrape())


@pytest.mark.slow
async def test_signed_requests():
    """Requests signed with an access key are accepted, without a login."""
    cloud = simulated("a", "b")
    async with exporting_from(cloud, key_auth()) as exporter:
        for _ in range(3):
            assert all_up(await exporter.scrape())

    assert cloud.identity.logins == 0
    assert cloud.identity.refused_signatures == 0


async def test_a_temporary_access_key(tmp_path):
    """A temporary key sends its security token; both can be replaced."""
    cloud = simulated("a")
    cloud.identity.keys.append(Key("TEMPORARY", SECRET_KEY, SECURITY_TOKEN))
    file = tmp_path / "token"
    file.write_text(SECURITY_TOKEN)
    auth = AccessKeyAuth(
        access_key="TEMPORARY",
        secret_key=Secret(SECRET_KEY),
        security_token=Secret.from_file(file),
    )
    async with exporting_from(cloud, auth) as exporter:
        assert all_up(await exporter.scrape())
        cloud.identity.keys[-1].security_token = "the-next-token"
        file.write_text("the-next-token")
        os.utime(file, (1, 1))
        assert all_up(await exporter.scrape())


@pytest.mark.slow
async def test_a_wrong_secret_key_is_used_once():
    """One rejected signature stops all projects, so the key is not locked."""
    cloud = simulated("a", "b", "c", "d", "e", "f")
    async with exporting_from(cloud, key_auth("wrong")) as exporter:
        for _ in range(3):
            assert all_down(await exporter.scrape(), "authentication")

    assert cloud.identity.refused_signatures == 1


@pytest.mark.slow
async def test_a_revoked_access_key_is_not_used_again(tmp_path):
    """A revoked key is not sent again; its replacement is used at once."""
    cloud = simulated("a", "b")
    file = tmp_path / "key"
    file.write_text(SECRET_KEY)
    async with exporting_from(cloud, key_auth(Secret.from_file(file))) as exporter:
        assert all_up(await exporter.scrape())
        cloud.identity.keys[0].secret_key = "another"
        assert all_down(await exporter.scrape(), "authentication")
        refused = cloud.identity.refused_signatures
        for _ in range(3):
            assert all_down(await exporter.scrape(), "authentication")
        assert cloud.identity.refused_signatures == refused
        file.write_text("another")
        assert all_up(await exporter.scrape())


@pytest.mark.slow
async def test_a_hanging_first_request_does_not_stop_the_cloud():
    """If the first request with a new key hangs, other projects are still up."""
    cloud = simulated("a", "b", "c")
    cloud.faults.add(
        Fault(
            effect=Effect.HANG,
            api="training_jobs",
            project_id=cloud.projects[0].project_id,
        )
    )
    async with exporting_from(cloud, key_auth(), timeout=3.0) as exporter:
        scrape = await exporter.scrape()

    assert {target for target, up in scrape.up().items() if not up} == {
        ("a", "training")
    }
