"""An event loop whose time a test moves, for machines that check after every step."""

from __future__ import annotations

import asyncio


class UnexpectedError(Exception):
    """What nobody thought of: a machine lets it happen."""


class SteppedLoop(asyncio.SelectorEventLoop):
    """
    An event loop that runs until everything waits, and no further.

    Its clock stands still between steps; what goes wrong unseen is in `errors`, apart
    from an `UnexpectedError`: that is the machine's own, for which nobody waited any more.
    """

    def __init__(self):
        self._now = 1000.0
        super().__init__()
        self.errors = []
        self.set_exception_handler(lambda _, context: self._failed(context))

    def time(self):
        """Return the time that the test made it."""
        return self._now

    def step(self, *coroutines):
        """Run these, and all that they wake, until everything waits."""
        return self.run_until_complete(self._step(coroutines))

    def pass_time(self, seconds):
        """Let time pass, also while something runs."""
        self._now += seconds

    def advance(self, seconds):
        """Let time pass, and everything happen that then is due."""
        self.pass_time(seconds)
        self.step()

    def tasks(self):
        """Return the tasks that have not ended."""
        return asyncio.all_tasks(self)

    def end(self):
        """Close the loop; nothing may be left running, or have gone wrong unseen."""
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
        # Who waits for something that only a later step brings would wait for ever.
        assert all(task.done() for task in tasks)
        return [task.result() for task in tasks]
