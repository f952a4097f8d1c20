"""
Keeps a wrong credential from locking the account.

Five wrong passwords lock an IAM user for 15 minutes, and more than five refused
signatures an access key for five. So a credential that has not proved itself is tried
by one request while the others wait for its outcome, and one that was refused is not
sent again before it has changed, the lock's time is over, or the user asks for it.

Four is the bound: of requests in flight whose credential is not proved, and requests
refused within the lock's time, together. A success starts the count anew, as it does in
the cloud. A request that was given up without an answer does not count any more: a cloud
that hangs, not a wrong credential, is the usual reason, and the exporter must go on when
it is well again.
"""

from __future__ import annotations

import asyncio

from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from ..errors import CollectionError, Failure, Reason


# A request that hangs must not keep all others waiting, yet those that were sent
# untried must stay below the number that locks.
_PATIENCE_SECONDS: Final = 1.0
_MOST_UNPROVED: Final = 4
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

    def __init__(self, trial: Trial, secret: str, party: str) -> None:
        self._trial = trial
        self._secret = secret
        self._party = party

    def proved(self) -> None:
        """Say that the credential was accepted."""
        if self._trial.concerns(self._secret):
            self._trial.prove()

    def refused(self, failure: Failure) -> None:
        """Say that the credential was refused, as `failure` tells."""
        if self._trial.concerns(self._secret):
            self._trial.refuse(failure, self._party)


@dataclass(slots=True, eq=False)
class _Waiter:
    """Somebody who waits to be let in: for None, or for why they are not."""

    party: str
    patient_until: float
    answer: asyncio.Future[Failure | None]


class Trial:
    """
    Lets requests use a credential, one at a time until it has proved itself.

    `lock_seconds` is how long a refused credential rests. A proof lasts for
    `proof_seconds`, and `most` may be in flight while it does. `now` is a clock that
    only goes forward, in seconds.
    """

    def __init__(
        self,
        *,
        lock_seconds: float,
        proof_seconds: float = float("inf"),
        most: float = float("inf"),
        now: Callable[[], float] = _loop_time,
    ) -> None:
        self._lock_seconds = lock_seconds
        self._proof_seconds = proof_seconds
        self._most = most
        self._now = now
        self._secret: str | None = None
        self._proved_until = float("-inf")
        self._rests_until = float("-inf")
        self._refused_at: deque[float] = deque(maxlen=_MOST_UNPROVED)
        self._refusal: Failure | None = None
        self._refused_party = ""
        self._parties: set[str] = set()
        self._in_flight = 0
        self._waiting: OrderedDict[_Waiter, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def attempt(self, secret: str, party: str) -> AsyncIterator[Attempt]:
        """
        Wait until `secret` may be used, and use it for `party`.

        Raises `CollectionError` if it was refused and has not changed since, or if it
        changes meanwhile.
        """
        self._parties.add(party)
        if not self.concerns(secret):
            self._change(secret)
        await self._enter(secret, party)
        try:
            yield Attempt(self, secret, party)
        finally:
            self._in_flight -= 1
            self._let_in()

    def concerns(self, secret: str) -> bool:
        """Tell whether `secret` is the one that is tried now."""
        return secret == self._secret

    def prove(self) -> None:
        """Remember that the credential was accepted."""
        self._proved_until = self._now() + self._proof_seconds
        self._rests_until = float("-inf")
        self._refused_at.clear()
        self._let_in()

    def refuse(self, failure: Failure, party: str) -> None:
        """Remember that the credential was refused: it rests, or must prove itself."""
        now = self._now()
        self._refused_at.append(now)
        self._refusal = failure
        self._refused_party = party
        if now >= self._proved_until:
            self._rests_until = now + self._lock_seconds
        # Another project's success may still prove it again.
        self._proved_until = float("-inf")
        self._let_in()

    def try_again(self) -> None:
        """Let a refused credential be tried once more, unless that might lock."""
        self._rests_until = float("-inf")

    def _change(self, secret: str) -> None:
        self._secret = secret
        self._proved_until = self._rests_until = float("-inf")
        self._refused_at.clear()
        # They would send the old one, whose outcome nobody looks at any more.
        while self._waiting:
            self._answer(next(iter(self._waiting)), _CHANGED)

    async def _enter(self, secret: str, party: str) -> None:
        """Wait to be let in: who leaves takes one off `_in_flight`."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(party, self._now() + _PATIENCE_SECONDS, loop.create_future())
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
            failure = self._failure(party) if self.concerns(secret) else _CHANGED
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
            failure = self._failure(waiter.party)
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
        if now < self._proved_until:
            return self._most
        since = now - self._lock_seconds
        left = _MOST_UNPROVED - sum(at > since for at in self._refused_at)
        return left if now >= waiter.patient_until else min(1, left)

    def _failure(self, party: str) -> Failure | None:
        """Return why `party` may not use the credential now, if so."""
        now = self._now()
        if self._refusal is None or now < self._proved_until:
            return None
        until = self._rests_until
        if len(self._refused_at) == _MOST_UNPROVED:
            until = max(until, self._refused_at[0] + self._lock_seconds)
        if party == self._refused_party and len(self._parties) > 1:
            # The refusal may be this project's own: next time, others go first.
            until += _YIELD_SECONDS
        if now >= until:
            return None
        return replace(
            self._refusal,
            problem=f"{self._refusal.problem} (not sent again for {until - now:.0f} s, "
            "so that the account is not locked)",
            transient=False,
        )
