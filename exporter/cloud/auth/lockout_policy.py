"""
How many requests may use a credential at a time without locking the account.

Five wrong passwords in a row lock an IAM user for 15 minutes, and more than five rejected
signatures lock an access key for five. Why this does not:

- At most four requests are in flight with a credential that is not accepted yet, or were
  rejected within the cooldown, in total.
- An accepted password goes out in at most four requests at a time, too, so that all of
  them may be rejected if it was changed in the cloud. The same holds for logins to
  projects of which it is not known whether the user has a role there: their rejections
  may count like wrong passwords.
- A success resets the count, as it does in the cloud. But of requests that were in flight
  together, nobody knows which was counted first. So a success resets only the rejections
  that were known before its request was sent.
- More than four go out in a burst only. Then the cloud accepted the password in a request
  that was sent a few seconds ago and after the last rejection, and has just listed each
  of the projects as the user's. The first rejection ends the burst.

What remains: a password that is changed, or roles that are taken away, in the seconds of
a burst. Then a burst's requests may be rejected in a row, and the user be locked for its
15 minutes. Bursts come with a start and with the daily renewal of tokens.

Processes that share a credential, as shards do, divide all of these numbers; each may send
one request, so more than four shards can lock a user together.

A request that ends without a response does not count: the usual cause is a cloud that
hangs, not a wrong credential, and the exporter must continue when it recovers.
"""

from __future__ import annotations

import math

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ...errors import Failure


_YIELD_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LockoutLimits:
    """
    What is safe with a kind of credential.

    A rejected credential is not used for `cooldown_seconds`. An accepted one counts as
    accepted for `accepted_seconds`, with up to `max_in_flight` requests in flight, and for
    `burst_seconds` with up to `max_in_burst`. `max_rejections` count within the cooldown.
    """

    cooldown_seconds: float
    max_rejections: int = 4
    accepted_seconds: float = math.inf
    max_in_flight: float = math.inf
    burst_seconds: float = 0.0
    max_in_burst: int = 0

    def divided(self, processes: int) -> LockoutLimits:
        """Return what is safe in each of so many processes with the same credential."""
        is_limited = math.isfinite(self.max_in_flight)
        in_flight = max(1, self.max_in_flight // processes) if is_limited else math.inf
        return replace(
            self,
            max_rejections=max(1, self.max_rejections // processes),
            max_in_flight=in_flight,
            max_in_burst=max(1, self.max_in_burst // processes),
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """When a request was sent, and after how many rejections."""

    at: float
    rejections: int


class LockoutPolicy:
    """What is known of one secret; `now` is a monotonic clock, in seconds."""

    def __init__(self, limits: LockoutLimits, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._accepted_until = self._burst_until = self._cooldown_until = -math.inf
        self._was_accepted = False
        self._rejections = 0
        self._rejected_at: deque[float] = deque(maxlen=limits.max_rejections)
        self._rejection: Failure | None = None
        self._rejected_project = ""

    def sent(self) -> Sent:
        """Return what to remember of a request that is sent now."""
        return Sent(self._now(), self._rejections)

    def accept(self, sent: Sent) -> None:
        """Record that a request was accepted."""
        limits = self._limits
        self._accepted_until = self._now() + limits.accepted_seconds
        self._was_accepted = True
        self._cooldown_until = -math.inf
        since = self._rejections - sent.rejections
        if since == 0:
            self._burst_until = max(self._burst_until, sent.at + limits.burst_seconds)
        # Without a limit, so much is in flight that its order is unknown.
        kept = since if math.isfinite(limits.max_in_flight) else 0
        while len(self._rejected_at) > kept:
            self._rejected_at.popleft()

    def reject(self, failure: Failure, project: str) -> None:
        """
        Record a rejection: the cooldown starts, or, if the last outcome was that the
        credential was accepted, it must be accepted again.
        """
        now = self._now()
        self._rejections += 1
        self._rejected_at.append(now)
        self._rejection = failure
        self._rejected_project = project
        if not self._was_accepted:
            self._cooldown_until = now + self._limits.cooldown_seconds
        # It may be this project's fault: another project's success accepts it again.
        self._was_accepted = False
        self._accepted_until = self._burst_until = -math.inf

    def try_again(self) -> None:
        """End the cooldown, unless another attempt could lock the account."""
        self._cooldown_until = -math.inf

    def max_in_flight(
        self, may_burst: Callable[[], bool], *, is_patient: bool
    ) -> float:
        """Return how many requests may be in flight, with one that asks to be sent."""
        now = self._now()
        since = now - self._limits.cooldown_seconds
        rejected = sum(at > since for at in self._rejected_at)
        left = self._limits.max_rejections - rejected
        if now >= self._accepted_until:
            return min(1, left) if is_patient else left
        if rejected:
            return min(self._limits.max_in_flight, left)
        if now < self._burst_until and may_burst():
            return self._limits.max_in_burst
        return self._limits.max_in_flight

    def failure(self, project: str, *, is_only: bool) -> Failure | None:
        """Return why `project` may not use the credential now, or None if it may."""
        if self._rejection is None:
            return None
        now = self._now()
        until = self._cooldown_until
        if len(self._rejected_at) == self._limits.max_rejections:
            until = max(until, self._rejected_at[0] + self._limits.cooldown_seconds)
        if project == self._rejected_project and not is_only:
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
