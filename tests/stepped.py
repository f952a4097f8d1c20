"""An event loop whose clock the test sets, for state machines."""

from __future__ import annotations

import asyncio


class UnexpectedError(Exception):
    """An unexpected exception that a state machine raises on purpose."""


class SteppedLoop(asyncio.SelectorEventLoop):
    """
    An event loop that runs until every task waits.

    Its clock stops between steps. `errors` has the unhandled exceptions, except for an
    `UnexpectedError`: state machines raise these in tasks that nobody awaits any more.
    """

    def __init__(self):
        self._now = 1000.0
        super().__init__()
        self.errors = []
        self.set_exception_handler(lambda _, context: self._failed(context))

    def time(self):
        """Return the test's time."""
        return self._now

    def step(self, *coroutines):
        """Run coroutines, and everything they wake, until every task waits."""
        return self.run_until_complete(self._step(coroutines))

    def pass_time(self, seconds):
        """Advance the clock without running any task."""
        self._now += seconds

    def advance(self, seconds):
        """Advance the clock, and run what is due."""
        self.pass_time(seconds)
        self.step()

    def tasks(self):
        """Return the tasks that have not ended."""
        return asyncio.all_tasks(self)

    def end(self):
        """Close the loop; fails if a task is left, or an exception was not handled."""
        left = self.tasks()
        for task in left:
            task.cancel()
        self.step()
        self.run_until_complete(self.shutdown_asyncgens())
        self.close()
        assert not left
        assert not self.errors

    def _failed(self, context):
        if not isinstance(context.get("exception"), UnexpectedError):
            self.errors.append(context)

    async def _step(self, coroutines):
        tasks = [self.create_task(coroutine) for coroutine in coroutines]
        await asyncio.sleep(0)
        while self._ready:  # noqa: ASYNC110 - what is watched knows no events
            await asyncio.sleep(0)
        # A task that needs a later step would never end.
        assert all(task.done() for task in tasks)
        return [task.result() for task in tasks]
