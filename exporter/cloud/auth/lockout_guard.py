"""
Keeps a wrong credential from locking the account.

Five wrong passwords lock an IAM user for 15 minutes, and more than five rejected
signatures lock an access key for five. So one request tries a credential that is not
accepted yet while the others wait for its outcome. A rejected credential is not sent
again until it changes, the cooldown is over, or the user reloads the configuration.

At most four requests may be in flight with a credential that is not accepted yet or
rejected within the cooldown, in total. A success resets the count, as it does in the
cloud. A request that ends without a response does not count: the usual cause is a cloud
that hangs, not a wrong credential, and the exporter must continue when it recovers.
"""

from __future__ import annotations

import asyncio

from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from ...errors import CollectionError, Failure, Reason


# A request that hangs must not block all others, but the number of unaccepted requests
# must stay below the limit that locks.
_PATIENCE_SECONDS: Final = 1.0
_MAX_UNACCEPTED: Final = 4
_YIELD_SECONDS: Final = 60.0

_CHANGED: Final = Failure(
    reason=Reason.AUTHENTICATION,
    problem="the credential changed while the request waited to use it",
    advice="wait: the next request uses the new one",
    transient=True,
)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


class Attempt:
    """One use of a credential; the user reports the outcome, if known."""

    def __init__(self, lockout_guard: LockoutGuard, secret: str, project: str) -> None:
        self._lockout_guard = lockout_guard
        self._secret = secret
        self._project = project

    def accepted(self) -> None:
        """Report that the credential was accepted."""
        if self._lockout_guard.concerns(self._secret):
            self._lockout_guard.accept()

    def rejected(self, failure: Failure) -> None:
        """Report that the credential was rejected, with `failure`."""
        if self._lockout_guard.concerns(self._secret):
            self._lockout_guard.reject(failure, self._project)


@dataclass(slots=True, eq=False)
class _Waiter:
    """A request that waits for admission; `answer` is None, or why it is denied."""

    project: str
    patient_until: float
    answer: asyncio.Future[Failure | None]


class LockoutGuard:
    """
    Admits requests to a credential, one at a time until it is accepted.

    A rejected credential is not used for `cooldown_seconds`. An accepted one counts as
    accepted for `accepted_seconds`, with up to `max_in_flight` requests in flight. `now`
    is a monotonic clock, in seconds.
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
        self._was_accepted = False
        self._cooldown_until = float("-inf")
        self._rejected_at: deque[float] = deque(maxlen=_MAX_UNACCEPTED)
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

        Raises `CollectionError` if `secret` is in cooldown, or changes while it waits.
        """
        self._projects.add(project)
        if not self.concerns(secret):
            self._change(secret)
        await self._enter(secret, project)
        try:
            yield Attempt(self, secret, project)
        finally:
            self._in_flight -= 1
            self._admit_waiting()

    def concerns(self, secret: str) -> bool:
        """Return whether `secret` is the current one."""
        return secret == self._secret

    def is_replaced_by(self, secret: str) -> bool:
        """Return whether another secret than `secret` was used last."""
        return self._secret is not None and secret != self._secret

    def accept(self) -> None:
        """Record that the credential was accepted."""
        self._accepted_until = self._now() + self._accepted_seconds
        self._was_accepted = True
        self._cooldown_until = float("-inf")
        self._rejected_at.clear()
        self._admit_waiting()

    def reject(self, failure: Failure, project: str) -> None:
        """
        Record a rejection: the cooldown starts, or, if the last outcome was that the
        credential was accepted, it must be accepted again.
        """
        now = self._now()
        self._rejected_at.append(now)
        self._rejection = failure
        self._rejected_project = project
        if not self._was_accepted:
            self._cooldown_until = now + self._cooldown_seconds
        # It may be this project's fault: another project's success accepts it again.
        self._was_accepted = False
        self._accepted_until = float("-inf")
        self._admit_waiting()

    def try_again(self) -> None:
        """End the cooldown, unless another attempt could lock the account."""
        self._cooldown_until = float("-inf")

    def _change(self, secret: str) -> None:
        self._secret = secret
        self._was_accepted = False
        self._accepted_until = self._cooldown_until = float("-inf")
        self._rejected_at.clear()
        # Waiting requests hold the old secret, whose outcome no longer matters.
        while self._waiting:
            self._answer(next(iter(self._waiting)), _CHANGED)

    async def _enter(self, secret: str, project: str) -> None:
        """Wait for admission, which counts in `_in_flight` until the attempt ends."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(project, self._now() + _PATIENCE_SECONDS, loop.create_future())
        self._waiting[waiter] = None
        self._admit_waiting()
        try:
            failure = await waiter.answer
        except asyncio.CancelledError:
            if waiter.answer.cancelled():
                self._waiting.pop(waiter, None)
            elif waiter.answer.result() is None:
                self._in_flight -= 1
            self._admit_waiting()
            raise
        if failure is None:
            # The state may have changed between the answer and this task's resumption.
            failure = self._failure(project) if self.concerns(secret) else _CHANGED
            if failure is None:
                return
            self._in_flight -= 1
            self._admit_waiting()
        raise CollectionError(failure)

    def _admit_waiting(self) -> None:
        """Answer waiting requests in order, as far as the limits allow."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            waiter = next(iter(self._waiting))
            failure = self._failure(waiter.project)
            if failure is None and self._in_flight >= self._free_places(waiter):
                wait = waiter.patient_until - self._now()
                self._timer = asyncio.get_running_loop().call_later(
                    wait if wait > 0 else _PATIENCE_SECONDS, self._admit_waiting
                )
                return
            self._answer(waiter, failure)

    def _answer(self, waiter: _Waiter, failure: Failure | None) -> None:
        del self._waiting[waiter]
        # A waiter canceled in this tick has not removed itself yet.
        if waiter.answer.done():
            return
        if failure is None:
            self._in_flight += 1
        waiter.answer.set_result(failure)

    def _free_places(self, waiter: _Waiter) -> float:
        now = self._now()
        if now < self._accepted_until:
            return self._max_in_flight
        since = now - self._cooldown_seconds
        left = _MAX_UNACCEPTED - sum(at > since for at in self._rejected_at)
        return left if now >= waiter.patient_until else min(1, left)

    def _failure(self, project: str) -> Failure | None:
        """Return why `project` may not use the credential now, or None if it may."""
        now = self._now()
        if self._rejection is None or now < self._accepted_until:
            return None
        until = self._cooldown_until
        if len(self._rejected_at) == _MAX_UNACCEPTED:
            until = max(until, self._rejected_at[0] + self._cooldown_seconds)
        if project == self._rejected_project and len(self._projects) > 1:
            # The project itself may be the cause: let others try first.
            until += _YIELD_SECONDS
        if now >= until:
            return None
        return replace(
            self._rejection,
            consequence=f"not sent again for {until - now:.0f} s, so that the account is "
            "not locked",
            transient=False,
        )
