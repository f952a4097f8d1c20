"""When work in the background is repeated; no test waits for it."""

import asyncio
import contextlib

import pytest

from examples import examples
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stepped import SteppedLoop

from exporter.collection.discovery.refresher import Refresher, pause


class RefresherMachine(RuleBasedStateMachine):
    """Refreshes that end, fail and hang, clocks that move, wishes and changed secrets."""

    def __init__(self):
        super().__init__()
        self.loop = SteppedLoop()
        self.under_way = []
        self.attempts = 0
        self.failures = 0
        self.ended_at = None
        self.asked = False
        self.changed = False
        self.is_open = True
        self.loop.step(self._start())

    async def _start(self):
        self.refresher = Refresher(
            self._refresh, 3600, self._is_changed, pause=self._pause
        )

    async def _pause(self, wake, seconds):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await wake.wait()

    async def _refresh(self):
        self.attempts += 1
        self.asked = self.changed = False
        outcome = self.loop.create_future()
        self.under_way.append(outcome)
        try:
            return await outcome
        finally:
            self.under_way.remove(outcome)

    async def _is_changed(self):
        return self.changed

    @precondition(lambda self: self.under_way)
    @rule(succeeds=st.booleans())
    def end(self, succeeds):
        """A refresh ends; if another was asked for meanwhile, it starts at once."""
        asked, attempts = self.asked, self.attempts
        self.failures = 0 if succeeds else self.failures + 1
        self.ended_at = self.loop.time()
        self.under_way[0].set_result(succeeds)
        self.loop.step()
        assert self.attempts == attempts + asked
        if asked:
            self.failures = 0

    @precondition(lambda self: self.is_open)
    @rule()
    def refresh_now(self):
        """A reload asks at once, unless a refresh is under way."""
        attempts, busy = self.attempts, bool(self.under_way)
        self.asked = True
        self.refresher.refresh_now()
        self.loop.step()
        assert self.attempts == attempts + (not busy)
        if not busy:
            self.failures = 0

    @precondition(lambda self: not self.under_way and self.is_open)
    @rule()
    def change_the_secret(self):
        """It is noticed within 30 s where refreshes fail."""
        attempts = self.attempts
        self.changed = True
        self.loop.advance(30)
        if self.failures:
            assert self.attempts == attempts + 1

    @rule(seconds=st.sampled_from([1, 29, 30, 100, 3600]))
    def wait(self, seconds):
        """Time passes; the next refresh starts when it is due, and not before."""
        attempts, busy = self.attempts, bool(self.under_way)
        self.loop.advance(seconds)
        if not busy and self.is_open and not self.changed:
            due = self.ended_at + (
                min(3600, 30 * 2 ** (self.failures - 1)) if self.failures else 3600
            )
            # The rest is waited for in steps of 30 s, so a jump of the clock delays it.
            if self.loop.time() < due:
                assert self.attempts == attempts
            while not self.under_way and self.loop.time() < due + 3600:
                self.loop.advance(30)
            assert self.attempts == attempts + 1

    @rule()
    def close(self):
        """Nothing is under way afterwards, and nothing starts any more."""
        self.is_open = False
        self.loop.step(self.refresher.aclose())
        assert not self.under_way

    @invariant()
    def one_at_a_time(self):
        """Never two refreshes; while it is open, one is under way or is waited for."""
        assert len(self.under_way) <= 1
        assert len(self.loop.tasks()) == (1 if self.is_open else 0)

    def teardown(self):
        """Close it."""
        self.loop.step(self.refresher.aclose())
        self.loop.end()


TestRefresher = RefresherMachine.TestCase
TestRefresher.settings = settings(max_examples=examples(60), stateful_step_count=30)


@pytest.fixture
async def recorded():
    """Return a function that starts a refresher, and the pauses that it made so far."""
    pauses, started = [], []

    def start(outcomes, interval, changed=()):
        outcomes, changed = iter(outcomes), iter(changed)
        done = asyncio.Event()

        async def refresh():
            try:
                return next(outcomes)
            except StopIteration:
                done.set()
                return await asyncio.Event().wait()

        async def is_changed():
            return next(changed, False)

        async def pause(wake, seconds):
            pauses.append(seconds)

        started.append(Refresher(refresh, interval, is_changed, pause=pause))
        return done, pauses

    yield start
    for refresher in started:
        await refresher.aclose()


async def test_the_pauses_after_failures(recorded):
    """They double from 30 s up to the interval; a success begins anew."""
    done, pauses = recorded([True, False, False, False, False, True, False], 100)
    await done.wait()

    assert pauses == [100, 30, 30, 30, *[30, 30, 30, 10] * 2, 100, 30]


async def test_an_interval_shorter_than_the_first_pause(recorded):
    """The pauses after failures are no longer than it."""
    done, pauses = recorded([False, False, True], 10)
    await done.wait()

    assert pauses == [10, 10, 10]


def test_the_pauses_vary():
    """By a tenth at most, so that exporters do not ask at the same time."""
    loop = SteppedLoop()
    pauses = [loop.create_task(pause(asyncio.Event(), 1000)) for _ in range(100)]
    loop.step()
    loop.advance(899)
    assert not any(each.done() for each in pauses)
    loop.advance(101)
    assert 0 < sum(each.done() for each in pauses) < 100
    loop.advance(101)
    assert all(each.done() for each in pauses)
    loop.end()


async def test_a_changed_secret_ends_a_long_pause(recorded):
    """It may be the right one now."""
    done, pauses = recorded([False] * 4, 3600, changed=[False] * 4 + [True])
    await done.wait()

    assert pauses == [30, 30, 30, 30, 30, *[30] * 8]


async def test_years_of_failures(recorded):
    """The pauses do not grow beyond the interval."""
    done, pauses = recorded([False] * 2000, 30)
    await done.wait()

    assert set(pauses) == {30}


async def test_the_first_attempt_can_be_waited_for():
    """It has ended even if it has failed."""
    outcome = asyncio.get_running_loop().create_future()

    async def refresh():
        return await outcome

    async def is_changed():
        return False

    refresher = Refresher(refresh, 3600, is_changed)
    waiting = asyncio.create_task(refresher.attempted())
    await asyncio.sleep(0)
    assert not waiting.done()
    outcome.set_result(False)
    await waiting
    await refresher.aclose()
