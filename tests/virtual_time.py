"""An event loop whose clock moves only when a test says so."""

import asyncio


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that waits for nothing: timers run when `advance` reaches them."""

    def __init__(self):
        super().__init__()
        self._now = 1000.0

    def time(self):
        """Return the virtual time."""
        return self._now

    def settle(self):
        """Let every task run until it waits for something."""
        self.run_until_complete(_settle())

    def call(self, function, *arguments):
        """Return what a function returns that needs a running event loop."""

        async def called():
            return function(*arguments)

        return self.run_until_complete(called())

    def advance(self, seconds):
        """Let time pass, timer by timer."""
        end = self._now + seconds
        while True:
            due = min((one.when() for one in self._scheduled), default=end)
            self._now = max(self._now, min(due, end))
            self.settle()
            if due >= end:
                break
        self._now = end

    def end(self):
        """Cancel what still runs, and close."""
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run_until_complete(asyncio.wait(tasks))
        self.close()


async def _settle():
    for _ in range(20):
        await asyncio.sleep(0)
