"""Request slots: how many at once, how fast, and for which project."""

import asyncio
import sys
import threading

import pytest

from stepped import SteppedLoop

from exporter.cloud.rate_limit import TokenBucket
from exporter.cloud.scheduler import RequestScheduler
from exporter.config import RateLimit
from exporter.deadline import Deadline


class Requests:
    """Requests that hold their slots until the test releases them."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.order = []
        self.holding = []

    async def request(self, project):
        """Wait for a slot, and hold it."""
        async with self.cloud.slot(project) as slot:
            self.order.append(project)
            release = asyncio.get_running_loop().create_future()
            self.holding.append(release)
            match await release:
                case "throttled":
                    slot.throttled()
                case "succeeded":
                    slot.succeeded()

    def start(self, *projects):
        """Start a request for each project."""
        return [asyncio.create_task(self.request(project)) for project in projects]

    async def finish(self, tasks):
        """End all requests, one after the other; return their order."""
        while not all(task.done() for task in tasks):
            await settle()
            self.release()
        return self.order

    def release(self, outcome=None):
        """End the request that has held its slot the longest."""
        while self.holding:
            release = self.holding.pop(0)
            if not release.cancelled() and not release.done():
                release.set_result(outcome)
                return


async def settle():
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_than_allowed_at_once():
    """`max_concurrent_requests` is a limit across clouds."""
    scheduler = RequestScheduler(3)
    first, second = Requests(scheduler.cloud(None)), Requests(scheduler.cloud(None))
    tasks = first.start(*"aaaaa")
    others = second.start(*"bbbbb")
    await settle()

    assert len(first.order) + len(second.order) == 3
    await asyncio.gather(first.finish(tasks), second.finish(others))


async def test_projects_take_turns():
    """A project with a hundred pages does not starve one with a single page."""
    requests = Requests(RequestScheduler(1).cloud(None))
    tasks = requests.start(*["large"] * 100, "small")

    order = await requests.finish(tasks)

    assert order.index("small") <= 2
    assert len(order) == 101


async def test_logins_go_first():
    """Logins go first, since a project cannot go on without one."""
    requests = Requests(RequestScheduler(2).cloud(None))
    tasks = requests.start(*"abcabcabc", None, None, *"abc", None)

    order = await requests.finish(tasks)

    assert order[:2] == ["a", "b"]
    assert order[2:5] == [None] * 3
    assert "".join(order[5:]) == "cabcabcabc"


async def test_clouds_take_turns():
    """A cloud with many requests does not starve another."""
    scheduler = RequestScheduler(1)
    first, second = Requests(scheduler.cloud(None)), Requests(scheduler.cloud(None))
    tasks, others = first.start(*["a"] * 50), second.start("b")
    await settle()
    first.release()
    await settle()

    assert second.order == ["b"]
    await second.finish(others)
    assert len(await first.finish(tasks)) == 50


async def test_a_canceled_request_frees_its_place():
    """A canceled request frees its place, waiting or in flight."""
    requests = Requests(RequestScheduler(1).cloud(None))
    running, waiting, last = requests.start("a", "b", "c")
    await settle()
    waiting.cancel()
    await settle()
    running.cancel()
    await settle()

    assert requests.order == ["a", "c"]
    await requests.finish([last])


async def test_a_request_canceled_when_it_gets_its_slot_frees_it():
    """A slot given to a request that is canceled goes to the next one."""
    requests = Requests(RequestScheduler(1).cloud(None))
    first, second, third = requests.start("a", "b", "c")
    await settle()
    requests.holding[0].set_result(None)
    await first
    second.cancel()
    await settle()

    assert requests.order[-1] == "c"
    await requests.finish([third])


async def test_throttling_slows_the_whole_cloud_down():
    """After a 429 nothing is sent during the pause, and fewer at once afterwards."""
    cloud = RequestScheduler(8).cloud(None)
    requests = Requests(cloud)
    tasks = requests.start(*"abcdefgh")
    await settle()
    assert len(requests.order) == 8

    cloud.pause(0.02)
    later = requests.start(*"ijklmnop")
    for release in requests.holding:
        release.set_result("throttled")
    requests.holding.clear()
    await asyncio.gather(*tasks)
    await settle()
    assert len(requests.order) == 8
    assert cloud.paused_for > 0

    await until(lambda: len(requests.order) > 8)
    assert len(requests.order) - 8 == 4
    await requests.finish(later)


async def test_requests_are_counted_from_another_thread():
    """Requests can start and end while another thread counts them for the metrics."""
    scheduler = RequestScheduler(1)
    cloud = scheduler.cloud(None)
    requests = Requests(cloud)
    ended = threading.Event()

    def count():
        while not ended.is_set():
            assert cloud.waiting + cloud.in_flight >= 0

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        counting = asyncio.create_task(asyncio.to_thread(count))
        for _ in range(20):
            tasks = requests.start(*(f"p{number}" for number in range(50)))
            await settle()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        ended.set()
        await counting
    finally:
        ended.set()
        sys.setswitchinterval(interval)


async def until(condition):
    """Wait until a condition holds."""
    while not condition():  # noqa: ASYNC110 - what is watched knows no events
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("rate", "burst"), [(20.0, 40), (0.5, 1), (0.25, 3), (1000.0, 1)]
)
def test_token_bucket(rate, burst):
    """At most `burst` at once and `rate` a second on average, fractions included."""
    bucket = TokenBucket(RateLimit(requests_per_second=rate, burst=burst))
    now = 5.0
    for sent in range(burst + 50):
        wait = bucket.wait(now)
        if sent < burst:
            assert wait == 0
        now += wait + 1e-9
        assert bucket.wait(now) == pytest.approx(0, abs=1e-6)
        bucket.take()

    assert now - 5.0 == pytest.approx(50 / rate, rel=1e-3)


async def test_rate_limit_of_a_cloud():
    """Requests wait for the bucket, and a timer wakes them."""
    cloud = RequestScheduler(8).cloud(RateLimit(requests_per_second=200, burst=2))
    requests = Requests(cloud)
    started = asyncio.get_running_loop().time()
    tasks = requests.start(*"abcdef")
    await settle()
    assert len(requests.order) == 2

    await until(lambda: len(requests.order) == 6)
    assert asyncio.get_running_loop().time() - started >= 4 / 200 - 0.001
    await requests.finish(tasks)


async def test_a_deadline_is_only_extended():
    """A shared deadline is the latest of all."""
    deadline = Deadline(10)
    at = deadline.at
    deadline.extend(Deadline(5))
    assert deadline.at == at
    deadline.extend(Deadline(20))
    assert deadline.at > at


class SteppedQueue:
    """A cloud's queue on a stepped loop."""

    def __init__(self, limit, rate=None, first_window=32):
        self.loop = SteppedLoop()
        self.scheduler = RequestScheduler(limit, first_window)
        self.cloud = self.scheduler.cloud(rate)
        self.requests = Requests(self.cloud)

    def start(self, *projects):
        """Start requests, and return how many have been sent so far."""

        async def start():
            self.requests.start(*projects)

        self.loop.step(start())
        return len(self.requests.order)

    def pause(self, delay):
        """Pause the cloud."""

        async def pause():
            self.cloud.pause(delay)

        self.loop.step(pause())

    def end_all(self, outcome=None, most=None):
        """End all requests in flight, or the first `most`, in one tick."""
        for _ in range(most or len(self.requests.holding)):
            self.requests.release(outcome)
        self.loop.step()

    def paused_for(self):
        """Return the remaining seconds of the pause."""

        async def paused_for():
            return self.cloud.paused_for

        return self.loop.step(paused_for())[0]

    def sent_at_once(self):
        """Return how many requests are sent at once, and end them all."""
        before = len(self.requests.order)
        sent = self.start(*"a" * 300) - before
        while self.requests.holding:
            self.requests.release()
            self.loop.step()
        return sent


@pytest.fixture
def eight():
    """Return a queue that sends up to eight requests at once."""
    stepped = SteppedQueue(8)
    yield stepped
    stepped.loop.end()


@pytest.fixture
def many():
    """Return a queue whose window may grow to 128 requests."""
    stepped = SteppedQueue(128)
    yield stepped
    stepped.loop.end()


def test_the_window_doubles_with_each_round_trip(many):
    """The window starts at 32, and never exceeds the limit for all clouds together."""
    widths = []
    many.start(*"a" * 600)
    while len(many.requests.order) < 600:
        widths.append(many.scheduler.held)
        many.end_all("succeeded")
    many.end_all()

    assert widths[:4] == [32, 64, 128, 128]
    assert many.sent_at_once() == 128


def test_an_unused_window_does_not_grow(many):
    """An unused window does not grow: what was not tried may be too much."""
    for _ in range(40):
        many.start(*"a" * 31)
        many.end_all("succeeded")

    assert many.sent_at_once() == 32


def test_the_window_halves_once_in_a_round_trip(eight):
    """429s for all requests in flight together halve the window once."""
    eight.start(*"abcdefgh")
    eight.pause(0.5)
    eight.end_all("throttled", 3)
    eight.loop.advance(0.49)
    assert eight.start("i") == 8
    eight.loop.advance(0.02)
    # Five of the eight are still in flight, and are answered after the pause.
    assert len(eight.requests.order) == 8
    eight.end_all("throttled")
    assert len(eight.requests.order) == 9
    eight.end_all("succeeded")

    assert eight.sent_at_once() == 4


def test_a_late_success_does_not_widen_a_window_that_was_halved(eight):
    """A late success, sent in the wider window, does not widen it."""
    eight.start(*"abcdefgh")
    eight.end_all("throttled", 1)
    eight.end_all("succeeded")

    assert eight.sent_at_once() == 4


def test_the_window_halves_with_each_round_trip(eight):
    """Each round trip with a 429 halves the window, down to one."""
    widths = []
    for _ in range(4):
        eight.start(*"abcdefgh")
        eight.end_all("throttled", 1)
        while eight.requests.holding:
            eight.end_all()
        widths.append(eight.sent_at_once())

    assert widths == [4, 2, 1, 1]


def test_the_window_halves_from_the_requests_in_flight(eight):
    """A cloud that throttles the second of two requests does not get four at once."""
    eight.start("a", "b")
    eight.end_all("throttled", 1)
    eight.end_all()

    assert eight.sent_at_once() == 1


def test_after_a_429_the_window_grows_by_one_with_each_round_trip():
    """After a 429, the window grows by one with each round trip."""
    eight = SteppedQueue(8)
    eight.start(*"abcdefgh")
    eight.end_all("throttled")
    widths = []
    eight.start(*"a" * 60)
    while len(eight.requests.order) < 60:
        widths.append(eight.scheduler.held)
        eight.end_all("succeeded")
    while eight.requests.holding:
        eight.end_all()
    eight.loop.end()

    assert widths[0] == 4
    assert set(widths) == {4, 5, 6, 7, 8}
    assert widths == sorted(widths)


def test_a_smaller_limit_applies_at_once(many):
    """A smaller limit applies at once; a larger one restores the window."""
    many.scheduler.max_in_flight = 3
    assert many.sent_at_once() == 3
    many.scheduler.max_in_flight = 128
    assert many.sent_at_once() == 32


@pytest.mark.parametrize(
    ("delays", "pause"),
    [([0.3], 0.3), ([600.0], 1.0), ([0.5, 0.2], 0.5), ([0.2, 0.5], 0.5)],
)
def test_the_longest_pause_counts_up_to_a_limit(eight, delays, pause):
    """The longest pause counts, up to a limit that protects other projects."""
    for delay in delays:
        eight.pause(delay)

    assert eight.paused_for() == pytest.approx(pause)
    assert eight.start("a") == 0
    eight.loop.advance(pause + 0.001)
    assert len(eight.requests.order) == 1
    eight.requests.release()
    eight.loop.step()


def test_a_waiting_cloud_does_not_stop_another():
    """A cloud that waits, for its rate limit or a pause, does not stop another."""
    stepped = SteppedQueue(4, RateLimit(requests_per_second=0.1, burst=1))
    other = Requests(stepped.scheduler.cloud(None))
    assert stepped.start("a", "a", "a") == 1

    async def start():
        other.start("b", "b", "b")

    stepped.loop.step(start())

    assert other.order == ["b", "b", "b"]
    stepped.loop.advance(10)
    assert len(stepped.requests.order) == 1, "four are in flight"
    other.release()
    stepped.loop.step()
    assert len(stepped.requests.order) == 2
    for requests in (stepped.requests, other):
        while requests.holding:
            requests.release()
            stepped.loop.advance(10)
    stepped.loop.end()


def test_lost_slots_are_detected_and_reset(eight):
    """If requests wait although none is in flight, the slots are reset."""

    async def stalled_seconds():
        return eight.scheduler.stalled_seconds

    eight.start(*"abcdefghij")
    assert eight.loop.step(stalled_seconds()) == [0]
    eight.loop.advance(30)
    assert eight.loop.step(stalled_seconds()) == [30]
    with eight.cloud.sending():
        assert eight.loop.step(stalled_seconds()) == [0]

    async def reset():
        eight.scheduler.reset_slots()

    eight.pause(1.0)
    eight.loop.step(reset())
    assert len(eight.requests.order) == 10
    assert eight.scheduler.held == 2
    assert eight.loop.step(stalled_seconds()) == [0]
    while eight.requests.holding:
        eight.requests.release()
        eight.loop.step()
    assert eight.scheduler.held == 0


def test_a_closed_cloud_frees_its_slots(eight):
    """The slots that a closed cloud held are no longer counted."""
    other = Requests(eight.scheduler.cloud(None))
    eight.start(*"abcdefgh")
    eight.cloud.close()
    assert (eight.scheduler.held, eight.scheduler.waiting) == (0, 0)

    async def start():
        other.start("b")

    eight.loop.step(start())
    assert other.order == ["b"]
    for requests in (eight.requests, other):
        while requests.holding:
            requests.release()
            eight.loop.step()
