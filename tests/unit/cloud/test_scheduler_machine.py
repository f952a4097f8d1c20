"""The queue of requests, through starts, ends, cancellations and 429s in any order."""

import asyncio

from contextlib import suppress
from dataclasses import dataclass, field

from examples import examples
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from stepped import SteppedLoop

from exporter.cloud.scheduler import CloudQueue, RequestScheduler, Slot
from exporter.config import RateLimit


LIMITS = st.integers(1, 8)
FIRST_WINDOW = 2
PROJECTS = st.sampled_from(["a", "b", "c", None])
RATES = st.sampled_from(
    [
        None,
        None,
        RateLimit(requests_per_second=0.5, burst=1),
        RateLimit(requests_per_second=5.0, burst=3),
    ]
)


@dataclass(eq=False)
class Request:
    """A request that holds its slot until the machine releases it."""

    cloud: CloudQueue
    project: str
    running: bool = False
    slot: Slot | None = None
    answer: asyncio.Future = field(init=False)
    task: asyncio.Task = field(init=False)

    async def run(self):
        """Wait for a slot, and hold it until there is an answer."""
        with suppress(ConnectionError):
            async with self.cloud.slot(self.project) as self.slot:
                self.running = True
                try:
                    with self.cloud.sending():
                        outcome = await self.answer
                    if outcome == "throttled":
                        self.slot.throttled()
                        self.cloud.pause(0.3)
                    else:
                        self.slot.succeeded()
                finally:
                    self.running = False


class SchedulerMachine(RuleBasedStateMachine):
    """Each rule acts within one tick of the event loop."""

    def __init__(self):
        super().__init__()
        self.loop = SteppedLoop()
        self.requests = []
        self.clouds = []
        self.ran_before = {}

    @initialize(limit=LIMITS, rates=st.lists(RATES, min_size=1, max_size=3))
    def begin(self, limit, rates):
        """Start with some clouds, with and without rate limits."""
        self.scheduler = RequestScheduler(limit, FIRST_WINDOW)
        self.changed = False
        self.clouds = [(self.scheduler.cloud(rate), rate) for rate in rates]

    @rule(data=st.data(), projects=st.lists(PROJECTS, min_size=1, max_size=8))
    def start(self, data, projects):
        """Many requests start at once."""
        cloud, _ = data.draw(st.sampled_from(self.clouds))
        for project in projects:
            self.start_one(cloud, project)
        self.loop.step()

    def start_one(self, cloud, project):
        """A request starts, and waits for the loop to run it."""
        request = Request(cloud, project)
        request.answer = self.loop.create_future()
        request.task = self.loop.create_task(request.run())
        self.requests.append(request)
        return request

    @rule(data=st.data())
    def one_tick(self, data):
        """Some requests end, fail, are canceled or start, all in the same tick."""
        actions = st.sampled_from(
            ["answer", "answer", "throttle", "fail", "cancel", "cancel", "start"]
        )
        for action in data.draw(st.lists(actions, max_size=12)):
            if action == "start":
                cloud, _ = data.draw(st.sampled_from(self.clouds))
                self.start_one(cloud, "a")
            elif self.requests:
                self.act(action, data.draw(st.sampled_from(self.requests)))
        self.loop.step()

    def act(self, action, request):
        """Apply an action to a request, in this tick."""
        if action == "cancel":
            request.task.cancel()
        elif request.running and not request.answer.done():
            if action == "fail":
                request.answer.set_exception(ConnectionError())
            else:
                request.answer.set_result(
                    "throttled" if action == "throttle" else "succeeded"
                )

    @rule()
    def answer_and_cancel_those_who_get_the_slots(self):
        """All in flight are answered; requests that get their slots are canceled."""
        for request in self.requests:
            self.act("answer", request)
        self.loop.run_until_complete(one_tick())
        for request in self.requests:
            request.task.cancel()
        self.loop.step()

    @rule()
    def cancel_all(self):
        """All scrapes end at once."""
        for request in self.requests:
            request.task.cancel()
        self.loop.step()

    @rule(data=st.data(), delay=st.sampled_from([0.0, 0.3, 60.0]))
    def pause(self, data, delay):
        """A cloud is paused for a while."""
        cloud, _ = data.draw(st.sampled_from(self.clouds))
        self.loop.step(pause(cloud, delay))

    @rule(data=st.data())
    def throttle_all(self, data):
        """All in flight to a cloud are answered with 429, which counts once."""
        cloud, _ = data.draw(st.sampled_from(self.clouds))
        width = cloud.window.width
        running = [one for one in self.requests if one.running and one.cloud is cloud]
        for request in running:
            self.act("throttle", request)
        self.loop.step()
        if running:
            assert cloud.window.width <= max(width, 1)
            assert cloud.window.width >= min(width, len(running)) // 2

    @rule()
    def answer_all(self):
        """All requests in flight are answered: windows that were full grow."""
        widths = {cloud: cloud.window.width for cloud, _ in self.clouds}
        for request in self.requests:
            self.act("answer", request)
        self.loop.step()
        for cloud, width in widths.items():
            assert width <= cloud.window.width <= 2 * width + 1

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.0, 20.0]))
    def pass_time(self, seconds):
        """Time passes."""
        self.loop.advance(seconds)

    @rule(limit=LIMITS)
    def reload(self, limit):
        """A reload changes the limit."""
        self.scheduler.max_in_flight = limit
        self.changed = True
        self.loop.step()

    @rule(data=st.data(), rate=RATES)
    def replace_a_cloud(self, data, rate):
        """A cloud is closed, and another one takes its place."""
        entry = data.draw(st.sampled_from(self.clouds))
        for request in self.requests:
            if request.cloud is entry[0]:
                request.task.cancel()
        self.loop.step()
        entry[0].close()
        self.clouds.remove(entry)
        self.clouds.append((self.scheduler.cloud(rate), rate))

    @invariant()
    def slots_are_the_running_requests(self):
        """Each slot belongs to exactly one request in flight."""
        if not self.clouds:
            return
        ended = [one for one in self.requests if one.task.done()]
        assert not any(
            one.task.exception() for one in ended if not one.task.cancelled()
        )
        self.requests = [one for one in self.requests if one not in ended]
        running = [one for one in self.requests if one.running]
        assert self.scheduler.held == self.scheduler.in_flight == len(running)
        assert self.scheduler.waiting == len(self.requests) - len(running)
        if not self.changed:
            assert len(running) <= self.scheduler.max_in_flight
        for cloud, _ in self.clouds:
            current = sum(one.cloud is cloud for one in running)
            # A window that has just been halved applies to requests sent from then on.
            if current > self.ran_before.get(cloud, 0):
                assert current <= cloud.window.width
            self.ran_before[cloud] = current
            assert 1 <= cloud.window.width <= self.scheduler.max_in_flight

    @invariant()
    def nobody_waits_while_a_slot_is_free(self):
        """A request waits only for a slot, a pause or a rate limit."""
        if not self.clouds or self.scheduler.held >= self.scheduler.max_in_flight:
            return
        for cloud, rate in self.clouds:
            (paused,) = self.loop.step(is_paused(cloud))
            if rate is None and not paused and not self.changed and cloud.waiting:
                assert cloud.held >= cloud.window.width

    @invariant()
    def nothing_is_stalled(self):
        """Waiting for a rate limit or a pause is not taken for lost slots."""
        if self.clouds:
            assert self.loop.step(stalled_seconds(self.scheduler)) == [0]

    def teardown(self):
        """Whatever happened, all waiting requests are sent, and so are new ones."""
        if not self.clouds:
            return
        for cloud, _ in self.clouds:
            self.start_one(cloud, "new")
        for _ in range(3 * len(self.requests) + 10):
            self.loop.advance(2.1)
            for request in self.requests:
                self.act("answer", request)
            self.loop.step()
        left = [one for one in self.requests if not one.task.done()]
        held, waiting = self.scheduler.held, self.scheduler.waiting
        failed = [
            one.task.exception()
            for one in self.requests
            if one.task.done() and not one.task.cancelled()
        ]
        self.loop.end()
        assert not left
        assert (held, waiting) == (0, 0)
        assert not any(failed)


async def one_tick():
    """Run one iteration of the loop."""
    await asyncio.sleep(0)


async def is_paused(cloud):
    """Return whether a cloud is paused."""
    return cloud.paused_for > 0


async def stalled_seconds(scheduler):
    """Return how long requests have waited although none is in flight."""
    return scheduler.stalled_seconds


async def pause(cloud, delay):
    """Pause a cloud."""
    cloud.pause(delay)


TestScheduler = SchedulerMachine.TestCase
TestScheduler.settings = settings(
    max_examples=examples(100), stateful_step_count=30, deadline=None
)


def test_two_waiting_requests_are_canceled_in_the_same_tick():
    """Their slots were lost once: a bug that stopped the exporter."""

    async def scenario():
        scheduler = RequestScheduler(1)
        cloud = scheduler.cloud(None)
        release = asyncio.Event()

        async def request():
            async with cloud.slot("a"):
                await release.wait()

        running, *waiting = [asyncio.create_task(request()) for _ in range(3)]
        await one_tick()
        await one_tick()
        for one in (running, *waiting):
            one.cancel()
        await asyncio.wait([running, *waiting])
        release.set()
        async with asyncio.timeout(5):
            await request()
        return scheduler.held

    assert asyncio.run(scenario()) == 0
