"""The lockout guard, through requests, outcomes and cancellations in any order."""

import math

from examples import examples
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from stepped import SteppedLoop

from exporter.cloud.auth.lockout_guard import LockoutGuard
from exporter.cloud.auth.lockout_policy import LockoutLimits
from exporter.errors import CollectionError, Failure, Reason


REJECTED = Failure(reason=Reason.AUTHENTICATION, problem="rejected", advice="")
MAX_REJECTIONS = 4
PATIENCE = 1.0
YIELD = 60.0


class Request:
    """A request that uses a credential: it waits, is in flight, and ends."""

    def __init__(self, secret, project, since, is_first):
        self.secret = secret
        self.project = project
        self.since = since
        self.is_first = is_first
        self.is_in_flight = False
        self.sent_at = None
        self.rejections_before = None
        self.outcome = None
        self.task = None

    @property
    def is_waiting(self):
        """Return whether it has not been admitted yet."""
        return not self.is_in_flight and not self.task.done()


class LockoutGuardMachine(RuleBasedStateMachine):
    """A wrong credential never locks the account, and a right one never waits for it."""

    def __init__(self):
        super().__init__()
        self.loop = SteppedLoop()
        self.requests = []
        self.number = 0
        self.rejections = 0
        self.listed = frozenset("ab")
        self.reset_model()
        self.violations = []
        self.rejected_in_this_step = False

    @initialize(
        kind=st.sampled_from(
            [(900.0, 60.0, 4, 5.0, 7), (300.0, math.inf, math.inf, 0.0, 0)]
        )
    )
    def begin(self, kind):
        """Start with a password, or with an access key."""
        (
            self.cooldown,
            self.accepted_seconds,
            self.max_in_flight,
            self.burst,
            self.max_in_burst,
        ) = kind
        self.lockout_guard = LockoutGuard(
            LockoutLimits(
                cooldown_seconds=self.cooldown,
                accepted_seconds=self.accepted_seconds,
                max_in_flight=self.max_in_flight,
                burst_seconds=self.burst,
                max_in_burst=self.max_in_burst,
            ),
            now=self.loop.time,
        )

    def reset_model(self):
        """Reset what the model knows of the credential."""
        self.accepted_until = self.cooldown_until = self.burst_until = -math.inf
        self.was_accepted = False
        self.rejected_at = []
        self.rejected_project = None

    @property
    def is_accepted(self):
        """Return whether the last outcome was a recent success."""
        return self.loop.time() < self.accepted_until

    @property
    def in_flight(self):
        """The requests in flight."""
        return [request for request in self.requests if request.is_in_flight]

    @property
    def counted(self):
        """The most rejections that the cloud may count within the time of a lock."""
        since = self.loop.time() - self.cooldown
        return len(self.in_flight) + sum(at > since for at in self.rejected_at)

    def allowed_in_flight(self, project):
        """Return how many may use an accepted credential if `project` is the last."""
        left = MAX_REJECTIONS - (self.counted - len(self.in_flight))
        if left < MAX_REJECTIONS:
            return min(self.max_in_flight, left)
        if self.loop.time() < self.burst_until and project in self.listed:
            return self.max_in_burst
        return self.max_in_flight

    async def _send(self, request):
        async with self.lockout_guard.attempt(
            request.secret,
            request.project,
            may_burst=lambda: request.project in self.listed,
            is_first=request.is_first,
        ) as attempt:
            ahead = self.requests[: self.requests.index(request)]
            if any(one.is_waiting and not one.task.cancelling() for one in ahead):
                self.violations.append("out of order")
            request.is_in_flight = True
            request.sent_at = self.loop.time()
            request.rejections_before = self.rejections
            if not self.is_accepted and self.counted > MAX_REJECTIONS:
                self.violations.append("too many")
            if self.is_accepted and len(self.in_flight) > self.allowed_in_flight(
                request.project
            ):
                self.violations.append("too many at a time")
            if not self.is_accepted and self.loop.time() < self.cooldown_until:
                self.violations.append("sent during the cooldown")
            if request.secret != self.number:
                self.violations.append("an old secret is sent")
            request.outcome = self.loop.create_future()
            try:
                outcome = await request.outcome
                # The model learns the outcome before the place is free again.
                if outcome == "accepted":
                    self._accepted(request)
                    attempt.accepted()
                elif outcome == "rejected":
                    self._rejected(request)
                    attempt.rejected(REJECTED)
            finally:
                request.is_in_flight = False

    def _accepted(self, request):
        if request.secret == self.number:
            # Requests in flight together may have been counted in any order.
            since = self.rejections - request.rejections_before
            if self.max_in_flight == math.inf:
                since = 0
            kept = self.rejected_at[max(0, len(self.rejected_at) - since) :]
            burst_until = self.burst_until
            self.reset_model()
            self.rejected_at = kept
            self.was_accepted = True
            self.accepted_until = self.loop.time() + self.accepted_seconds
            if not kept:
                self.burst_until = max(burst_until, request.sent_at + self.burst)

    def _rejected(self, request):
        if request.secret == self.number:
            now = self.loop.time()
            self.rejections += 1
            self.rejected_at.append(now)
            self.rejected_in_this_step = True
            self.rejected_project = request.project
            if not self.was_accepted:
                self.cooldown_until = now + self.cooldown
            self.was_accepted = False
            self.accepted_until = self.burst_until = -math.inf

    @rule(
        project=st.sampled_from("abc"), count=st.integers(1, 9), is_first=st.booleans()
    )
    def start(self, project, count, is_first=False):
        """Requests arrive, at the end of the queue or before all others."""
        for _ in range(count):
            request = Request(self.number, project, self.loop.time(), is_first)
            request.task = self.loop.create_task(self._send(request))
            self.requests.insert(0 if is_first else len(self.requests), request)
            if is_first:
                self.loop.step()
        self.loop.step()

    @rule(projects=st.frozensets(st.sampled_from("abc")))
    def list_projects(self, projects):
        """The user's projects change; waiting requests notice it after a while."""
        self.listed = projects
        self.loop.advance(PATIENCE)

    @precondition(lambda self: self.in_flight)
    @rule(
        data=st.data(),
        outcomes=st.lists(
            st.sampled_from(["accepted", "accepted", "rejected", "unknown"]),
            min_size=1,
            max_size=8,
        ),
        canceling=st.sampled_from(["nobody", "before", "after"]),
    )
    def end(self, data, outcomes, canceling):
        """Requests end, and others are canceled in the same tick."""
        ending = data.draw(
            st.lists(
                st.sampled_from(self.in_flight),
                min_size=1,
                max_size=len(outcomes),
                unique_by=id,
            )
        )
        leaving = []
        if canceling != "nobody":
            others = [request for request in self.requests if request not in ending]
            if others:
                leaving = data.draw(
                    st.lists(st.sampled_from(others), min_size=1, unique_by=id)
                )
        if canceling == "before":
            for request in leaving:
                request.task.cancel()
        for request, outcome in zip(ending, outcomes, strict=False):
            request.outcome.set_result(outcome)
        if canceling == "after":
            for request in leaving:
                self.loop.call_soon(request.task.cancel)
        self.loop.step()

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def cancel(self, data):
        """Some or all requests are canceled, waiting or in flight."""
        for request in data.draw(
            st.lists(st.sampled_from(self.requests), min_size=1, unique_by=id)
        ):
            request.task.cancel()
        self.loop.step()

    @rule(seconds=st.sampled_from([0.5, 1.0, 1.0, 61.0, 900.0]))
    def wait(self, seconds):
        """Time passes."""
        self.loop.advance(seconds)

    @precondition(lambda self: self.number < 2 and len(self.requests) > 4)
    @rule()
    def change(self):
        """The secret changes: earlier rejections no longer count."""
        self.number += 1
        self.reset_model()
        self.start("a", 1)

    @precondition(lambda self: self.rejected_at)
    @rule()
    def try_again(self):
        """A reload: a rejected credential is tried once more."""
        self.lockout_guard.try_again()
        self.cooldown_until = -math.inf

    @invariant()
    def nobody_waits_while_a_place_is_free(self):
        """A request waits only for a reason, and is denied only for one."""
        assert not self.violations
        now = self.loop.time()
        is_next = True
        for request in self.requests:
            if request.is_waiting:
                assert request.secret == self.number
                if is_next and self.is_accepted:
                    assert len(self.in_flight) >= self.allowed_in_flight(
                        request.project
                    )
                elif is_next:
                    assert self.in_flight
                    has_waited_long = now >= request.since + PATIENCE
                    assert not has_waited_long or self.counted >= MAX_REJECTIONS
                is_next = False
            elif request.task.done() and not request.task.cancelled():
                self._check_end(request, now)
        self.requests = [
            request for request in self.requests if not request.task.done()
        ]
        self.rejected_in_this_step = False
        assert not self.loop.errors
        if not self.requests:
            assert not self.loop.tasks()

    def _check_end(self, request, now):
        error = request.task.exception()
        if error is None:
            return
        assert isinstance(error, CollectionError)
        if request.secret != self.number:
            assert error.failure.transient
            return
        # It was rejected recently, and not accepted since, except perhaps a moment
        # later.
        if self.rejected_in_this_step:
            return
        assert self.rejected_at
        assert not self.is_accepted or len(self.rejected_at) >= MAX_REJECTIONS
        cooldown_until = self.cooldown_until
        if len(self.rejected_at) >= MAX_REJECTIONS:
            cooldown_until = max(cooldown_until, self.rejected_at[-4] + self.cooldown)
        if request.project == self.rejected_project:
            cooldown_until += YIELD
        assert now < cooldown_until

    def teardown(self):
        """Whatever happened, requests are sent again when the lock has ended."""
        if not hasattr(self, "lockout_guard"):
            self.loop.end()
            return
        for request in self.requests:
            request.task.cancel()
        self.loop.step()
        self.requests.clear()
        self.loop.advance(self.cooldown + YIELD)
        self.start("a", 3)
        assert len(self.in_flight) == (3 if self.is_accepted else 1)
        while self.in_flight:
            for request in self.in_flight:
                request.outcome.set_result("accepted")
            self.loop.step()
        assert all(request.task.done() for request in self.requests)
        self.nobody_waits_while_a_place_is_free()
        self.loop.end()


TestLockoutGuard = LockoutGuardMachine.TestCase
TestLockoutGuard.settings = settings(max_examples=examples(100), stateful_step_count=40)
