"""Simulated scheduled events are listed as the reference says."""

import asyncio

import pytest

from harness import simulated
from huaweicloudsdkmodelarts.v1 import ListScheduledEventsRequest
from simulator_client import connected, modelarts_sdk

from exporter.simulator import ManualClock, ScheduledEvent, demo_cloud


PROJECT = f"{1:032x}"
SCOPE = {"project": {"id": PROJECT}}
PATH = f"/v1/{PROJECT}/scheduled-events"


def with_events():
    """Return a cloud with events in several states."""
    cloud = simulated("a")
    cloud.projects[0].scheduled_events.events += [
        ScheduledEvent(state="inquiring", pool="pool-a", not_before=1.8e9),
        ScheduledEvent(state="scheduled", pool="pool-a", not_before=1.7e9),
        ScheduledEvent("node_reboot", "executing", started=1.7e9),
        ScheduledEvent("node_reboot", "completed", started=1.6e9, finished=1.7e9),
        ScheduledEvent(workspace_id="team"),
    ]
    return cloud


async def test_the_official_sdk_lists_events():
    """Several states can be selected; times are texts, and absent if there are none."""
    cloud = with_events()
    request = ListScheduledEventsRequest(state=["inquiring", "executing"])
    async with connected(cloud) as client:
        sdk = modelarts_sdk(client.base_url, PROJECT)
        answer = await asyncio.to_thread(sdk.list_scheduled_events, request)

    waiting, executing = answer.events
    assert (waiting.state, executing.state) == ("inquiring", "executing")
    assert (waiting.pool_name, waiting.not_before) == ("pool-a", "2027-01-15T08:00:00Z")
    assert (executing.pool_name, executing.not_before) == (None, None)
    assert answer.count == 2
    assert len(answer.x_request_id) > 36


@pytest.mark.slow
async def test_filters_and_pages():
    """Pages count items, and `count` all events of the query."""
    cloud = with_events()
    async with connected(cloud, SCOPE) as client:

        async def count(**query):
            answer = (await client.get(PATH, params=query)).json()
            return answer["count"], len(answer["events"])

        assert await count() == (4, 4)
        assert await count(limit=3, offset=2) == (4, 2)
        assert await count(type=["node_reboot"]) == (2, 2)
        assert await count(workspaceId="team") == (1, 1)
        assert await count(poolName="pool-a") == (2, 2)
        assert (await client.get(PATH, params={"limit": 101})).status_code == 400
        truth = (await client.get("/simulator/scheduled_events")).json()["a"]

    assert truth["next"] == {"pool-a": 1.7e9}


def test_the_demos_events_go_through_their_states():
    """One waits for consent, is scheduled, executed and completed, and then the next."""
    clock = ManualClock(1_700_000_000.0)
    events = demo_cloud(clock).projects[0].scheduled_events
    seen = []
    for _ in range(200):
        clock.advance(120)
        events.advance(clock.now())
        state = events.events[0].state
        if not seen or seen[-1] != state:
            seen.append(state)

    order = ["inquiring", "scheduled", "executing", "completed"]
    first = order.index(seen[0])
    assert seen[:4] == order[first:] + order[:first]
