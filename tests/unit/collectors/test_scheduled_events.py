"""Scheduled events: which wait for consent, and when the next one begins."""

import asyncio

import pytest

from harness import configuration as configured_for
from harness import exporting, exporting_from, simulated, with_projects
from huaweicloudsdkmodelarts.v1 import ListScheduledEventsRequest
from simulator_client import modelarts_sdk

from exporter.simulator import ScheduledEvent, serve


EVENTS = with_projects(collectors=("scheduled_events",))


def with_events(*events):
    """Return a cloud with a project that has these events."""
    cloud = simulated("a")
    cloud.projects[0].scheduled_events.events += events
    return cloud


def count(scrape, of_type, state):
    """Return the number of events of a type and state."""
    return scrape.value("scheduled_events", project="a", type=of_type, state=state)


async def test_upcoming_events():
    """Events that have not ended are counted, with the next one of each pool."""
    cloud = with_events(
        ScheduledEvent(state="inquiring", pool="pool-a", not_before=1.9e9),
        ScheduledEvent(state="scheduled", pool="pool-a", not_before=1.8e9),
        ScheduledEvent(state="scheduled", type="node_reboot", not_before=1.85e9),
        ScheduledEvent(state="scheduled", pool="pool-b"),
        ScheduledEvent(state="executing", pool="pool-a", not_before=1.7e9),
        ScheduledEvent(state="completed", pool="pool-a", not_before=1.6e9),
    )
    async with exporting_from(cloud, change=EVENTS) as exporter:
        scrape = await exporter.scrape()
        page = (await exporter.client.get(f"{exporter.url}/?project=a")).text
        del cloud.projects[0].scheduled_events.events[0]
        after = await exporter.scrape()

    assert scrape.up() == {("a", "scheduled_event"): 1}
    assert count(scrape, "system_maintenance", "inquiring") == 1
    assert count(scrape, "system_maintenance", "scheduled") == 2
    assert count(scrape, "node_reboot", "scheduled") == 1
    assert count(scrape, "system_maintenance", "executing") == 1
    assert sum(scrape.series("scheduled_events").values()) == 5
    upcoming = "next_scheduled_event_timestamp_seconds"
    assert scrape.series(upcoming) == {
        frozenset({"project": "a", "pool": pool}.items()): begins
        for pool, begins in {"pool-a": 1.8e9, "": 1.85e9}.items()
    }
    assert "4 pending" in page
    assert count(after, "system_maintenance", "inquiring") == 0


async def test_more_than_a_page():
    """A page has a hundred events."""
    cloud = with_events(*(ScheduledEvent(published=1.6e9) for _ in range(130)))
    async with exporting_from(cloud, change=EVENTS) as exporter:
        scrape = await exporter.scrape()

    assert count(scrape, "system_maintenance", "scheduled") == 130


async def test_a_workspace():
    """Only the events of the project's workspace are requested."""
    cloud = with_events(ScheduledEvent(), ScheduledEvent(workspace_id="7"))

    def change(configured):
        return with_projects(workspace_id="7")(EVENTS(configured))

    async with exporting_from(cloud, change=change) as exporter:
        scrape = await exporter.scrape()

    assert count(scrape, "system_maintenance", "scheduled") == 1


@pytest.mark.slow
async def test_the_official_sdk_sees_the_same():
    """The official SDK finds the same events as the exporter."""
    cloud = with_events(
        ScheduledEvent(state="inquiring"), ScheduledEvent(type="localdisk-recovery")
    )
    async with serve(cloud) as url:
        sdk = modelarts_sdk(url, cloud.projects[0].project_id)
        request = ListScheduledEventsRequest()
        answer = await asyncio.to_thread(sdk.list_scheduled_events, request)
        async with exporting(EVENTS(configured_for(cloud, url))) as exporter:
            scrape = await exporter.scrape()

    assert answer.count == sum(scrape.series("scheduled_events").values()) == 2
    for row in answer.events:
        assert count(scrape, row.type.replace("-", "_"), row.state) == 1
