"""A wrong credential is tried once, and not again before something changed."""

import asyncio

import pytest

from exporter.cloud.auth.lockout_guard import LockoutGuard
from exporter.cloud.auth.lockout_policy import LockoutLimits
from exporter.errors import CollectionError, Failure, Reason


REFUSED = Failure(reason=Reason.AUTHENTICATION, problem="rejected", advice="")
KEY = LockoutLimits(cooldown_seconds=300)
PASSWORD = LockoutLimits(cooldown_seconds=900, accepted_seconds=60, max_in_flight=4)


class Clock:
    """The time that a trial sees."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        """Return it."""
        return self.now


class Uses:
    """Uses of a credential that end when the test says so."""

    def __init__(self, lockout_guard, secret="secret"):
        self.lockout_guard = lockout_guard
        self.secret = secret
        self.started = []

    async def use(self, project):
        """Use the credential until the test says how it ended."""
        async with self.lockout_guard.attempt(self.secret, project) as attempt:
            outcome = asyncio.get_running_loop().create_future()
            self.started.append(outcome)
            match await outcome:
                case "accepted":
                    attempt.accepted()
                case "rejected":
                    attempt.rejected(REFUSED)


async def settle():
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_tries_while_the_others_wait():
    """An untried credential is sent by one request; when it is accepted, by all."""
    uses = Uses(LockoutGuard(KEY))
    tasks = [asyncio.create_task(uses.use(f"p{n}")) for n in range(10)]
    await settle()
    assert len(uses.started) == 1

    uses.started[0].set_result("accepted")
    await settle()
    assert len(uses.started) == 10

    for outcome in uses.started[1:]:
        outcome.set_result("accepted")
    await asyncio.gather(*tasks)


async def test_a_refused_credential_is_sent_once():
    """When the first request is refused, the others fail without being sent."""
    uses = Uses(LockoutGuard(KEY))
    tasks = [asyncio.create_task(uses.use(f"p{n}")) for n in range(10)]
    await settle()
    uses.started[0].set_result("rejected")
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert len(uses.started) == 1
    assert sum(isinstance(result, CollectionError) for result in results) == 9
    assert "not sent again for 300 s" in str(results[-1])


async def test_a_refused_credential_rests_for_the_locks_time():
    """It is not sent again until the lock's time is over."""
    clock = Clock()
    uses = Uses(LockoutGuard(KEY, clock))
    task = asyncio.create_task(uses.use("p"))
    await settle()
    uses.started[0].set_result("rejected")
    await task

    clock.now += 299
    with pytest.raises(CollectionError):
        await uses.use("p")
    clock.now += 2
    task = asyncio.create_task(uses.use("p"))
    await settle()
    assert len(uses.started) == 2
    task.cancel()


async def test_a_changed_credential_is_tried_at_once():
    """A rotated secret is a new one, with nothing held against it."""
    lockout_guard = LockoutGuard(KEY)
    old = Uses(lockout_guard, "old")
    task = asyncio.create_task(old.use("p"))
    await settle()
    old.started[0].set_result("rejected")
    await task

    new = Uses(lockout_guard, "new")
    task = asyncio.create_task(new.use("p"))
    await settle()
    new.started[0].set_result("accepted")
    await task


async def test_a_late_refusal_of_the_old_secret_does_not_hurt_the_new():
    """What the old secret's request learns is not held against the new secret."""
    lockout_guard = LockoutGuard(KEY)
    old, new = Uses(lockout_guard, "old"), Uses(lockout_guard, "new")
    first = asyncio.create_task(old.use("p"))
    await settle()
    second = asyncio.create_task(new.use("q"))
    await settle()
    old.started[0].set_result("rejected")
    await settle()
    new.started[0].set_result("accepted")
    await asyncio.gather(first, second)

    third = asyncio.create_task(new.use("r"))
    await settle()
    assert len(new.started) == 2
    third.cancel()


async def test_a_late_success_of_the_old_secret_does_not_prove_the_new():
    """What the old secret's request learns says nothing of the new secret."""
    lockout_guard = LockoutGuard(KEY)
    old, new = Uses(lockout_guard, "old"), Uses(lockout_guard, "new")
    first = asyncio.create_task(old.use("p"))
    await settle()
    others = [asyncio.create_task(new.use(f"p{n}")) for n in range(3)]
    await settle()
    old.started[0].set_result("accepted")
    await first
    await settle()
    # One tries the new secret, and the others wait for its outcome.
    assert len(new.started) == 1

    new.started[0].set_result("rejected")
    await asyncio.gather(*others, return_exceptions=True)
    assert len(new.started) == 1


async def test_the_old_secret_is_not_sent_when_there_is_a_new_one():
    """Who waited to send the old secret fails, and may come again with the new one."""
    lockout_guard = LockoutGuard(KEY)
    old, new = Uses(lockout_guard, "old"), Uses(lockout_guard, "new")
    tasks = [asyncio.create_task(old.use(f"p{n}")) for n in range(5)]
    await settle()
    tasks.append(asyncio.create_task(new.use("p")))
    await settle()
    old.started[0].set_result("rejected")
    await settle()
    new.started[0].set_result("accepted")
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert len(old.started) == 1
    assert [isinstance(result, CollectionError) for result in results] == [
        False,
        *[True] * 4,
        False,
    ]
    assert results[1].failure.transient


async def test_a_success_after_a_refusal_ends_the_rest():
    """A project's refusal is its own where the same credential is accepted elsewhere."""
    clock = Clock()
    uses = Uses(LockoutGuard(PASSWORD, clock))
    task = asyncio.create_task(uses.use("p"))
    await settle()
    uses.started[0].set_result("accepted")
    await task
    tasks = [asyncio.create_task(uses.use(project)) for project in "abc"]
    await settle()
    for outcome, use in zip(
        ("rejected", "rejected", "accepted"), uses.started[1:], strict=True
    ):
        use.set_result(outcome)
    await asyncio.gather(*tasks)
    clock.now += 61

    task = asyncio.create_task(uses.use("p"))
    await settle()
    assert len(uses.started) == 5
    uses.started[-1].set_result("accepted")
    await task


async def test_a_refusal_long_after_a_success_does_not_stop_the_others():
    """The project is the likelier cause; a second refusal in a row stops them."""
    clock = Clock()
    uses = Uses(LockoutGuard(PASSWORD, clock))
    for project, outcome in (("a", "accepted"), ("b", "rejected"), ("c", "rejected")):
        task = asyncio.create_task(uses.use(project))
        await settle()
        uses.started[-1].set_result(outcome)
        await task
        clock.now += 3600 if outcome == "accepted" else 1

    with pytest.raises(CollectionError):
        await uses.use("d")
    assert len(uses.started) == 3


async def test_refusals_count_with_what_is_in_flight(monkeypatch):
    """After a refusal, no request is let in that could be the fifth to be refused."""
    monkeypatch.setattr("exporter.cloud.auth.lockout_guard._PATIENCE_SECONDS", 0.001)
    uses = Uses(LockoutGuard(PASSWORD))
    tasks = [asyncio.create_task(uses.use("p"))]
    await settle()
    uses.started[0].set_result("accepted")
    tasks += [asyncio.create_task(uses.use(f"p{n}")) for n in range(6)]
    await settle()
    uses.started[1].set_result("rejected")
    await asyncio.sleep(0.02)
    assert len(uses.started) == 1 + 4

    for outcome in uses.started[2:]:
        outcome.set_result("rejected")
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(uses.started) == 1 + 4


async def test_a_refusal_stops_who_was_let_in_in_the_same_tick():
    """Nothing is sent once the refusal is known, though a place had been given."""
    clock = Clock()
    uses = Uses(LockoutGuard(PASSWORD, clock))
    tasks = [asyncio.create_task(uses.use("p"))]
    await settle()
    uses.started[0].set_result("accepted")
    await tasks[0]
    tasks += [asyncio.create_task(uses.use(f"p{n}")) for n in range(5)]
    await settle()
    uses.started[1].set_result("no answer")
    for outcome in uses.started[2:4]:
        outcome.set_result("rejected")
    await settle()
    assert len(uses.started) == 1 + 4

    uses.started[4].set_result("rejected")
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_projects_refusal_does_not_stop_a_proved_credential():
    """A refusal after a success only makes the credential prove itself again."""
    uses = Uses(LockoutGuard(KEY))
    for outcome in ("accepted", "rejected", "accepted"):
        task = asyncio.create_task(uses.use("p"))
        await settle()
        uses.started[-1].set_result(outcome)
        await task

    assert len(uses.started) == 3


async def test_after_the_rest_another_project_goes_first():
    """The project that was refused lets others go first, as it may be its own fault."""
    clock = Clock()
    uses = Uses(LockoutGuard(KEY, clock))
    tasks = [asyncio.create_task(uses.use(project)) for project in ("bad", "good")]
    await settle()
    uses.started[0].set_result("rejected")
    await asyncio.gather(*tasks, return_exceptions=True)
    clock.now += 301

    with pytest.raises(CollectionError):
        await uses.use("bad")
    task = asyncio.create_task(uses.use("good"))
    await settle()
    uses.started[-1].set_result("accepted")
    await task


async def test_a_proof_is_for_a_while():
    """Where a proof ends, the next uses go one at a time again."""
    clock = Clock()
    uses = Uses(LockoutGuard(PASSWORD, clock))
    task = asyncio.create_task(uses.use("p"))
    await settle()
    uses.started[0].set_result("accepted")
    await task

    tasks = [asyncio.create_task(uses.use(f"p{n}")) for n in range(10)]
    await settle()
    assert len(uses.started) == 1 + 4
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    clock.now += 61
    tasks = [asyncio.create_task(uses.use(f"p{n}")) for n in range(10)]
    await settle()
    assert len(uses.started) == 1 + 4 + 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_hanging_request_does_not_hold_up_the_others(monkeypatch):
    """Others go on after a while, but never so many that a lock could follow."""
    monkeypatch.setattr("exporter.cloud.auth.lockout_guard._PATIENCE_SECONDS", 0.001)
    uses = Uses(LockoutGuard(KEY))
    tasks = [asyncio.create_task(uses.use(f"p{n}")) for n in range(10)]
    while len(uses.started) < 4:  # noqa: ASYNC110 - what is watched knows no events
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)

    assert len(uses.started) == 4
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("outcome", ["accepted", "rejected"])
async def test_the_outcome_counts_before_the_request_has_ended(outcome):
    """Who waits goes on, or fails, as soon as the outcome is known."""
    lockout_guard = LockoutGuard(KEY)
    uses = Uses(lockout_guard)
    async with lockout_guard.attempt("secret", "p") as attempt:
        waiting = asyncio.create_task(uses.use("q"))
        await settle()
        assert uses.started == []

        if outcome == "accepted":
            attempt.accepted()
        else:
            attempt.rejected(REFUSED)
        await settle()
        assert len(uses.started) == (outcome == "accepted")
        assert waiting.done() == (outcome == "rejected")

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_success_clears_the_refusals_before_it():
    """Only refusals since the last success bring the account closer to its lock."""
    clock = Clock()
    uses = Uses(LockoutGuard(PASSWORD, clock))
    task = asyncio.create_task(uses.use("p"))
    await settle()
    uses.started[0].set_result("accepted")
    await task
    tasks = [asyncio.create_task(uses.use(project)) for project in "abcp"]
    await settle()
    for outcome, use in zip(
        ("rejected", "rejected", "rejected", "accepted"), uses.started[1:], strict=True
    ):
        use.set_result(outcome)
    await asyncio.gather(*tasks)

    # Sent after those, this one is counted after them, too.
    for project, outcome in (("p", "accepted"), ("a", "rejected"), ("p", "accepted")):
        task = asyncio.create_task(uses.use(project))
        await settle()
        uses.started[-1].set_result(outcome)
        await task
        clock.now += 61
    assert len(uses.started) == 8


async def test_a_success_does_not_clear_refusals_that_may_have_come_after_it():
    """The cloud may have counted the refusals last: together, no more than four."""
    uses = Uses(LockoutGuard(PASSWORD, Clock()))
    tasks = [asyncio.create_task(uses.use("p"))]
    await settle()
    uses.started[0].set_result("accepted")
    tasks += [asyncio.create_task(uses.use(f"p{number}")) for number in range(9)]
    await settle()
    uses.started[1].set_result("rejected")
    uses.started[2].set_result("accepted")
    await settle()
    # One was rejected, two are in flight: there is a place for one more.
    assert len(uses.started) == 1 + 4 + 1

    for outcome in uses.started[3:]:
        outcome.set_result("rejected")
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(uses.started) == 1 + 4 + 1


class Burst:
    """A guard that lets ten go at once, for projects that the test lists."""

    def __init__(self):
        self.clock = Clock()
        self.listed = {f"p{number}" for number in range(40)}
        self.lockout_guard = LockoutGuard(
            LockoutLimits(
                cooldown_seconds=900,
                accepted_seconds=60,
                max_in_flight=4,
                burst_seconds=5,
                max_in_burst=10,
            ),
            now=self.clock,
        )
        self.tasks = []
        self.started = {}

    async def start(self, *projects, is_first=False):
        """Let requests come."""
        for project in projects:
            self.tasks.append(asyncio.create_task(self._use(project, is_first)))
        await settle()

    async def end(self, outcome, *projects):
        """Let requests end like this."""
        for project in projects:
            self.started[project].set_result(outcome)
        await settle()

    @property
    def in_flight(self):
        """The projects whose requests have not ended."""
        return [name for name, outcome in self.started.items() if not outcome.done()]

    async def _use(self, project, is_first):
        async with self.lockout_guard.attempt(
            "secret",
            project,
            may_burst=lambda: project in self.listed,
            is_first=is_first,
        ) as attempt:
            outcome = asyncio.get_running_loop().create_future()
            self.started[project] = outcome
            match await outcome:
                case "accepted":
                    attempt.accepted()
                case "rejected":
                    attempt.rejected(REFUSED)


@pytest.fixture
async def burst():
    """Return a guard with twenty requests, the first of which is in flight."""
    burst = Burst()
    await burst.start(*(f"p{number}" for number in range(20)))
    assert burst.in_flight == ["p0"]
    yield burst
    for task in burst.tasks:
        task.cancel()
    await asyncio.gather(*burst.tasks, return_exceptions=True)


async def test_many_go_at_once_after_a_success(burst):
    """First in, first out, and never more than are allowed."""
    await burst.end("accepted", "p0")
    assert burst.in_flight == [f"p{number}" for number in range(1, 11)]

    await burst.end("accepted", "p3", "p5")
    assert len(burst.in_flight) == 10
    assert burst.in_flight[-2:] == ["p11", "p12"]


async def test_a_burst_ends_with_a_rejection(burst):
    """Nothing more is sent while more than four may come to be rejected in a row."""
    await burst.end("accepted", "p0")
    await burst.end("rejected", "p1")
    await burst.end("accepted", *(f"p{number}" for number in range(2, 8)))
    # Their successes may have been counted before the rejection.
    assert burst.in_flight == ["p8", "p9", "p10"]

    await burst.end("accepted", "p8")
    assert burst.in_flight == ["p9", "p10", "p11"]
    # This one was sent after the rejection, so that all is well again.
    await burst.end("accepted", "p11")
    assert len(burst.in_flight) == 10


async def test_a_burst_of_rejections_is_the_last(burst):
    """A password that is changed within a burst is sent by nobody else."""
    await burst.end("accepted", "p0")
    await burst.end("rejected", *(f"p{number}" for number in range(1, 11)))
    burst.clock.now += 800
    await burst.start("p30")

    assert burst.in_flight == []
    assert len(burst.started) == 11
    burst.clock.now += 101
    await burst.start("p31")
    assert burst.in_flight == ["p31"]


async def test_a_burst_is_for_projects_that_are_known(burst):
    """Others might be rejected: at most four are in flight when one of them starts."""
    burst.listed -= {"p2", "p7"}
    await burst.end("accepted", "p0")
    assert burst.in_flight == ["p1", "p2", "p3", "p4", "p5", "p6"]

    await burst.end("accepted", "p1", "p3")
    assert len(burst.in_flight) == 4
    await burst.end("accepted", "p4")
    assert burst.in_flight[:4] == ["p2", "p5", "p6", "p7"]
    assert len(burst.in_flight) == 10


async def test_a_burst_is_soon_over(burst):
    """It counts from when the accepted request was sent, since then all may differ."""
    burst.clock.now += 3
    await burst.end("accepted", "p0")
    assert len(burst.in_flight) == 10
    burst.clock.now += 2
    await burst.end("no answer", *(f"p{number}" for number in range(1, 10)))
    assert len(burst.in_flight) == 4

    # Accepted too late, since it was sent five seconds ago.
    burst.clock.now += 3
    await burst.end("accepted", "p10")
    assert len(burst.in_flight) == 4


async def test_who_is_first_waits_behind_nobody(burst):
    """The account's login lists the projects, so it goes before theirs."""
    await burst.start("p30", is_first=True)
    await burst.end("no answer", "p0")
    assert burst.in_flight == ["p30"]

    await burst.end("accepted", "p30")
    assert burst.in_flight[0] == "p1"
    assert burst.lockout_guard.waiting == 9


async def test_a_burst_that_is_canceled_leaves_its_places(burst):
    """All of it in the same tick, waiting and in flight: work goes on."""
    await burst.end("accepted", "p0")
    for task in burst.tasks:
        task.cancel()
    await settle()
    assert burst.lockout_guard.waiting == 0

    burst.started.clear()
    await burst.start(*(f"p{number}" for number in range(20)))
    assert len(burst.in_flight) == 10


async def test_who_was_let_in_does_not_send_a_secret_that_changed_in_the_same_tick():
    """A place that was given for the old secret goes to the new one."""
    lockout_guard = LockoutGuard(KEY)
    old, new = Uses(lockout_guard, "old"), Uses(lockout_guard, "new")
    first = asyncio.create_task(old.use("p"))
    await settle()
    second = asyncio.create_task(old.use("q"))
    await settle()
    # The first ends and lets the second in; before that runs, the new secret comes.
    old.started[0].set_result("no answer")
    third = asyncio.create_task(new.use("r"))
    await settle()

    assert len(old.started) == 1
    with pytest.raises(CollectionError) as raised:
        await second
    assert raised.value.failure.transient
    assert len(new.started) == 1
    new.started[0].set_result("accepted")
    await asyncio.gather(first, third)


async def test_a_proof_ends_after_its_time():
    """When the time is just over, uses go one at a time again."""
    clock = Clock()
    uses = Uses(
        LockoutGuard(LockoutLimits(cooldown_seconds=900, accepted_seconds=60), clock)
    )
    task = asyncio.create_task(uses.use("p"))
    await settle()
    uses.started[0].set_result("accepted")
    await task
    clock.now += 60

    tasks = [asyncio.create_task(uses.use(f"p{n}")) for n in range(3)]
    await settle()
    assert len(uses.started) == 1 + 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def rejected_four_times(uses, clock):
    """Let a credential be accepted, and then rejected at four times, 10 s apart."""
    task = asyncio.create_task(uses.use("p"))
    await settle()
    uses.started[0].set_result("accepted")
    await task
    tasks = [asyncio.create_task(uses.use(project)) for project in "abcd"]
    await settle()
    for use in uses.started[1:]:
        use.set_result("rejected")
        await settle()
        clock.now += 10
    await asyncio.gather(*tasks)


async def test_a_reload_does_not_bring_the_account_closer_to_its_lock():
    """After four refusals, not even a reload lets a fifth request be sent in time."""
    clock = Clock()
    lockout_guard = LockoutGuard(PASSWORD, clock)
    uses = Uses(lockout_guard)
    await rejected_four_times(uses, clock)
    lockout_guard.try_again()

    with pytest.raises(CollectionError, match="not sent again for 860 s"):
        await uses.use("z")
    clock.now += 860
    task = asyncio.create_task(uses.use("z"))
    await settle()
    assert len(uses.started) == 1 + 4 + 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_new_secret_does_not_inherit_refusals():
    """However often the old one was rejected, the new one is tried at once."""
    clock = Clock()
    lockout_guard = LockoutGuard(PASSWORD, clock)
    assert not lockout_guard.is_replaced_by("new")
    old, new = Uses(lockout_guard), Uses(lockout_guard, "new")
    await rejected_four_times(old, clock)
    assert lockout_guard.is_replaced_by("new")
    assert not lockout_guard.is_replaced_by("secret")

    for _ in range(2):
        task = asyncio.create_task(new.use("z"))
        await settle()
        new.started[-1].set_result("accepted")
        await task
    assert len(new.started) == 2


async def test_who_was_let_in_and_is_canceled_in_the_same_tick():
    """The place goes to the next one at once."""
    uses = Uses(LockoutGuard(KEY))
    first, second, third = (asyncio.create_task(uses.use(name)) for name in "abc")
    await settle()
    uses.started[0].set_result("no answer")
    # Before the second runs, but after the first has let it in.
    asyncio.get_running_loop().call_soon(second.cancel)
    await settle()

    assert second.cancelled()
    assert len(uses.started) == 2
    uses.started[1].set_result("accepted")
    await asyncio.gather(first, third)


@pytest.mark.parametrize("processes", [1, 2, 3, 4])
@pytest.mark.parametrize("was_accepted", [True, False])
async def test_processes_do_not_lock_the_account_together(processes, was_accepted):
    """However many use the credential, and are told to try again: at most four do."""
    all_uses = [
        Uses(LockoutGuard(PASSWORD.divided(processes))) for _ in range(processes)
    ]
    rejected = 0
    async with asyncio.TaskGroup() as group:
        tasks = []
        for uses in all_uses if was_accepted else ():
            tasks.append(group.create_task(uses.use("first")))
            await settle()
            uses.started.pop().set_result("accepted")
        for round_number in range(5):
            for uses in all_uses:
                uses.lockout_guard.try_again()
                for number in range(10):
                    asked = uses.use(f"p{round_number}-{number}")
                    tasks.append(group.create_task(outcome(asked)))
            await settle()
            for uses in all_uses:
                rejected += len(uses.started)
                for started in uses.started:
                    started.set_result("rejected")
                uses.started.clear()
            await settle()

    assert processes <= rejected <= 4


async def outcome(asked):
    """Return whether a use of a credential was admitted."""
    try:
        await asked
    except CollectionError:
        return False
    return True
