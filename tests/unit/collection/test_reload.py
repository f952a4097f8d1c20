"""A reload replaces the configuration as a whole, between scrapes, or not at all."""

import asyncio
import gc
import os
import signal
import socket

from dataclasses import replace

import httpx
import pytest

from harness import (
    PASSWORD,
    SECRET_KEY,
    Scrape,
    configuration,
    exporting,
    key_auth,
    password_auth,
    simulated,
)

from exporter.app import serve_exporter
from exporter.config import Discovery, Secret
from exporter.errors import ConfigurationError, FileError
from exporter.simulator import Effect, Fault, serve
from exporter.web.paths import WebPaths


class ChangingConfiguration:
    """A configuration that a test changes."""

    def __init__(self, current):
        self.current = current

    def __call__(self):
        """Return the configuration, or raise it if it is an error."""
        if isinstance(self.current, Exception):
            raise self.current
        return self.current


@pytest.fixture
async def cloud():
    """Run a simulated cloud."""
    cloud = simulated("a", "b", "c")
    async with serve(cloud) as cloud_url:
        cloud_url_of[id(cloud)] = cloud_url
        yield cloud


cloud_url_of = {}


def configured(cloud, *names, auth=None, **collection):
    """Return a configuration with some of the cloud's projects."""
    whole = configuration(cloud, cloud_url_of[id(cloud)], auth, **collection)
    return replace(whole, projects=tuple(p for p in whole.projects if p.name in names))


async def reload(exporter) -> tuple[int, str]:
    """Reload; return status and answer."""
    response = await exporter.client.post(f"{exporter.url}/-/reload")
    return response.status_code, response.text


@pytest.mark.slow
async def test_what_has_not_changed_is_kept(cloud):
    """Projects come and go; tokens, connections and results of the others stay."""
    load = ChangingConfiguration(configured(cloud, "a", "b", min_interval=60.0))
    async with exporting(load.current, load) as exporter:
        await exporter.scrape()
        load.current = configured(cloud, "b", "c", min_interval=60.0)
        assert await reload(exporter) == (200, "configuration reloaded\n")
        asked = len(cloud.asked())
        scrape = await exporter.scrape()

    assert {project for project, _ in scrape.up()} == {"b", "c"}
    assert set(scrape.up().values()) == {1.0}
    # Only the new project logs in and is listed: the other's result is still valid.
    assert cloud.identity.logins == 3
    assert len(cloud.asked()) - asked == 3
    assert {
        dict(labels)["project"]
        for labels in scrape.series("exporter_credential_expiry_timestamp_seconds")
    } == {"b", "c"}


@pytest.mark.slow
async def test_new_discovery_patterns_need_no_login(cloud):
    """New discovery patterns leave the cloud's tokens as they are."""

    def discovering(**discovery):
        plain = configured(cloud, "a", min_interval=60.0)
        found = replace(plain.clouds[0], discovery=Discovery(**discovery))
        projects = tuple(replace(each, cloud=found) for each in plain.projects)
        return replace(plain, clouds=(found,), projects=projects)

    load = ChangingConfiguration(discovering())
    async with exporting(load.current, load) as exporter:
        await exporter.scrape()
        # One for the project, and one for the list of projects.
        assert cloud.identity.logins == 2
        load.current = discovering(exclude=("*_sandbox",))
        asked = len(cloud.asked("training_jobs"))
        await reload(exporter)
        scrape = await exporter.scrape()

    assert set(scrape.up().values()) == {1.0}
    assert cloud.identity.logins == 2
    assert len(cloud.asked("training_jobs")) == asked


@pytest.mark.slow
async def test_a_bad_file_changes_nothing(cloud):
    """Errors are answered with 400 and counted; the old configuration stays."""
    load = ChangingConfiguration(configured(cloud, "a"))
    async with exporting(load.current, load) as exporter:
        good, load.current = (
            load.current,
            ConfigurationError("modelarts.yml", (FileError(3, "clouds", "wrong"),)),
        )
        assert await reload(exporter) == (400, "modelarts.yml:3: clouds: wrong\n")
        scrape = await exporter.scrape()
        assert scrape.up() == {("a", "training"): 1, ("a", "visualization"): 1}
        assert scrape.value("exporter_config_last_reload_successful") == 0

        load.current = good
        assert (await reload(exporter))[0] == 200
        scrape = await exporter.scrape()
        assert scrape.value("exporter_config_last_reload_successful") == 1


@pytest.mark.slow
async def test_a_running_scrape_is_not_affected(cloud):
    """A reload during a scrape neither changes nor breaks its answer."""
    load = ChangingConfiguration(configured(cloud, "a", "b"))
    async with exporting(load.current, load) as exporter:
        await exporter.scrape()
        cloud.latency = 0.4
        under_way = asyncio.create_task(exporter.scrape())
        await asyncio.sleep(0.1)
        load.current = configured(
            cloud, "c", auth=key_auth(), duration_buckets=(1.0, 2.0)
        )
        await reload(exporter)
        before, after = await under_way, await exporter.scrape()

    assert {project for project, _ in before.up()} == {"a", "b"}
    assert {project for project, _ in after.up()} == {"c"}
    assert set(before.up().values()) == set(after.up().values()) == {1.0}
    assert {
        dict(labels)["le"] for labels in after.series("job_duration_seconds_bucket")
    } == {"1.0", "2.0", "+Inf"}


async def test_a_changed_credential_is_used(cloud):
    """A corrected password in the configuration is used at once."""
    load = ChangingConfiguration(configured(cloud, "a", auth=password_auth("wrong")))
    async with exporting(load.current, load) as exporter:
        assert set((await exporter.scrape()).up().values()) == {0.0}
        load.current = configured(cloud, "a")
        await reload(exporter)
        assert set((await exporter.scrape()).up().values()) == {1.0}


def repair(cloud):
    """Give the user and the key in the cloud the configured secrets."""
    cloud.identity.users[0].password = PASSWORD
    cloud.identity.keys[0].secret_key = SECRET_KEY


def rejections(cloud) -> int:
    """Return how often a password or a signature was rejected."""
    return cloud.identity.wrong_passwords + cloud.identity.refused_signatures


@pytest.mark.parametrize("auth", [password_auth(), key_auth()], ids=["password", "key"])
@pytest.mark.slow
async def test_a_repaired_credential_is_tried_at_once(cloud, auth):
    """After a reload, a credential that was repaired in the cloud is used."""
    cloud.identity.users[0].password = "another"
    cloud.identity.keys[0].secret_key = "another"
    load = ChangingConfiguration(
        configured(cloud, "a", "b", auth=auth, min_interval=60.0)
    )
    async with exporting(load.current, load) as exporter:
        assert set((await exporter.scrape()).up().values()) == {0.0}
        repair(cloud)
        assert set((await exporter.scrape()).up().values()) == {0.0}
        assert rejections(cloud) == 1

        assert (await reload(exporter))[0] == 200
        assert set((await exporter.scrape()).up().values()) == {1.0}

    assert rejections(cloud) == 1


@pytest.mark.parametrize("auth", [password_auth(), key_auth()], ids=["password", "key"])
@pytest.mark.slow
async def test_a_credential_that_is_still_wrong_is_tried_once_more(cloud, auth):
    """A reload costs one more rejection, but never enough to lock the account."""
    cloud.identity.users[0].password = "another"
    cloud.identity.keys[0].secret_key = "another"
    load = ChangingConfiguration(configured(cloud, "a", "b", "c", auth=auth))
    async with exporting(load.current, load) as exporter:
        await exporter.scrape()
        for expected in (2, 3, 4, 4, 4):
            await reload(exporter)
            for _ in range(2):
                assert set((await exporter.scrape()).up().values()) == {0.0}
            assert rejections(cloud) == expected

    assert cloud.identity.users[0].locked_until == 0
    assert cloud.identity.keys[0].locked_until == 0


@pytest.mark.slow
async def test_a_path_that_rejected_the_key_is_tried_at_once(cloud):
    """After a reload, a good key is sent again to a path that rejected it."""
    load = ChangingConfiguration(configured(cloud, "a", auth=key_auth()))
    refusal = Fault(effect=Effect.STATUS, status=401, api="training_jobs")
    async with exporting(load.current, load) as exporter:
        await exporter.scrape()
        with cloud.faults.on(refusal):
            assert (await exporter.scrape()).up()["a", "training"] == 0
        assert (await exporter.scrape()).up()["a", "training"] == 0
        assert refusal.met == 1

        await reload(exporter)
        assert set((await exporter.scrape()).up().values()) == {1.0}


@pytest.mark.slow
async def test_a_path_that_rejected_new_tokens_is_tried_at_once(cloud):
    """After a reload, a token that one path rejected is replaced again."""
    load = ChangingConfiguration(configured(cloud, "a"))
    async with exporting(load.current, load) as exporter:
        cloud.faults.add(Fault(effect=Effect.STATUS, status=401, api="training_jobs"))
        for _ in range(2):
            await exporter.scrape()
        assert cloud.identity.logins == 2
        cloud.faults.clear()
        cloud.identity.revoke_tokens()

        await reload(exporter)
        assert set((await exporter.scrape()).up().values()) == {1.0}


async def test_limits_change_at_once(cloud):
    """`max_concurrent_requests` and `min_interval` apply from the next scrape on."""
    load = ChangingConfiguration(configured(cloud, "a"))
    async with exporting(load.current, load) as exporter:
        await exporter.scrape()
        load.current = configured(
            cloud, "a", min_interval=60.0, max_concurrent_requests=1
        )
        await reload(exporter)
        asked = len(cloud.asked())
        assert set((await exporter.scrape()).up().values()) == {1.0}

    assert len(cloud.asked()) == asked
    assert exporter.collector.scheduler.max_in_flight == 1


async def test_only_post_reloads(cloud):
    """A browser or crawler that follows links does not reload."""
    load = ChangingConfiguration(configured(cloud, "a"))
    async with exporting(load.current, load) as exporter:
        response = await exporter.client.get(f"{exporter.url}/-/reload")

    assert response.status_code == 405


async def test_sighup_reloads(cloud, logged):
    """SIGHUP does what POST does; SIGTERM still ends the exporter."""
    load = ChangingConfiguration(configured(cloud, "a"))
    listener = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(serve_exporter(load, listener, WebPaths()))
    lines = []
    await _until(lambda: lines.extend(logged()) or any("listening" in x for x in lines))
    load.current = ConfigurationError("f", (FileError(1, "x", "wrong"),))
    os.kill(os.getpid(), signal.SIGHUP)
    await _until(
        lambda: lines.extend(logged()) or any("not reloaded" in x for x in lines)
    )
    load.current = configured(cloud, "a", "b")
    os.kill(os.getpid(), signal.SIGHUP)
    await _until(
        lambda: lines.extend(logged()) or any("projects=2" in x for x in lines)
    )
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    listener.close()


@pytest.fixture
def usual_garbage_collection():
    """Use Python's default thresholds for garbage collection."""
    thresholds = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*thresholds)


async def test_the_garbage_collector_is_left_as_it_was(
    cloud, logged, usual_garbage_collection
):
    """Garbage is collected less often while the exporter serves, and as before after."""
    load = ChangingConfiguration(configured(cloud, "a"))
    before = gc.get_threshold(), gc.get_freeze_count()
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/-/healthy"
    running = asyncio.create_task(serve_exporter(load, listener, WebPaths()))
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(url)
        assert gc.get_threshold()[0] > before[0][0]
        assert gc.get_freeze_count() > before[1]
        os.kill(os.getpid(), signal.SIGTERM)
        await running
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
    listener.close()


@pytest.mark.slow
async def test_sighup_tries_a_repaired_credential(cloud, logged):
    """SIGHUP also lets rejected credentials be tried again."""
    cloud.identity.users[0].password = "another"
    load = ChangingConfiguration(configured(cloud, "a"))
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
    running = asyncio.create_task(serve_exporter(load, listener, WebPaths()))
    lines = []
    await _until(lambda: lines.extend(logged()) or any("listening" in x for x in lines))
    async with httpx.AsyncClient(trust_env=False) as client:
        assert set(Scrape(await client.get(url)).up().values()) == {0.0}
        repair(cloud)
        os.kill(os.getpid(), signal.SIGHUP)
        await _until(
            lambda: lines.extend(logged()) or any("reloaded" in x for x in lines)
        )
        assert set(Scrape(await client.get(url)).up().values()) == {1.0}
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    listener.close()


async def _until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is watched knows no events
            await asyncio.sleep(0.01)


def test_secrets_compare_by_what_they_are(tmp_path):
    """Configurations with the same secrets are equal, so that nothing is rebuilt."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret.from_file(tmp_path / "x") == Secret.from_file(tmp_path / "x")
    assert Secret.from_file(tmp_path / "x") != Secret("x")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
