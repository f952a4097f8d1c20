"""Checks users' passwords against bcrypt hashes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import statistics
import threading

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Final, TypeAlias

import bcrypt
import structlog


log: Final = structlog.get_logger(__name__)

MAX_WAITING: Final = 64
MAX_WAITING_PER_CLIENT: Final = 8
MAX_REMEMBERED: Final = 1000
MAX_WAIT_SECONDS: Final = 3.0
"""Less than the server's grace period at shutdown."""

_SLOW_COST: Final = 13
_MAX_PASSWORD_BYTES: Final = 72
_BCRYPT_DIGITS: Final = (
    "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)


class Verdict(Enum):
    """The result of a password check."""

    RIGHT = auto()
    WRONG = auto()
    UNCHECKED = auto()
    """Too many checks were queued, it took too long, or it failed."""


Done: TypeAlias = Callable[[Verdict], None]
Compare: TypeAlias = Callable[["Check", Done], None]


@dataclass(eq=False, slots=True)
class Check:
    """A comparison with a hash, shared by all requests that wait for it."""

    key: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    password: bytes = field(repr=False)
    client: str
    may_be_right: bool
    verdict: asyncio.Future[Verdict]
    waiters: int = 0

    @property
    def is_slow(self) -> bool:
        """Whether it takes a second or more (up to days)."""
        return int(self.digest[4:6]) >= _SLOW_COST


def compare_in_thread(check: Check, done: Done) -> None:
    """
    Compare in a thread, then call `done` in the event loop's thread.

    Raises `RuntimeError` if no thread can be started.
    """
    loop = asyncio.get_running_loop()

    def work() -> None:
        verdict = Verdict.UNCHECKED
        try:
            is_right = bcrypt.checkpw(check.password, check.digest)
            verdict = Verdict.RIGHT if is_right else Verdict.WRONG
        except ValueError as error:
            log.error("password not checked", problem=type(error).__name__)  # noqa: TRY400
        finally:
            # The loop is closed: nothing waits for the verdict.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(done, verdict)

    # Not a daemon: the process waits for it at exit, for a fraction of a second. A
    # daemon thread could run while the interpreter shuts down.
    thread = threading.Thread(target=work, name="bcrypt", daemon=check.is_slow)
    thread.start()


class PasswordChecker:
    """Checks passwords in threads, and remembers the results."""

    def __init__(self, compare: Compare = compare_in_thread) -> None:
        self._salt = secrets.token_bytes(32)
        self._right = _RecentKeys()
        self._wrong = _RecentKeys()
        self._checks: dict[bytes, Check] = {}
        # A hash that takes minutes must not delay those that take milliseconds.
        self._lanes = {
            is_slow: _CheckQueue(compare, self._finished) for is_slow in (False, True)
        }
        self._decoy_tail = "".join(secrets.choice(_BCRYPT_DIGITS) for _ in range(31))

    @property
    def running(self) -> int:
        """Number of running checks."""
        return sum(lane.running is not None for lane in self._lanes.values())

    @property
    def waiting(self) -> int:
        """Number of queued checks."""
        return sum(lane.waiting for lane in self._lanes.values())

    def remembered(
        self, users: Mapping[str, str], user: str, password: bytes
    ) -> Verdict | None:
        """Return the remembered result for this password, if any."""
        key = self._key(user, users.get(user, ""), password)
        if key in self._right:
            return Verdict.RIGHT
        return Verdict.WRONG if key in self._wrong else None

    async def check(
        self, users: Mapping[str, str], user: str, password: bytes, client: str
    ) -> Verdict:
        """
        Return whether `password` is that of `user`, whose hash is one of `users`.

        An unknown user takes as long as the median user. Checks are queued round-robin
        by `client`.
        """
        digest = users.get(user, "")
        key = self._key(user, digest, password)
        check = self._checks.get(key)
        if check is None:
            # bcrypt rejects both; truncated, either could match a user's password.
            is_possible = len(password) <= _MAX_PASSWORD_BYTES and b"\0" not in password
            check = Check(
                key=key,
                digest=(digest or self._decoy(users)).encode(),
                password=password if is_possible else b"-",
                client=client,
                may_be_right=is_possible and bool(digest),
                verdict=asyncio.get_running_loop().create_future(),
            )
            self._checks[key] = check
            if not self._lanes[check.is_slow].add(check):
                del self._checks[key]
                return Verdict.UNCHECKED
        return await self._wait(check)

    async def _wait(self, check: Check) -> Verdict:
        check.waiters += 1
        try:
            await asyncio.wait([check.verdict], timeout=MAX_WAIT_SECONDS)
        finally:
            check.waiters -= 1
            # A running check continues, and its result is remembered.
            if not check.waiters and self._lanes[check.is_slow].drop(check):
                del self._checks[check.key]
        return check.verdict.result() if check.verdict.done() else Verdict.UNCHECKED

    def _finished(self, check: Check, verdict: Verdict) -> None:
        if verdict is Verdict.RIGHT and not check.may_be_right:
            verdict = Verdict.WRONG
        if verdict is Verdict.RIGHT:
            self._right.add(check.key)
        elif verdict is Verdict.WRONG:
            self._wrong.add(check.key)
        del self._checks[check.key]
        check.verdict.set_result(verdict)

    def _decoy(self, users: Mapping[str, str]) -> str:
        cost = statistics.median_low(int(digest[4:6]) for digest in users.values())
        return f"$2b${cost:02}${'.' * 22}{self._decoy_tail}"

    def _key(self, user: str, digest: str, password: bytes) -> bytes:
        # Keyed hash, so that the password itself does not stay in memory.
        parts = (user.encode(), digest.encode(), password)
        text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.new(self._salt, text, hashlib.sha256).digest()


class _RecentKeys:
    """The most recently used keys, `MAX_REMEMBERED` at most."""

    def __init__(self) -> None:
        self._keys: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, key: bytes) -> bool:
        if key not in self._keys:
            return False
        self._keys.move_to_end(key)
        return True

    def add(self, key: bytes) -> None:
        self._keys[key] = None
        if len(self._keys) > MAX_REMEMBERED:
            self._keys.popitem(last=False)


class _CheckQueue:
    """Runs one check at a time; the others wait, round-robin by client."""

    def __init__(
        self, compare: Compare, finished: Callable[[Check, Verdict], None]
    ) -> None:
        self.running: Check | None = None
        self._compare = compare
        self._finished = finished
        self._queues: dict[str, deque[Check]] = {}

    @property
    def waiting(self) -> int:
        return sum(map(len, self._queues.values()))

    def add(self, check: Check) -> bool:
        """Start or queue a check; return False if the queue is full."""
        ahead = len(self._queues.get(check.client, ()))
        if ahead >= MAX_WAITING_PER_CLIENT:
            return False
        if self.waiting >= MAX_WAITING:
            longest = max(self._queues.values(), key=len)
            if len(longest) <= ahead + 1:
                return False
            self._finished(longest.pop(), Verdict.UNCHECKED)
        self._queues.setdefault(check.client, deque()).append(check)
        self._start_next()
        return True

    def drop(self, check: Check) -> bool:
        """Remove a queued check; return False if it is not queued."""
        queue = self._queues.get(check.client, ())
        if check not in queue:
            return False
        self._queues[check.client].remove(check)
        if not self._queues[check.client]:
            del self._queues[check.client]
        return True

    def _start_next(self) -> None:
        while self.running is None and self._queues:
            self.running = check = self._take()
            try:
                self._compare(check, partial(self._done, check))
            except RuntimeError as error:
                # The system has too many threads to start another.
                log.error("password not checked", problem=str(error))  # noqa: TRY400
                self.running = None
                self._finished(check, Verdict.UNCHECKED)

    def _take(self) -> Check:
        client, queue = next(iter(self._queues.items()))
        del self._queues[client]
        check = queue.popleft()
        if queue:
            self._queues[client] = queue
        return check

    def _done(self, check: Check, verdict: Verdict) -> None:
        self.running = None
        self._finished(check, verdict)
        self._start_next()
