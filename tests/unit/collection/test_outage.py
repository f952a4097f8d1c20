"""After an outage, or a bug in the exporter, scrapes are complete again."""

import asyncio
import contextlib

import httpx
import pytest

from harness import exporting_from, simulated

from exporter.cloud import watchdog


PROJECTS = [f"p{number}" for number in range(24)]


async def until(condition):
    """Wait until a condition on the exporter's answer holds."""
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - what is watched knows no events
            await asyncio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("reload", [False, True], ids=["as-it-is", "reloaded"])
async def test_scrapes_recover_with_the_cloud(reload):
    """A cloud that was slower than the scrapes does not affect later scrapes."""
    cloud = simulated(*PROJECTS)
    async with exporting_from(cloud, max_concurrent_requests=8) as exporter:
        cloud.latency = 2.0
        slow = await exporter.scrape(0.7)
        cloud.latency = 0.0
        if reload:
            await exporter.client.post(f"{exporter.url}/-/reload")
        # It still waits for the login that hung during the outage.
        await exporter.scrape(60)
        scrape = await exporter.scrape(60)

        assert set(slow.up().values()) == {0}
        assert set(scrape.up().values()) == {1}
        assert len(scrape.up()) == 2 * len(PROJECTS)
        for gauge in ("in_flight", "waiting"):
            name = f"exporter_api_requests_{gauge}"
            assert scrape.value(name, cloud="otc") == 0


@pytest.mark.slow
async def test_a_client_that_leaves_does_not_affect_others():
    """A client that asks for more than there are slots and leaves affects no other."""
    cloud = simulated(*PROJECTS)
    async with exporting_from(cloud, max_concurrent_requests=8) as exporter:
        await exporter.scrape(60)
        cloud.latency = 0.5
        for _ in range(3):
            with contextlib.suppress(httpx.ReadTimeout):
                await exporter.client.get(f"{exporter.url}/metrics", timeout=0.15)
        cloud.latency = 0.0

        assert set((await exporter.scrape(60)).up().values()) == {1}


@pytest.mark.slow
async def test_waiting_requests_are_seen():
    """Requests in flight and waiting are among the exporter's own metrics."""
    cloud = simulated(*PROJECTS)
    async with exporting_from(cloud, max_concurrent_requests=4) as exporter:
        await exporter.scrape(60)
        cloud.latency = 60.0
        hanging = asyncio.create_task(exporter.scrape(20))
        own = f"{exporter.url}/exporter-metrics"
        expected = {
            'modelarts_exporter_api_requests_in_flight{cloud="otc"} 4.0',
            'modelarts_exporter_api_requests_waiting{cloud="otc"} 44.0',
        }

        async def is_seen():
            answer = await exporter.client.get(own)
            return expected <= set(answer.text.splitlines())

        await until(is_seen)
        hanging.cancel()


@pytest.mark.slow
async def test_lost_slots_are_repaired(monkeypatch, logged):
    """
    Requests that wait although none is in flight are logged, counted and repaired.

    The test takes slots and never returns them, as a bug in the exporter would.
    """
    cloud = simulated("a")
    async with (
        contextlib.AsyncExitStack() as lost,
        exporting_from(cloud, max_concurrent_requests=2) as exporter,
    ):
        health = f"{exporter.url}/-/healthy"
        await exporter.scrape(20)
        queue = exporter.collector.scheduler.cloud(None)
        for _ in range(2):
            await lost.enter_async_context(queue.slot("nobody"))
        first = await exporter.scrape(0.5)
        assert set(first.up().values()) == {0}
        assert (await exporter.client.get(health)).status_code == 200

        with monkeypatch.context() as patch:
            patch.setattr(watchdog, "STALL_SECONDS", 0.01)
            assert (await exporter.client.get(health)).status_code == 503

            async def is_healthy():
                return (await exporter.client.get(health)).status_code == 200

            await until(is_healthy)
        scrape = await exporter.scrape(20)

        assert set(scrape.up().values()) == {1}
        assert scrape.value("exporter_api_request_stalls_total") == 1
        (line,) = [line for line in logged() if "internal error" in line]
        assert "level=error" in line
        assert "slots_held=2" in line
