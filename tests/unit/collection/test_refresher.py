"""When work in the background is repeated; no test waits for real pauses."""

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
    """Refreshes that end, fail and hang, while clocks and secrets change."""

    def __init__(self):
        super().__init__()
        self.loop = SteppedLoop()
        self.running = []
        self.attempts = 0
        self.failures = 0
        self.ended_at = None
        self.requested = False
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
        self.requested = self.changed = False
        outcome = self.loop.create_future()
        self.running.append(outcome)
        try:
            return await outcome
        finally:
            self.running.remove(outcome)

    async def _is_changed(self):
        return self.changed

    @precondition(lambda self: self.running)
    @rule(succeeds=st.booleans())
    def end(self, succeeds):
        """A refresh ends; one requested in the meantime starts at once."""
        requested, attempts = self.requested, self.attempts
        self.failures = 0 if succeeds else self.failures + 1
        self.ended_at = self.loop.time()
        self.running[0].set_result(succeeds)
        self.loop.step()
        assert self.attempts == attempts + requested
        if requested:
            self.failures = 0

    @precondition(lambda self: self.is_open)
    @rule()
    def refresh_now(self):
        """A reload requests a refresh, which starts at once unless one is running."""
        attempts, busy = self.attempts, bool(self.running)
        self.requested = True
        self.refresher.refresh_now()
        self.loop.step()
        assert self.attempts == attempts + (not busy)
        if not busy:
            self.failures = 0

    @precondition(lambda self: not self.running and self.is_open)
    @rule()
    def change_the_secret(self):
        """While refreshes fail, a changed secret is noticed within 30 s."""
        attempts = self.attempts
        self.changed = True
        self.loop.advance(30)
        if self.failures:
            assert self.attempts == attempts + 1

    @rule(seconds=st.sampled_from([1, 29, 30, 100, 3600]))
    def wait(self, seconds):
        """Time passes; the next refresh starts when it is due, and not before."""
        attempts, busy = self.attempts, bool(self.running)
        self.loop.advance(seconds)
        if not busy and self.is_open and not self.changed:
            due = self.ended_at + (
                min(3600, 30 * 2 ** (self.failures - 1)) if self.failures else 3600
            )
            # A pause goes in steps of 30 s, so a jump of the clock delays it.
            if self.loop.time() < due:
                assert self.attempts == attempts
            while not self.running and self.loop.time() < due + 3600:
                self.loop.advance(30)
            assert self.attempts == attempts + 1

    @rule()
    def close(self):
        """After closing, no refresh is running, and none starts."""
        self.is_open = False
        self.loop.step(self.refresher.aclose())
        assert not self.running

    @invariant()
    def one_at_a_time(self):
        """At most one refresh is running; the task ends with closing."""
        assert len(self.running) <= 1
        assert len(self.loop.tasks()) == (1 if self.is_open else 0)

    def teardown(self):
        """Close the refresher."""
        self.loop.step(self.refresher.aclose())
        self.loop.end()


TestRefresher = RefresherMachine.TestCase
TestRefresher.settings = settings(max_examples=examples(60), stateful_step_count=30)


@pytest.fixture
async def recorded():
    """Return a function that starts a refresher, and returns its pauses so far."""
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
    """Pauses double from 30 s up to the interval; a success starts over."""
    done, pauses = recorded([True, False, False, False, False, True, False], 100)
    await done.wait()

    assert pauses == [100, 30, 30, 30, *[30, 30, 30, 10] * 2, 100, 30]


async def test_an_interval_shorter_than_the_first_pause(recorded):
    """Pauses after failures are no longer than the interval."""
    done, pauses = recorded([False, False, True], 10)
    await done.wait()

    assert pauses == [10, 10, 10]


def test_the_pauses_vary():
    """Pauses vary by a tenth at most, so that exporters do not all ask at once."""
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
    """A changed secret ends a long pause, since it may be the right one."""
    done, pauses = recorded([False] * 4, 3600, changed=[False] * 4 + [True])
    await done.wait()

    assert pauses == [30, 30, 30, 30, 30, *[30] * 8]


async def test_years_of_failures(recorded):
    """Pauses do not grow beyond the interval."""
    done, pauses = recorded([False] * 2000, 30)
    await done.wait()

    assert set(pauses) == {30}


async def test_the_first_attempt_can_be_waited_for():
    """The first attempt ends the wait, even if it fails."""
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
