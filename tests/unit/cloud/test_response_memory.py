"""The memory that all responses share: a state machine, and the cases it is for."""

import asyncio
import itertools

import pytest

from examples import examples
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from exporter.cloud.response_memory import (
    UNCOUNTED,
    ResponseDroppedError,
    ResponseMemory,
)


CAPACITY = 10 * UNCOUNTED
LARGEST = 8 * UNCOUNTED
SIZES = st.sampled_from([0, UNCOUNTED, 2 * UNCOUNTED, LARGEST // 2, LARGEST])
PATIENCE = 0.5


ORDER = itertools.count()


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock the test sets."""

    now = 0.0

    def time(self):
        """Return the test's time."""
        return self.now

    def slot(self, times=1):
        """Run one iteration of the loop."""
        for _ in range(times):
            self.call_soon(self.stop)
            self.run_forever()

    def settle(self):
        """Run the loop until nothing is ready."""
        self.slot(60)


class Response:
    """A response being read: it grows and ends when the test says so."""

    def __init__(self, memory):
        self.memory = memory
        self.wishes = asyncio.Queue()
        self.share = None
        self.asked = 0
        self.outcome = None
        self.task = asyncio.ensure_future(self.read())

    async def read(self):
        """Read until the end, or until it is dropped."""
        try:
            async with self.memory.share() as share:
                self.share = share
                while (size := await self.wishes.get()) is not None:
                    self.asked = next(ORDER)
                    await share.grow(size)
                await share.complete()
                self.outcome = "whole"
        except ResponseDroppedError:
            self.outcome = "given up"
        except asyncio.CancelledError:
            self.outcome = "canceled"
            raise


class ResponseMemoryMachine(RuleBasedStateMachine):
    """Responses that grow, stall, end and are canceled, one by one or many at once."""

    def __init__(self):
        super().__init__()
        self.loop = Loop()
        self.loop.run_until_complete(self._start())
        self.responses = []

    async def _start(self):
        self.memory = ResponseMemory(CAPACITY, PATIENCE)

    def _run(self, function):
        async def run():
            return function()

        return self.loop.run_until_complete(run())

    @rule(count=st.integers(1, 4), size=SIZES)
    def start(self, count, size):
        """Several responses arrive, with the sizes in their headers."""
        for _ in range(count):
            response = self._run(lambda: Response(self.memory))
            response.wishes.put_nowait(size)
            self.responses.append(response)

    @rule(data=st.data(), size=SIZES)
    def grow(self, data, size):
        """A response grows."""
        if self.responses:
            one = data.draw(st.sampled_from(self.responses))
            one.wishes.put_nowait(size)

    @rule(data=st.data())
    def end(self, data):
        """Some responses are complete."""
        if self.responses:
            for one in data.draw(st.sets(st.sampled_from(self.responses))):
                one.wishes.put_nowait(None)

    @rule(turns=st.integers(1, 4))
    def slot(self, turns):
        """The loop runs a few iterations, so that something is half done."""
        self.loop.slot(turns)

    @rule(data=st.data())
    def cancel(self, data):
        """Some are canceled in one tick, including those that just got memory."""
        if self.responses:
            for one in data.draw(st.sets(st.sampled_from(self.responses))):
                one.task.cancel()

    @rule(turns=st.integers(0, 12))
    def cancel_those_just_given_memory(self, turns):
        """Holders of memory end, and those that waited are canceled just after."""
        self.settle()
        waited = [one for one in self.responses if one.share and one.share.wanted]
        for one in self.responses:
            if one not in waited:
                one.wishes.put_nowait(None)
        self.loop.slot(turns)
        for one in waited:
            one.task.cancel()
        self.settle()

    @rule(seconds=st.sampled_from([0.1, PATIENCE, 2 * PATIENCE]))
    def wait(self, seconds):
        """Time passes."""
        self.loop.now += seconds
        self.settle()

    @rule()
    def settle(self):
        """Everything runs that can: then no response waits while there is memory."""
        self.loop.settle()
        self.responses = [one for one in self.responses if not one.task.done()]
        shares = [one.share for one in self.responses if one.share is not None]
        assert self.memory.used == sum(share.size for share in shares)
        waiting = [one for one in self.responses if one.share and one.share.wanted]
        assert len(waiting) == self.memory.waiting
        if waiting:
            first = min(waiting, key=lambda one: one.asked)
            assert self.memory.used + first.share.wanted > self.memory.capacity
            # The oldest holder of memory never waits, so some response makes progress.
            holding = [one for one in self.responses if one.share and one.share.size]
            assert holding[0] not in waiting

    @invariant()
    def never_more_than_there_is(self):
        """The memory in use is between 0 and the total plus one response."""
        assert 0 <= self.memory.used <= self.memory.capacity + 2 * LARGEST

    def teardown(self):
        """Whatever happened, all responses end, and new ones are read."""
        for one in self.responses:
            one.wishes.put_nowait(None)
        for _ in range(50):
            self.loop.settle()
            if all(one.task.done() for one in self.responses):
                break
            self.loop.now += PATIENCE
        assert all(one.task.done() for one in self.responses)
        assert (self.memory.used, self.memory.waiting) == (0, 0)
        last = self._run(lambda: Response(self.memory))
        last.wishes.put_nowait(LARGEST)
        last.wishes.put_nowait(None)
        self.loop.settle()
        assert last.outcome == "whole"
        self.loop.close()


TestMemory = ResponseMemoryMachine.TestCase
TestMemory.settings = settings(
    max_examples=examples(60), stateful_step_count=30, deadline=None
)


async def settled():
    """Run everything that is ready."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.slow
async def test_a_stalled_response_is_dropped():
    """When ten responses hold all memory and stall, another one is still read."""
    memory = ResponseMemory(CAPACITY, 0.05)
    stalled = [Response(memory) for _ in range(10)]
    for one in stalled:
        one.wishes.put_nowait(LARGEST // 2)
    await settled()
    assert memory.waiting
    quick = Response(memory)
    quick.wishes.put_nowait(LARGEST)
    quick.wishes.put_nowait(None)
    await asyncio.wait([quick.task], timeout=10)

    assert quick.outcome == "whole"
    assert {one.outcome for one in stalled} <= {None, "given up"}
    for one in stalled:
        one.task.cancel()
    await asyncio.wait([one.task for one in stalled])
    assert memory.used == 0


async def test_responses_that_wait_for_each_other_finish():
    """When all hold memory and want more, they finish one after the other."""
    memory = ResponseMemory(4 * CAPACITY, 60.0)
    responses = [Response(memory) for _ in range(40)]
    for one in responses:
        one.wishes.put_nowait(2 * UNCOUNTED)
        one.wishes.put_nowait(LARGEST)
        one.wishes.put_nowait(None)
    await asyncio.wait([one.task for one in responses], timeout=10)

    outcomes = [one.outcome for one in responses]
    assert set(outcomes) == {"whole"}
    assert memory.used == 0


@pytest.mark.parametrize("size", [0, UNCOUNTED])
async def test_small_ones_never_wait(size):
    """A small response never waits for memory, even if it is all in use."""
    memory = ResponseMemory(UNCOUNTED, 60.0)
    large, small = Response(memory), Response(memory)
    large.wishes.put_nowait(2 * UNCOUNTED)
    await settled()
    assert memory.used == memory.capacity
    small.wishes.put_nowait(size)
    small.wishes.put_nowait(None)
    await asyncio.wait([small.task], timeout=10)
    assert small.outcome == "whole"
    large.wishes.put_nowait(None)
    await large.task


async def test_large_ones_are_decoded_one_per_turn():
    """However many responses end together, the loop runs between any two decodings."""
    memory = ResponseMemory(100 * UNCOUNTED)
    turns, ended = 0, []

    async def read():
        async with memory.share() as share:
            await share.grow(2 * UNCOUNTED)
            await share.complete()
        ended.append(turns)

    readers = [asyncio.create_task(read()) for _ in range(20)]
    while not all(task.done() for task in readers):
        turns += 1
        await asyncio.sleep(0)

    assert len(set(ended)) == len(ended) == 20
