"""A run that several waiters share: canceled when the last one leaves."""

import asyncio

import pytest

from exporter.collection.shared_run import SharedRuns


class Work:
    """Runs that last until the test ends them."""

    def __init__(self):
        self.ends = []
        self.canceled = 0

    async def run(self, run):
        """Wait until the test ends the run."""
        end = asyncio.get_running_loop().create_future()
        self.ends.append(end)
        try:
            return f"{run.progress}: {await end}"
        except asyncio.CancelledError:
            # The cleanup of a run may take more than one tick.
            for _ in range(5):
                await asyncio.sleep(0)
            self.canceled += 1
            raise


@pytest.fixture
def work():
    """Return the work."""
    return Work()


@pytest.fixture
def runs(work):
    """Return the runs of the work."""
    return SharedRuns(work.run)


async def settle():
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def joined(runs, progress="x", waiters=1):
    """Start a run, and join it `waiters` times."""
    run = runs.start(progress)
    for _ in range(waiters):
        run.join()
    await settle()
    return run


async def test_a_run_ends_with_its_result(work, runs):
    """Until it has ended, a run can be joined, and has no result."""
    assert runs.current is None
    run = await joined(runs, "mine")
    assert runs.current is run
    assert run.is_under_way
    assert run.result is None
    work.ends[0].set_result(7)
    await run.task

    assert run.result == "mine: 7"
    assert not run.is_under_way
    assert not run.leave()
    assert not run.is_canceled
    await settle()
    assert runs.current is None


async def test_a_result_in_the_same_tick(work, runs):
    """A run that ended in this tick is not joined any more, and keeps its result."""
    run = await joined(runs)
    work.ends[0].set_result(7)
    while not run.task.done():  # noqa: ASYNC110 - not a tick later
        await asyncio.sleep(0)

    assert runs.current is None
    assert run.result == "x: 7"
    await runs.ended()


async def test_the_last_waiter_to_leave_cancels(work, runs):
    """A run is canceled when its last waiter leaves, and not joined again."""
    run = await joined(runs, waiters=3)
    assert [run.leave(), run.leave()] == [False, False]
    assert runs.current is run
    assert not run.is_canceled

    assert run.leave()
    assert run.is_canceled
    assert not run.is_under_way
    assert runs.current is None
    assert run.result is None
    await runs.ended()
    assert work.canceled == 1
    assert run.result is None


async def test_a_run_that_has_outlasted_a_waiter(work, runs):
    """Later waiters share a second run; there is no third."""
    first = await joined(runs)
    first.is_overdue = True
    assert runs.current is None
    second = await joined(runs)
    assert runs.current is second
    second.is_overdue = True
    assert runs.current is second
    assert first.is_under_way

    work.ends[0].set_result(1)
    await first.task
    await settle()
    assert runs.current is None
    third = await joined(runs)
    assert runs.current is third
    await runs.aclose()
    assert work.canceled == 2


async def test_canceled_runs_no_longer_count(work, runs):
    """A run that is canceled but has not ended makes room for a new one."""
    first, second = await joined(runs), await joined(runs)
    first.is_overdue = second.is_overdue = True
    assert runs.current is second
    second.leave()

    assert runs.current is None
    assert first.is_under_way
    await runs.aclose()


async def test_closing_waits_for_the_end(work, runs):
    """Closing cancels all runs, even those with waiters."""
    await runs.ended()
    several = [await joined(runs, waiters=2), await joined(runs)]
    await runs.aclose()

    assert work.canceled == 2
    assert all(run.is_canceled and run.task.cancelled() for run in several)
    assert runs.current is None


async def test_a_run_that_fails(work, runs):
    """The run's exception is its result, and the next run is new."""
    run = await joined(runs)
    work.ends[0].set_exception(ValueError("broken"))
    await runs.ended()

    with pytest.raises(ValueError, match="broken"):
        _ = run.result
    assert runs.current is None


async def test_when_a_run_started(runs):
    """The start is on the clock of the event loop."""
    before = asyncio.get_running_loop().time()
    run = await joined(runs)

    assert before <= run.started <= asyncio.get_running_loop().time()
    await runs.aclose()
