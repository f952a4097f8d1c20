"""
Keeps a wrong credential from locking the account.

One request tries a credential that is not accepted yet while the others wait for its
outcome, first in, first out. A rejected credential is not sent again until it changes, the
cooldown is over, or the user reloads the configuration. `lockout_policy` says how many go
at a time, and why that is safe.
"""

from __future__ import annotations

import asyncio

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from ...errors import CollectionError, Failure, Reason
from .lockout_policy import LockoutLimits, LockoutPolicy, Sent


# A request that hangs must not block all others.
_PATIENCE_SECONDS: Final = 1.0

_CHANGED: Final = Failure(
    reason=Reason.AUTHENTICATION,
    problem="the credential changed while the request waited to use it",
    advice="wait: the next request uses the new one",
    transient=True,
)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _never() -> bool:
    return False


class Attempt:
    """One use of a credential; the user reports the outcome, if known."""

    def __init__(
        self, lockout_guard: LockoutGuard, secret: str, project: str, sent: Sent
    ) -> None:
        self._lockout_guard = lockout_guard
        self._secret = secret
        self._project = project
        self._sent = sent

    def accepted(self) -> None:
        """Report that the credential was accepted."""
        if self._lockout_guard.concerns(self._secret):
            self._lockout_guard.accept(self._sent)

    def rejected(self, failure: Failure) -> None:
        """Report that the credential was rejected, with `failure`."""
        if self._lockout_guard.concerns(self._secret):
            self._lockout_guard.reject(failure, self._project)


@dataclass(slots=True, eq=False)
class _Waiter:
    """A request that waits for admission; `answer` is None, or why it is denied."""

    project: str
    may_burst: Callable[[], bool]
    patient_until: float
    answer: asyncio.Future[Failure | None]


class LockoutGuard:
    """Admits requests to a credential, as far as `limits` allow."""

    def __init__(
        self, limits: LockoutLimits, now: Callable[[], float] = _loop_time
    ) -> None:
        self._limits = limits
        self._now = now
        self._secret: str | None = None
        self._policy = LockoutPolicy(limits, now)
        self._projects: set[str] = set()
        self._in_flight = 0
        self._waiting: OrderedDict[_Waiter, None] = OrderedDict()
        # Admitted, but their tasks have not run since: part of what is in flight.
        self._admitted: dict[_Waiter, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Number of requests that wait to use the credential."""
        return len(self._waiting)

    @asynccontextmanager
    async def attempt(
        self,
        secret: str,
        project: str,
        *,
        may_burst: Callable[[], bool] = _never,
        is_first: bool = False,
    ) -> AsyncIterator[Attempt]:
        """
        Wait until `secret` may be used, and use it for `project`.

        `may_burst` is asked when it is the request's turn; `is_first` puts it before all
        others. Raises `CollectionError` if `secret` is in cooldown, or changes while it
        waits.
        """
        self._projects.add(project)
        if not self.concerns(secret):
            self._change(secret)
        waiter = _Waiter(
            project,
            may_burst,
            self._now() + _PATIENCE_SECONDS,
            asyncio.get_running_loop().create_future(),
        )
        self._waiting[waiter] = None
        if is_first:
            self._waiting.move_to_end(waiter, last=False)
        # Behind another, nothing has changed.
        if waiter is next(iter(self._waiting)):
            self._admit_waiting()
        failure = await self._answer_to(waiter)
        if failure is not None:
            raise CollectionError(failure)
        try:
            yield Attempt(self, secret, project, self._policy.sent())
        finally:
            self._in_flight -= 1
            self._admit_waiting()

    def concerns(self, secret: str) -> bool:
        """Return whether `secret` is the current one."""
        return secret == self._secret

    def is_replaced_by(self, secret: str) -> bool:
        """Return whether another secret than `secret` was used last."""
        return self._secret is not None and secret != self._secret

    def accept(self, sent: Sent) -> None:
        """Record that a request was accepted."""
        self._policy.accept(sent)
        self._admit_waiting()

    def reject(self, failure: Failure, project: str) -> None:
        """Record that the credential was rejected, with `failure`."""
        self._policy.reject(failure, project)
        self._take_back()
        self._admit_waiting()

    def try_again(self) -> None:
        """End the cooldown, unless another attempt could lock the account."""
        self._policy.try_again()

    def _change(self, secret: str) -> None:
        self._secret = secret
        self._policy = LockoutPolicy(self._limits, self._now)
        # Waiting requests hold the old secret, whose outcome no longer matters.
        self._take_back()
        while self._waiting:
            self._answer(next(iter(self._waiting)), _CHANGED)

    def _take_back(self) -> None:
        """Let requests that were admitted, but not sent yet, wait again."""
        while self._admitted:
            waiter, _ = self._admitted.popitem()
            self._in_flight -= 1
            waiter.answer = asyncio.get_running_loop().create_future()
            self._waiting[waiter] = None
            self._waiting.move_to_end(waiter, last=False)

    async def _answer_to(self, waiter: _Waiter) -> Failure | None:
        """Wait for the answer; None counts in `_in_flight` until the attempt ends."""
        while True:
            answer = waiter.answer
            try:
                failure = await answer
            except asyncio.CancelledError:
                self._waiting.pop(waiter, None)
                if waiter in self._admitted:
                    del self._admitted[waiter]
                    self._in_flight -= 1
                self._admit_waiting()
                raise
            # It is another one if the answer was taken back.
            if waiter.answer is answer:
                self._admitted.pop(waiter, None)
                return failure

    def _admit_waiting(self) -> None:
        """Answer waiting requests in order, as far as the limits allow."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            waiter = next(iter(self._waiting))
            failure = self._policy.failure(
                waiter.project, is_only=len(self._projects) == 1
            )
            if failure is None and self._in_flight >= self._max_in_flight(waiter):
                wait = waiter.patient_until - self._now()
                self._timer = asyncio.get_running_loop().call_later(
                    wait if wait > 0 else _PATIENCE_SECONDS, self._admit_waiting
                )
                return
            self._answer(waiter, failure)

    def _max_in_flight(self, waiter: _Waiter) -> float:
        is_patient = self._now() < waiter.patient_until
        return self._policy.max_in_flight(waiter.may_burst, is_patient=is_patient)

    def _answer(self, waiter: _Waiter, failure: Failure | None) -> None:
        del self._waiting[waiter]
        # A waiter canceled in this tick has not removed itself yet.
        if waiter.answer.done():
            return
        if failure is None:
            self._in_flight += 1
            self._admitted[waiter] = None
        waiter.answer.set_result(failure)
