"""Uses of a credential, in any order of everything that can happen to them."""

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


REFUSED = Failure(reason=Reason.AUTHENTICATION, problem="rejected", advice="")
MOST_THAT_DO_NOT_LOCK = 4
PATIENCE = 1.0
YIELD = 60.0


class Use:
    """A request that uses a credential: it waits, then runs, then ends."""

    def __init__(self, secret, project, since, is_first):
        self.secret = secret
        self.project = project
        self.since = since
        self.is_first = is_first
        self.is_running = False
        self.sent_at = None
        self.rejections_before = None
        self.outcome = None
        self.task = None

    @property
    def is_waiting(self):
        """Return whether it has not been let in."""
        return not self.is_running and not self.task.done()


class TrialMachine(RuleBasedStateMachine):
    """A wrong credential never locks the account, and a right one never waits for it."""

    def __init__(self):
        super().__init__()
        self.loop = SteppedLoop()
        self.uses = []
        self.number = 0
        self.rejections = 0
        self.listed = frozenset("ab")
        self.forget()
        self.violations = []
        self.refused_in_this_step = False

    @initialize(
        kind=st.sampled_from(
            [(900.0, 60.0, 4, 5.0, 7), (300.0, math.inf, math.inf, 0.0, 0)]
        )
    )
    def begin(self, kind):
        """Start with a password, or with an access key."""
        self.lock, self.proof, self.max_in_flight, self.burst, self.max_in_burst = kind
        self.lockout_guard = LockoutGuard(
            LockoutLimits(
                cooldown_seconds=self.lock,
                accepted_seconds=self.proof,
                max_in_flight=self.max_in_flight,
                burst_seconds=self.burst,
                max_in_burst=self.max_in_burst,
            ),
            now=self.loop.time,
        )

    def forget(self):
        """Know nothing of the credential."""
        self.proved_until = self.rests_until = self.burst_until = -math.inf
        self.was_accepted = False
        self.refused_at = []
        self.refused_party = None

    @property
    def is_proved(self):
        """Return whether the credential was accepted lately, and not refused since."""
        return self.loop.time() < self.proved_until

    @property
    def running(self):
        """The requests that use a credential now."""
        return [use for use in self.uses if use.is_running]

    @property
    def counted(self):
        """How many wrong ones the cloud may come to count within the lock's time."""
        since = self.loop.time() - self.lock
        return len(self.running) + sum(at > since for at in self.refused_at)

    def most_in_flight(self, project):
        """Return how many may use an accepted credential when `project` is the last."""
        left = MOST_THAT_DO_NOT_LOCK - (self.counted - len(self.running))
        if left < MOST_THAT_DO_NOT_LOCK:
            return min(self.max_in_flight, left)
        if self.loop.time() < self.burst_until and project in self.listed:
            return self.max_in_burst
        return self.max_in_flight

    async def _use(self, use):
        async with self.lockout_guard.attempt(
            use.secret,
            use.project,
            may_burst=lambda: use.project in self.listed,
            is_first=use.is_first,
        ) as attempt:
            ahead = self.uses[: self.uses.index(use)]
            if any(one.is_waiting and not one.task.cancelling() for one in ahead):
                self.violations.append("out of order")
            use.is_running = True
            use.sent_at = self.loop.time()
            use.rejections_before = self.rejections
            if not self.is_proved and self.counted > MOST_THAT_DO_NOT_LOCK:
                self.violations.append("too many")
            if self.is_proved and len(self.running) > self.most_in_flight(use.project):
                self.violations.append("too many at a time")
            if not self.is_proved and self.loop.time() < self.rests_until:
                self.violations.append("sent while it rests")
            if use.secret != self.number:
                self.violations.append("an old secret is sent")
            use.outcome = self.loop.create_future()
            try:
                outcome = await use.outcome
                # What is learned is learned before the place is free again.
                if outcome == "accepted":
                    self._proved(use)
                    attempt.accepted()
                elif outcome == "rejected":
                    self._refused(use)
                    attempt.rejected(REFUSED)
            finally:
                use.is_running = False

    def _proved(self, use):
        if use.secret == self.number:
            # Those that were in flight together may have been counted in any order.
            since = self.rejections - use.rejections_before
            if self.max_in_flight == math.inf:
                since = 0
            kept = self.refused_at[max(0, len(self.refused_at) - since) :]
            burst_until = self.burst_until
            self.forget()
            self.refused_at = kept
            self.was_accepted = True
            self.proved_until = self.loop.time() + self.proof
            if not kept:
                self.burst_until = max(burst_until, use.sent_at + self.burst)

    def _refused(self, use):
        if use.secret == self.number:
            now = self.loop.time()
            self.rejections += 1
            self.refused_at.append(now)
            self.refused_in_this_step = True
            self.refused_party = use.project
            if not self.was_accepted:
                self.rests_until = now + self.lock
            self.was_accepted = False
            self.proved_until = self.burst_until = -math.inf

    @rule(
        project=st.sampled_from("abc"), count=st.integers(1, 9), is_first=st.booleans()
    )
    def start(self, project, count, is_first=False):
        """Requests come, at the end of the queue or before all others."""
        for _ in range(count):
            use = Use(self.number, project, self.loop.time(), is_first)
            use.task = self.loop.create_task(self._use(use))
            self.uses.insert(0 if is_first else len(self.uses), use)
            if is_first:
                self.loop.step()
        self.loop.step()

    @rule(projects=st.frozensets(st.sampled_from("abc")))
    def list_projects(self, projects):
        """Other projects are known to be the user's; who waits notices in a while."""
        self.listed = projects
        self.loop.advance(PATIENCE)

    @precondition(lambda self: self.running)
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
        """Requests end, and in the same tick others go away, perhaps just let in."""
        ending = data.draw(
            st.lists(
                st.sampled_from(self.running),
                min_size=1,
                max_size=len(outcomes),
                unique_by=id,
            )
        )
        leaving = []
        if canceling != "nobody":
            others = [use for use in self.uses if use not in ending]
            if others:
                leaving = data.draw(
                    st.lists(st.sampled_from(others), min_size=1, unique_by=id)
                )
        if canceling == "before":
            for use in leaving:
                use.task.cancel()
        for use, outcome in zip(ending, outcomes, strict=False):
            use.outcome.set_result(outcome)
        if canceling == "after":
            for use in leaving:
                self.loop.call_soon(use.task.cancel)
        self.loop.step()

    @precondition(lambda self: self.uses)
    @rule(data=st.data())
    def cancel(self, data):
        """Requests go away, waiting or running, one or all."""
        for use in data.draw(
            st.lists(st.sampled_from(self.uses), min_size=1, unique_by=id)
        ):
            use.task.cancel()
        self.loop.step()

    @rule(seconds=st.sampled_from([0.5, 1.0, 1.0, 61.0, 900.0]))
    def wait(self, seconds):
        """Time passes."""
        self.loop.advance(seconds)

    @precondition(lambda self: self.number < 2 and len(self.uses) > 4)
    @rule()
    def change(self):
        """The secret changes: nothing is held against the new one."""
        self.number += 1
        self.forget()
        self.start("a", 1)

    @precondition(lambda self: self.refused_at)
    @rule()
    def try_again(self):
        """The user says that it was repaired: it is tried once more."""
        self.lockout_guard.try_again()
        self.rests_until = -math.inf

    @invariant()
    def nobody_waits_while_a_place_is_free(self):
        """Who waits has a reason to; who was sent away had one, too."""
        assert not self.violations
        now = self.loop.time()
        is_next = True
        for use in self.uses:
            if use.is_waiting:
                assert use.secret == self.number
                if is_next and self.is_proved:
                    assert len(self.running) >= self.most_in_flight(use.project)
                elif is_next:
                    assert self.running
                    impatient = now >= use.since + PATIENCE
                    assert not impatient or self.counted >= MOST_THAT_DO_NOT_LOCK
                is_next = False
            elif use.task.done() and not use.task.cancelled():
                self._check_end(use, now)
        self.uses = [use for use in self.uses if not use.task.done()]
        self.refused_in_this_step = False
        assert not self.loop.errors
        if not self.uses:
            assert not self.loop.tasks()

    def _check_end(self, use, now):
        error = use.task.exception()
        if error is None:
            return
        assert isinstance(error, CollectionError)
        if use.secret != self.number:
            assert error.failure.transient
            return
        # It was refused lately, and not accepted since, but perhaps a moment later.
        if self.refused_in_this_step:
            return
        assert self.refused_at
        assert not self.is_proved or len(self.refused_at) >= MOST_THAT_DO_NOT_LOCK
        rests_until = self.rests_until
        if len(self.refused_at) >= MOST_THAT_DO_NOT_LOCK:
            rests_until = max(rests_until, self.refused_at[-4] + self.lock)
        if use.project == self.refused_party:
            rests_until += YIELD
        assert now < rests_until

    def teardown(self):
        """Whatever happened: when the lock's time is over, work goes on."""
        if not hasattr(self, "lockout_guard"):
            self.loop.end()
            return
        for use in self.uses:
            use.task.cancel()
        self.loop.step()
        self.uses.clear()
        self.loop.advance(self.lock + YIELD)
        self.start("a", 3)
        assert len(self.running) == (3 if self.is_proved else 1)
        while self.running:
            for use in self.running:
                use.outcome.set_result("accepted")
            self.loop.step()
        assert all(use.task.done() for use in self.uses)
        self.nobody_waits_while_a_place_is_free()
        self.loop.end()


TestTrial = TrialMachine.TestCase
TestTrial.settings = settings(max_examples=examples(100), stateful_step_count=40)
