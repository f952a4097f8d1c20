"""
Keeps a wrong credential from locking the account.

Five wrong passwords lock an IAM user for 15 minutes, and more than five rejected
signatures an access key for five. So a credential that has not been accepted yet is
tried by one request while the others wait for its outcome, and a rejected one is not
sent again before it has changed, the cooldown is over, or the user asks for it.

Four is the bound: of requests in flight whose credential is not accepted yet, and
requests rejected within the cooldown, together. A success starts the count anew, as it
does in the cloud. A request that was given up without an answer does not count any
more: a cloud that hangs, not a wrong credential, is the usual reason, and the exporter
must go on when it is well again.
"""

from __future__ import annotations

import asyncio

from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from ...errors import CollectionError, Failure, Reason


# A request that hangs must not keep all others waiting, yet those that were sent before
# one is accepted must stay below the number that locks.
_PATIENCE_SECONDS: Final = 1.0
_MAX_UNACCEPTED: Final = 4
_YIELD_SECONDS: Final = 60.0

_CHANGED: Final = Failure(
    reason=Reason.AUTHENTICATION,
    problem="the credential changed while a request waited to use it",
    advice="wait: the next request uses the new one",
    transient=True,
)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


class Attempt:
    """One use of a credential; whoever made it says how it ended, if that is known."""

    def __init__(self, lockout_guard: LockoutGuard, secret: str, project: str) -> None:
        self._lockout_guard = lockout_guard
        self._secret = secret
        self._project = project

    def accepted(self) -> None:
        """Say that the credential was accepted."""
        if self._lockout_guard.concerns(self._secret):
            self._lockout_guard.accept()

    def rejected(self, failure: Failure) -> None:
        """Say that the credential was rejected, with `failure`."""
        if self._lockout_guard.concerns(self._secret):
            self._lockout_guard.reject(failure, self._project)


@dataclass(slots=True, eq=False)
class _Waiter:
    """Somebody who waits to be let in: for None, or for why they are not."""

    project: str
    patient_until: float
    answer: asyncio.Future[Failure | None]


class LockoutGuard:
    """
    Lets requests use a credential, one at a time until it is accepted.

    A rejected credential is not used for `cooldown_seconds`. An accepted one stays so
    for `accepted_seconds`, during which `max_in_flight` may be in flight. `now` is a
    clock that only goes forward, in seconds.
    """

    def __init__(
        self,
        *,
        cooldown_seconds: float,
        accepted_seconds: float = float("inf"),
        max_in_flight: float = float("inf"),
        now: Callable[[], float] = _loop_time,
    ) -> None:
        self._cooldown_seconds = cooldown_seconds
        self._accepted_seconds = accepted_seconds
        self._max_in_flight = max_in_flight
        self._now = now
        self._secret: str | None = None
        self._accepted_until = float("-inf")
        self._cooldown_until = float("-inf")
        self._refused_at: deque[float] = deque(maxlen=_MAX_UNACCEPTED)
        self._rejection: Failure | None = None
        self._rejected_project = ""
        self._projects: set[str] = set()
        self._in_flight = 0
        self._waiting: OrderedDict[_Waiter, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def attempt(self, secret: str, project: str) -> AsyncIterator[Attempt]:
        """
        Wait until `secret` may be used, and use it for `project`.

        Raises `CollectionError` if it was refused and has not changed since, or if it
        changes meanwhile.
        """
        self._projects.add(project)
        if not self.concerns(secret):
            self._change(secret)
        await self._enter(secret, project)
        try:
            yield Attempt(self, secret, project)
        finally:
            self._in_flight -= 1
            self._let_in()

    def concerns(self, secret: str) -> bool:
        """Return whether `secret` is the one that is tried now."""
        return secret == self._secret

    def accept(self) -> None:
        """Remember that the credential was accepted."""
        self._accepted_until = self._now() + self._accepted_seconds
        self._cooldown_until = float("-inf")
        self._refused_at.clear()
        self._let_in()

    def reject(self, failure: Failure, project: str) -> None:
        """
        Remember that the credential was rejected: it cools down, or must be accepted
        again.
        """
        now = self._now()
        self._refused_at.append(now)
        self._rejection = failure
        self._rejected_project = project
        if now >= self._accepted_until:
            self._cooldown_until = now + self._cooldown_seconds
        # Another project's success may still mean that it is accepted.
        self._accepted_until = float("-inf")
        self._let_in()

    def try_again(self) -> None:
        """Let a rejected credential be tried once more, unless that might lock."""
        self._cooldown_until = float("-inf")

    def _change(self, secret: str) -> None:
        self._secret = secret
        self._accepted_until = self._cooldown_until = float("-inf")
        self._refused_at.clear()
        # They would send the old one, whose outcome nobody looks at any more.
        while self._waiting:
            self._answer(next(iter(self._waiting)), _CHANGED)

    async def _enter(self, secret: str, project: str) -> None:
        """Wait to be let in: who leaves takes one off `_in_flight`."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(project, self._now() + _PATIENCE_SECONDS, loop.create_future())
        self._waiting[waiter] = None
        self._let_in()
        try:
            failure = await waiter.answer
        except asyncio.CancelledError:
            if waiter.answer.cancelled():
                self._waiting.pop(waiter, None)
            elif waiter.answer.result() is None:
                self._in_flight -= 1
            self._let_in()
            raise
        if failure is None:
            # Since the answer was given, in this tick, something may have been learned.
            failure = self._failure(project) if self.concerns(secret) else _CHANGED
            if failure is None:
                return
            self._in_flight -= 1
            self._let_in()
        raise CollectionError(failure)

    def _let_in(self) -> None:
        """Answer those who wait, in their order, as far as there are places."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            waiter = next(iter(self._waiting))
            failure = self._failure(waiter.project)
            if failure is None and self._in_flight >= self._places(waiter):
                wait = waiter.patient_until - self._now()
                self._timer = asyncio.get_running_loop().call_later(
                    wait if wait > 0 else _PATIENCE_SECONDS, self._let_in
                )
                return
            self._answer(waiter, failure)

    def _answer(self, waiter: _Waiter, failure: Failure | None) -> None:
        del self._waiting[waiter]
        # One that was canceled in this tick has not yet had the time to leave.
        if waiter.answer.done():
            return
        if failure is None:
            self._in_flight += 1
        waiter.answer.set_result(failure)

    def _places(self, waiter: _Waiter) -> float:
        now = self._now()
        if now < self._accepted_until:
            return self._max_in_flight
        since = now - self._cooldown_seconds
        left = _MAX_UNACCEPTED - sum(at > since for at in self._refused_at)
        return left if now >= waiter.patient_until else min(1, left)

    def _failure(self, project: str) -> Failure | None:
        """Return why `project` may not use the credential now, if so."""
        now = self._now()
        if self._rejection is None or now < self._accepted_until:
            return None
        until = self._cooldown_until
        if len(self._refused_at) == _MAX_UNACCEPTED:
            until = max(until, self._refused_at[0] + self._cooldown_seconds)
        if project == self._rejected_project and len(self._projects) > 1:
            # The rejection may be this project's own: next time, others go first.
            until += _YIELD_SECONDS
        if now >= until:
            return None
        return replace(
            self._rejection,
            problem=f"{self._rejection.problem} (not sent again for {until - now:.0f} s, "
            "so that the account is not locked)",
            transient=False,
        )
