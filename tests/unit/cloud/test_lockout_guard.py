"""A wrong credential is tried once, and not again until something changes."""

import asyncio

import pytest

from exporter.cloud.auth.lockout_guard import LockoutGuard
from exporter.cloud.auth.lockout_policy import LockoutLimits
from exporter.errors import CollectionError, Failure, Reason


REJECTED = Failure(reason=Reason.AUTHENTICATION, problem="rejected", advice="")
KEY = LockoutLimits(cooldown_seconds=300)
PASSWORD = LockoutLimits(cooldown_seconds=900, accepted_seconds=60, max_in_flight=4)


class Clock:
    """A clock that the test sets."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        """Return the time."""
        return self.now


class Attempts:
    """Attempts to use a credential, which end when the test says so."""

    def __init__(self, lockout_guard, secret="secret"):
        self.lockout_guard = lockout_guard
        self.secret = secret
        self.started = []

    async def use(self, project):
        """Use the credential, and wait for the outcome that the test sets."""
        async with self.lockout_guard.attempt(self.secret, project) as attempt:
            outcome = asyncio.get_running_loop().create_future()
            self.started.append(outcome)
            match await outcome:
                case "accepted":
                    attempt.accepted()
                case "rejected":
                    attempt.rejected(REJECTED)


async def settle():
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_tries_while_the_others_wait():
    """One request tries a new credential; once it is accepted, the others are sent."""
    attempts = Attempts(LockoutGuard(KEY))
    tasks = [asyncio.create_task(attempts.use(f"p{n}")) for n in range(10)]
    await settle()
    assert len(attempts.started) == 1

    attempts.started[0].set_result("accepted")
    await settle()
    assert len(attempts.started) == 10

    for outcome in attempts.started[1:]:
        outcome.set_result("accepted")
    await asyncio.gather(*tasks)


async def test_a_rejected_credential_is_sent_once():
    """When the first request is rejected, the others fail without being sent."""
    attempts = Attempts(LockoutGuard(KEY))
    tasks = [asyncio.create_task(attempts.use(f"p{n}")) for n in range(10)]
    await settle()
    attempts.started[0].set_result("rejected")
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert len(attempts.started) == 1
    assert sum(isinstance(result, CollectionError) for result in results) == 9
    assert "not sent again for 300 s" in str(results[-1])


async def test_a_rejected_credential_is_not_sent_during_the_cooldown():
    """A rejected credential is not sent again until the cooldown is over."""
    clock = Clock()
    attempts = Attempts(LockoutGuard(KEY, clock))
    task = asyncio.create_task(attempts.use("p"))
    await settle()
    attempts.started[0].set_result("rejected")
    await task

    clock.now += 299
    with pytest.raises(CollectionError):
        await attempts.use("p")
    clock.now += 2
    task = asyncio.create_task(attempts.use("p"))
    await settle()
    assert len(attempts.started) == 2
    task.cancel()


async def test_a_changed_credential_is_tried_at_once():
    """A new secret is tried at once, whatever happened to the old one."""
    lockout_guard = LockoutGuard(KEY)
    old = Attempts(lockout_guard, "old")
    task = asyncio.create_task(old.use("p"))
    await settle()
    old.started[0].set_result("rejected")
    await task

    new = Attempts(lockout_guard, "new")
    task = asyncio.create_task(new.use("p"))
    await settle()
    new.started[0].set_result("accepted")
    await task


async def test_a_late_rejection_of_the_old_secret():
    """A late rejection of the old secret does not count against the new one."""
    lockout_guard = LockoutGuard(KEY)
    old, new = Attempts(lockout_guard, "old"), Attempts(lockout_guard, "new")
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


async def test_a_late_success_of_the_old_secret():
    """A late success of the old secret does not count as one of the new secret."""
    lockout_guard = LockoutGuard(KEY)
    old, new = Attempts(lockout_guard, "old"), Attempts(lockout_guard, "new")
    first = asyncio.create_task(old.use("p"))
    await settle()
    others = [asyncio.create_task(new.use(f"p{n}")) for n in range(3)]
    await settle()
    old.started[0].set_result("accepted")
    await first
    await settle()
    # One request tries the new secret, and the others wait for its outcome.
    assert len(new.started) == 1

    new.started[0].set_result("rejected")
    await asyncio.gather(*others, return_exceptions=True)
    assert len(new.started) == 1


async def test_the_old_secret_is_not_sent_once_there_is_a_new_one():
    """Requests that wait with the old secret fail as transient."""
    lockout_guard = LockoutGuard(KEY)
    old, new = Attempts(lockout_guard, "old"), Attempts(lockout_guard, "new")
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


async def test_a_success_after_a_rejection_ends_the_cooldown():
    """A success elsewhere shows that a rejection was the project's own."""
    clock = Clock()
    attempts = Attempts(LockoutGuard(PASSWORD, clock))
    task = asyncio.create_task(attempts.use("p"))
    await settle()
    attempts.started[0].set_result("accepted")
    await task
    tasks = [asyncio.create_task(attempts.use(project)) for project in "abc"]
    await settle()
    for outcome, use in zip(
        ("rejected", "rejected", "accepted"), attempts.started[1:], strict=True
    ):
        use.set_result(outcome)
    await asyncio.gather(*tasks)
    clock.now += 61

    task = asyncio.create_task(attempts.use("p"))
    await settle()
    assert len(attempts.started) == 5
    attempts.started[-1].set_result("accepted")
    await task


async def test_a_rejection_long_after_a_success_does_not_stop_the_others():
    """One rejection does not stop the other projects; a second in a row does."""
    clock = Clock()
    attempts = Attempts(LockoutGuard(PASSWORD, clock))
    for project, outcome in (("a", "accepted"), ("b", "rejected"), ("c", "rejected")):
        task = asyncio.create_task(attempts.use(project))
        await settle()
        attempts.started[-1].set_result(outcome)
        await task
        clock.now += 3600 if outcome == "accepted" else 1

    with pytest.raises(CollectionError):
        await attempts.use("d")
    assert len(attempts.started) == 3


async def test_rejections_count_together_with_requests_in_flight(monkeypatch):
    """After a rejection, no request is admitted that could be the fifth rejection."""
    monkeypatch.setattr("exporter.cloud.auth.lockout_guard._PATIENCE_SECONDS", 0.001)
    attempts = Attempts(LockoutGuard(PASSWORD))
    tasks = [asyncio.create_task(attempts.use("p"))]
    await settle()
    attempts.started[0].set_result("accepted")
    tasks += [asyncio.create_task(attempts.use(f"p{n}")) for n in range(6)]
    await settle()
    attempts.started[1].set_result("rejected")
    await asyncio.sleep(0.02)
    assert len(attempts.started) == 1 + 4

    for outcome in attempts.started[2:]:
        outcome.set_result("rejected")
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(attempts.started) == 1 + 4


async def test_a_rejection_stops_a_request_admitted_in_the_same_tick():
    """An admitted request is not sent if a rejection arrives in the same tick."""
    clock = Clock()
    attempts = Attempts(LockoutGuard(PASSWORD, clock))
    tasks = [asyncio.create_task(attempts.use("p"))]
    await settle()
    attempts.started[0].set_result("accepted")
    await tasks[0]
    tasks += [asyncio.create_task(attempts.use(f"p{n}")) for n in range(5)]
    await settle()
    attempts.started[1].set_result("no answer")
    for outcome in attempts.started[2:4]:
        outcome.set_result("rejected")
    await settle()
    assert len(attempts.started) == 1 + 4

    attempts.started[4].set_result("rejected")
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_projects_rejection_does_not_stop_an_accepted_credential():
    """A rejection after a success only makes the credential be tried again."""
    attempts = Attempts(LockoutGuard(KEY))
    for outcome in ("accepted", "rejected", "accepted"):
        task = asyncio.create_task(attempts.use("p"))
        await settle()
        attempts.started[-1].set_result(outcome)
        await task

    assert len(attempts.started) == 3


async def test_after_the_cooldown_another_project_goes_first():
    """After the cooldown, projects other than the rejected one go first."""
    clock = Clock()
    attempts = Attempts(LockoutGuard(KEY, clock))
    tasks = [asyncio.create_task(attempts.use(project)) for project in ("bad", "good")]
    await settle()
    attempts.started[0].set_result("rejected")
    await asyncio.gather(*tasks, return_exceptions=True)
    clock.now += 301

    with pytest.raises(CollectionError):
        await attempts.use("bad")
    task = asyncio.create_task(attempts.use("good"))
    await settle()
    attempts.started[-1].set_result("accepted")
    await task


async def test_a_success_expires():
    """When a success has expired, requests go one at a time again."""
    clock = Clock()
    attempts = Attempts(LockoutGuard(PASSWORD, clock))
    task = asyncio.create_task(attempts.use("p"))
    await settle()
    attempts.started[0].set_result("accepted")
    await task

    tasks = [asyncio.create_task(attempts.use(f"p{n}")) for n in range(10)]
    await settle()
    assert len(attempts.started) == 1 + 4
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    clock.now += 61
    tasks = [asyncio.create_task(attempts.use(f"p{n}")) for n in range(10)]
    await settle()
    assert len(attempts.started) == 1 + 4 + 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_hanging_request_does_not_hold_up_the_others(monkeypatch):
    """Others are sent after a while, but too few to lock the account."""
    monkeypatch.setattr("exporter.cloud.auth.lockout_guard._PATIENCE_SECONDS", 0.001)
    attempts = Attempts(LockoutGuard(KEY))
    tasks = [asyncio.create_task(attempts.use(f"p{n}")) for n in range(10)]
    while len(attempts.started) < 4:  # noqa: ASYNC110 - what is watched knows no events
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)

    assert len(attempts.started) == 4
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("outcome", ["accepted", "rejected"])
async def test_the_outcome_counts_before_the_request_has_ended(outcome):
    """Waiting requests are sent, or fail, as soon as the outcome is reported."""
    lockout_guard = LockoutGuard(KEY)
    attempts = Attempts(lockout_guard)
    async with lockout_guard.attempt("secret", "p") as attempt:
        waiting = asyncio.create_task(attempts.use("q"))
        await settle()
        assert attempts.started == []

        if outcome == "accepted":
            attempt.accepted()
        else:
            attempt.rejected(REJECTED)
        await settle()
        assert len(attempts.started) == (outcome == "accepted")
        assert waiting.done() == (outcome == "rejected")

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_success_clears_the_rejections_before_it():
    """Only rejections since the last success count towards the lock."""
    clock = Clock()
    attempts = Attempts(LockoutGuard(PASSWORD, clock))
    task = asyncio.create_task(attempts.use("p"))
    await settle()
    attempts.started[0].set_result("accepted")
    await task
    tasks = [asyncio.create_task(attempts.use(project)) for project in "abcp"]
    await settle()
    for outcome, use in zip(
        ("rejected", "rejected", "rejected", "accepted"),
        attempts.started[1:],
        strict=True,
    ):
        use.set_result(outcome)
    await asyncio.gather(*tasks)

    # Sent after those, this one is also counted after them.
    for project, outcome in (("p", "accepted"), ("a", "rejected"), ("p", "accepted")):
        task = asyncio.create_task(attempts.use(project))
        await settle()
        attempts.started[-1].set_result(outcome)
        await task
        clock.now += 61
    assert len(attempts.started) == 8


async def test_a_success_does_not_clear_rejections_that_may_have_come_after_it():
    """Rejections that the cloud may have counted after the success still count."""
    attempts = Attempts(LockoutGuard(PASSWORD, Clock()))
    tasks = [asyncio.create_task(attempts.use("p"))]
    await settle()
    attempts.started[0].set_result("accepted")
    tasks += [asyncio.create_task(attempts.use(f"p{number}")) for number in range(9)]
    await settle()
    attempts.started[1].set_result("rejected")
    attempts.started[2].set_result("accepted")
    await settle()
    # One was rejected, and two are in flight: there is room for one more.
    assert len(attempts.started) == 1 + 4 + 1

    for outcome in attempts.started[3:]:
        outcome.set_result("rejected")
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(attempts.started) == 1 + 4 + 1


class Burst:
    """A guard that admits ten requests in a burst, for projects that the test lists."""

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
        """Start a request for each project."""
        for project in projects:
            self.tasks.append(asyncio.create_task(self._use(project, is_first)))
        await settle()

    async def end(self, outcome, *projects):
        """End requests with an outcome."""
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
                    attempt.rejected(REJECTED)


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


async def test_a_burst_starts_after_a_success(burst):
    """Up to ten go at a time, in order."""
    await burst.end("accepted", "p0")
    assert burst.in_flight == [f"p{number}" for number in range(1, 11)]

    await burst.end("accepted", "p3", "p5")
    assert len(burst.in_flight) == 10
    assert burst.in_flight[-2:] == ["p11", "p12"]


async def test_a_burst_ends_with_a_rejection(burst):
    """After a rejection, at most four requests in flight could be rejected in a row."""
    await burst.end("accepted", "p0")
    await burst.end("rejected", "p1")
    await burst.end("accepted", *(f"p{number}" for number in range(2, 8)))
    # Their successes may have been counted before the rejection.
    assert burst.in_flight == ["p8", "p9", "p10"]

    await burst.end("accepted", "p8")
    assert burst.in_flight == ["p9", "p10", "p11"]
    # This one was sent after the rejection, so the burst continues.
    await burst.end("accepted", "p11")
    assert len(burst.in_flight) == 10


async def test_nothing_is_sent_after_a_burst_of_rejections(burst):
    """After a burst of rejections, no request is sent until the cooldown is over."""
    await burst.end("accepted", "p0")
    await burst.end("rejected", *(f"p{number}" for number in range(1, 11)))
    burst.clock.now += 800
    await burst.start("p30")

    assert burst.in_flight == []
    assert len(burst.started) == 11
    burst.clock.now += 101
    await burst.start("p31")
    assert burst.in_flight == ["p31"]


async def test_a_burst_is_for_listed_projects(burst):
    """A project that is not listed starts only when at most four are in flight."""
    burst.listed -= {"p2", "p7"}
    await burst.end("accepted", "p0")
    assert burst.in_flight == ["p1", "p2", "p3", "p4", "p5", "p6"]

    await burst.end("accepted", "p1", "p3")
    assert len(burst.in_flight) == 4
    await burst.end("accepted", "p4")
    assert burst.in_flight[:4] == ["p2", "p5", "p6", "p7"]
    assert len(burst.in_flight) == 10


async def test_a_burst_ends_after_its_time(burst):
    """A burst lasts five seconds from when the accepted request was sent."""
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


async def test_the_account_goes_before_all_projects(burst):
    """The account's login goes before all others, since it lists the projects."""
    await burst.start("p30", is_first=True)
    await burst.end("no answer", "p0")
    assert burst.in_flight == ["p30"]

    await burst.end("accepted", "p30")
    assert burst.in_flight[0] == "p1"
    assert burst.lockout_guard.waiting == 9


async def test_a_canceled_burst_frees_its_places(burst):
    """Requests canceled in one tick, waiting or in flight, free their places."""
    await burst.end("accepted", "p0")
    for task in burst.tasks:
        task.cancel()
    await settle()
    assert burst.lockout_guard.waiting == 0

    burst.started.clear()
    await burst.start(*(f"p{number}" for number in range(20)))
    assert len(burst.in_flight) == 10


async def test_an_admitted_request_does_not_send_a_secret_that_changed_in_the_same_tick():
    """A place given to a request with the old secret goes to the new secret."""
    lockout_guard = LockoutGuard(KEY)
    old, new = Attempts(lockout_guard, "old"), Attempts(lockout_guard, "new")
    first = asyncio.create_task(old.use("p"))
    await settle()
    second = asyncio.create_task(old.use("q"))
    await settle()
    # The first ends and admits the second; before that runs, the new secret arrives.
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


async def test_a_success_expires_on_time():
    """When a success has just expired, requests go one at a time again."""
    clock = Clock()
    attempts = Attempts(
        LockoutGuard(LockoutLimits(cooldown_seconds=900, accepted_seconds=60), clock)
    )
    task = asyncio.create_task(attempts.use("p"))
    await settle()
    attempts.started[0].set_result("accepted")
    await task
    clock.now += 60

    tasks = [asyncio.create_task(attempts.use(f"p{n}")) for n in range(3)]
    await settle()
    assert len(attempts.started) == 1 + 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def rejected_four_times(attempts, clock):
    """Let a credential be accepted, and then be rejected four times, 10 s apart."""
    task = asyncio.create_task(attempts.use("p"))
    await settle()
    attempts.started[0].set_result("accepted")
    await task
    tasks = [asyncio.create_task(attempts.use(project)) for project in "abcd"]
    await settle()
    for use in attempts.started[1:]:
        use.set_result("rejected")
        await settle()
        clock.now += 10
    await asyncio.gather(*tasks)


async def test_a_reload_cannot_lock_the_account():
    """After four rejections, not even a reload allows a fifth during the lock."""
    clock = Clock()
    lockout_guard = LockoutGuard(PASSWORD, clock)
    attempts = Attempts(lockout_guard)
    await rejected_four_times(attempts, clock)
    lockout_guard.try_again()

    with pytest.raises(CollectionError, match="not sent again for 860 s"):
        await attempts.use("z")
    clock.now += 860
    task = asyncio.create_task(attempts.use("z"))
    await settle()
    assert len(attempts.started) == 1 + 4 + 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_new_secret_does_not_inherit_rejections():
    """However often the old secret was rejected, the new one is tried at once."""
    clock = Clock()
    lockout_guard = LockoutGuard(PASSWORD, clock)
    assert not lockout_guard.is_replaced_by("new")
    old, new = Attempts(lockout_guard), Attempts(lockout_guard, "new")
    await rejected_four_times(old, clock)
    assert lockout_guard.is_replaced_by("new")
    assert not lockout_guard.is_replaced_by("secret")

    for _ in range(2):
        task = asyncio.create_task(new.use("z"))
        await settle()
        new.started[-1].set_result("accepted")
        await task
    assert len(new.started) == 2


async def test_a_request_canceled_in_the_tick_it_is_admitted():
    """The place of a request canceled in the tick it is admitted goes to the next."""
    attempts = Attempts(LockoutGuard(KEY))
    first, second, third = (asyncio.create_task(attempts.use(name)) for name in "abc")
    await settle()
    attempts.started[0].set_result("no answer")
    # After the first has admitted the second, but before the second runs.
    asyncio.get_running_loop().call_soon(second.cancel)
    await settle()

    assert second.cancelled()
    assert len(attempts.started) == 2
    attempts.started[1].set_result("accepted")
    await asyncio.gather(first, third)


@pytest.mark.parametrize("processes", [1, 2, 3, 4])
@pytest.mark.parametrize("was_accepted", [True, False])
async def test_processes_do_not_lock_the_account_together(processes, was_accepted):
    """Processes that share a credential get at most four rejections together."""
    all_attempts = [
        Attempts(LockoutGuard(PASSWORD.divided(processes))) for _ in range(processes)
    ]
    rejected = 0
    async with asyncio.TaskGroup() as group:
        tasks = []
        for attempts in all_attempts if was_accepted else ():
            tasks.append(group.create_task(attempts.use("first")))
            await settle()
            attempts.started.pop().set_result("accepted")
        for round_number in range(5):
            for attempts in all_attempts:
                attempts.lockout_guard.try_again()
                for number in range(10):
                    request = attempts.use(f"p{round_number}-{number}")
                    tasks.append(group.create_task(outcome(request)))
            await settle()
            for attempts in all_attempts:
                rejected += len(attempts.started)
                for started in attempts.started:
                    started.set_result("rejected")
                attempts.started.clear()
            await settle()

    assert processes <= rejected <= 4


async def outcome(request):
    """Return whether a request was admitted."""
    try:
        await request
    except CollectionError:
        return False
    return True
