"""
Keeps a wrong credential from locking the account.

Five wrong passwords lock an IAM user for 15 minutes, and more than five refused
signatures an access key for five. So a credential that has not proved itself is tried
by one request while the others wait for its outcome, and one that was refused is not
sent again before it has changed or the lock's time is over.
"""

from __future__ import annotations

import asyncio

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from ..errors import CollectionError, Failure


# A request that hangs must not keep all others waiting, yet those that were sent
# untried must stay below the number that locks.
_PATIENCE_SECONDS: Final = 1.0
_MOST_UNPROVED: Final = 4
_YIELD_SECONDS: Final = 60.0


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


class Trial:
    """
    Lets requests use a credential, one at a time until it has proved itself.

    `lock_seconds` is how long a refused credential rests. A proof lasts for
    `proof_seconds`, and `most` may be in flight while it does.
    """

    def __init__(
        self,
        *,
        lock_seconds: float,
        proof_seconds: float = float("inf"),
        most: float = float("inf"),
    ) -> None:
        self._lock_seconds = lock_seconds
        self._proof_seconds = proof_seconds
        self._most = most
        self._secret: str | None = None
        self._proved_until = float("-inf")
        self._refused_until = float("-inf")
        self._refusal: Failure | None = None
        self._refused_party = ""
        self._parties: set[str] = set()
        self._in_flight = 0
        self._outcome = asyncio.Event()

    @asynccontextmanager
    async def attempt(self, secret: str, party: str) -> AsyncIterator[Attempt]:
        """
        Wait until `secret` may be used, and use it for `party`.

        Raises `CollectionError` if it was refused and has not changed since.
        """
        self._parties.add(party)
        if not self.concerns(secret):
            self._secret = secret
            self._proved_until = self._refused_until = float("-inf")
        await self._wait(party)
        self._in_flight += 1
        try:
            yield Attempt(self, secret, party)
        finally:
            self._in_flight -= 1
            self._wake()

    def concerns(self, secret: str) -> bool:
        """Tell whether `secret` is the one that is tried now."""
        return secret == self._secret

    def prove(self) -> None:
        """Remember that the credential was accepted."""
        self._proved_until = self._now() + self._proof_seconds

    def refuse(self, failure: Failure, party: str) -> None:
        """Remember that the credential was refused: it rests, or must prove itself."""
        if not self._is_proved():
            self._refused_until = self._now() + self._lock_seconds
            self._refusal = failure
            self._refused_party = party
        # Another project's success may still prove it again.
        self._proved_until = float("-inf")
        self._wake()

    async def _wait(self, party: str) -> None:
        while True:
            self._check(party)
            if self._in_flight < (self._most if self._is_proved() else 1):
                return
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._outcome.wait()
            except TimeoutError:
                if self._in_flight < _MOST_UNPROVED:
                    return

    def _check(self, party: str) -> None:
        rest = self._refused_until - self._now()
        if party == self._refused_party and len(self._parties) > 1:
            # The refusal may be this project's own: next time, others go first.
            rest += _YIELD_SECONDS
        if rest <= 0 or self._refusal is None or self._is_proved():
            return
        raise CollectionError(
            replace(
                self._refusal,
                problem=f"{self._refusal.problem} (not sent again for {rest:.0f} s, "
                "so that the account is not locked)",
                transient=False,
            )
        )

    def _is_proved(self) -> bool:
        return self._now() < self._proved_until

    def _wake(self) -> None:
        self._outcome.set()
        self._outcome = asyncio.Event()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
