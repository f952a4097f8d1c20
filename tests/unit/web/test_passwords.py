"""Passwords of the listener: the cost of checks, their order, and their end."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading

import bcrypt
import httpx
import pytest

from examples import examples
from harness import configuration, exporting, simulated
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from programs import first_match

from exporter.simulator import serve
from exporter.web.config import CurrentWebConfiguration
from exporter.web.passwords import (
    MAX_REMEMBERED,
    MAX_WAIT_SECONDS,
    MAX_WAITING,
    MAX_WAITING_PER_CLIENT,
    PasswordChecker,
    Verdict,
)


PASSWORD = "canary-web-password"
DIGEST = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def digest(cost, letter="a"):
    """Return a text that looks like a hash of that cost."""
    return f"$2b${cost:02}${'.' * 22}{letter * 31}"


class FakeBcrypt:
    """A fake bcrypt, whose comparisons the test answers."""

    def __init__(self):
        self.running = []
        self.fails_to_start = False

    def __call__(self, check, done):
        """Start a comparison."""
        if self.fails_to_start:
            raise RuntimeError("can't start new thread")
        self.running.append((check, done))

    def end(self, index=0, *, failed=False):
        """Answer a comparison: b"right" is right, even for unknown users."""
        check, done = self.running.pop(index)
        is_right = Verdict.RIGHT if check.password == b"right" else Verdict.WRONG
        done(Verdict.UNCHECKED if failed else is_right)


async def run_ready():
    """Run everything that is ready."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_hash_is_compared():
    """Each check compares one hash; an unknown user's costs as much as the median."""
    bcrypt_calls = FakeBcrypt()
    passwords = PasswordChecker(bcrypt_calls)
    users = {
        "u": digest(5),
        "v": digest(5, "b"),
        "w": digest(12, "c"),
    }
    given = [
        ("u", b"right", Verdict.RIGHT),
        ("u", b"wrong", Verdict.WRONG),
        ("nobody", b"right", Verdict.WRONG),
        ("u", b"x" * 73, Verdict.WRONG),
        ("u", b"right\0", Verdict.WRONG),
    ]
    for user, password, expected in given:
        task = asyncio.create_task(passwords.check(users, user, password, "c"))
        await run_ready()
        ((check, _),) = bcrypt_calls.running
        assert check.digest[4:6] == b"05"
        bcrypt_calls.end()
        assert await task is expected
        assert passwords.remembered(users, user, password) is expected


@pytest.mark.slow
async def test_right_passwords_stay_remembered():
    """A password that was right stays remembered, however many wrong ones follow."""
    bcrypt_calls = FakeBcrypt()
    passwords = PasswordChecker(bcrypt_calls)
    users = {"u": digest(5)}
    right = asyncio.create_task(passwords.check(users, "u", b"right", "c"))
    await run_ready()
    bcrypt_calls.end()
    assert await right is Verdict.RIGHT
    for number in range(MAX_REMEMBERED + 10):
        wrong = asyncio.create_task(passwords.check(users, "u", b"%d" % number, "x"))
        await run_ready()
        bcrypt_calls.end()
        assert await wrong is Verdict.WRONG

    assert passwords.remembered(users, "u", b"right") is Verdict.RIGHT
    assert passwords.remembered(users, "u", b"0") is None
    assert passwords.remembered(users, "u", b"%d" % MAX_REMEMBERED) is Verdict.WRONG
    # A new hash is another password, and a removed user has none.
    assert passwords.remembered({"u": digest(5, "b")}, "u", b"right") is None
    assert passwords.remembered({"v": digest(5)}, "u", b"right") is None


async def test_clients_take_turns():
    """A client with many checks does not delay one with few."""
    bcrypt_calls = FakeBcrypt()
    passwords = PasswordChecker(bcrypt_calls)
    users = {"u": digest(5), "slow": digest(31)}

    def ask(user, password, client):
        return asyncio.create_task(passwords.check(users, user, password, client))

    slow = ask("slow", b"x", "attacker")
    many = [ask("u", b"%d" % n, "attacker") for n in range(600)]
    await run_ready()
    refused = [one for one in many if one.done()]
    assert len(refused) == 600 - 1 - MAX_WAITING_PER_CLIENT
    assert {one.result() for one in refused} == {Verdict.UNCHECKED}
    mine = ask("u", b"right", "me")
    await run_ready()
    assert len(bcrypt_calls.running) == 2
    bcrypt_calls.end(1)
    bcrypt_calls.end(1)
    bcrypt_calls.end(1)
    assert await mine is Verdict.RIGHT
    slow.cancel()
    for one in many:
        one.cancel()
    await asyncio.gather(slow, *many, return_exceptions=True)


async def test_the_longest_queue_makes_room():
    """When the queues are full, a new client replaces a check of the longest one."""
    passwords = PasswordChecker(FakeBcrypt())
    users = {"u": digest(5)}
    tasks = [
        asyncio.create_task(passwords.check(users, "u", b"%d" % n, f"client {n % 8}"))
        for n in range(MAX_WAITING + 8)
    ]
    await run_ready()
    assert passwords.waiting == MAX_WAITING
    before = sum(task.done() for task in tasks)
    mine = asyncio.create_task(passwords.check(users, "u", b"right", "me"))
    await run_ready()
    assert not mine.done()
    assert passwords.waiting == MAX_WAITING
    assert sum(task.done() for task in tasks) == before + 1
    for task in (mine, *tasks):
        task.cancel()
    await asyncio.gather(mine, *tasks, return_exceptions=True)
    assert passwords.waiting == 0


class PasswordCheckerMachine(RuleBasedStateMachine):
    """Starts, ends, failures, cancellations, time and reloads in any order."""

    users = st.sampled_from(["cheap", "other", "slow", "nobody"])
    passwords = st.sampled_from([b"right", b"a", b"b", b"c", b"\0right", b"x" * 80])

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = 0.0
        self.loop.time = lambda: self.now
        self.bcrypt_calls = FakeBcrypt()
        self.checker = PasswordChecker(self.bcrypt_calls)
        self.generation = 0
        self.number = 0
        self.asked = {}
        self.troubled = set()

    @property
    def known(self):
        """Return the users with their current hashes."""
        letter = "abcdef"[self.generation % 6]
        return {
            "cheap": digest(4, letter),
            "other": digest(6, letter),
            "slow": digest(20, letter),
        }

    def settle(self):
        """Run the loop until nothing is ready."""
        self.loop.run_until_complete(run_ready())

    def start(self, user, password, client):
        """Start a check without waiting."""
        is_right = user in self.known and password == b"right"
        coroutine = self.checker.check(self.known, user, password, client)
        self.asked[self.loop.create_task(coroutine)] = is_right

    @rule(user=users, password=passwords, client=st.sampled_from("xyz"))
    def ask(self, user, password, client):
        """Check one password."""
        self.start(user, password, client)
        self.settle()

    @rule(user=users, client=st.sampled_from("xyz"), number=st.integers(2, 80))
    def ask_for_many(self, user, client, number):
        """Check many passwords in one tick, from one client or from many."""
        for _ in range(number):
            self.number += 1
            name = client if client != "z" else str(self.number)
            self.start(user, b"%d" % self.number, name)
        self.settle()

    def ended(self, data):
        """End a running check, without running the loop."""
        index = data.draw(st.integers(0, len(self.bcrypt_calls.running) - 1))
        self.bcrypt_calls.end(index, failed=data.draw(st.booleans()))

    @precondition(lambda self: self.bcrypt_calls.running)
    @rule(data=st.data())
    def end(self, data):
        """A check ends, or fails."""
        self.ended(data)
        self.settle()

    @precondition(lambda self: self.pending())
    @rule(data=st.data())
    def cancel(self, data):
        """One, many or all checks are canceled in one tick, perhaps as another ends."""
        pending = self.pending()
        gone = data.draw(
            st.lists(st.sampled_from(pending), unique=True) | st.just(pending)
        )
        if self.bcrypt_calls.running and data.draw(st.booleans()):
            self.ended(data)
        for task in gone:
            task.cancel()
        self.settle()
        assert all(task.done() for task in gone)

    @rule(seconds=st.sampled_from([MAX_WAIT_SECONDS / 2, MAX_WAIT_SECONDS + 1]))
    def wait(self, seconds):
        """Time passes."""
        self.now += seconds
        self.settle()
        if seconds > MAX_WAIT_SECONDS:
            assert not self.pending()

    @rule()
    def reload(self):
        """All users get new hashes."""
        self.generation += 1

    @rule(fails=st.booleans())
    def threads(self, fails):
        """Starting a thread fails, or works again."""
        self.bcrypt_calls.fails_to_start = fails

    def pending(self):
        """Return the checks that have not ended."""
        return [task for task in self.asked if not task.done()]

    @invariant()
    def checks_wait_only_for_running_ones(self):
        """A check waits only for a running one, and each lane runs at most one."""
        assert self.checker.running == len(self.bcrypt_calls.running) <= 2
        lanes = [check.is_slow for check, _ in self.bcrypt_calls.running]
        assert len(set(lanes)) == len(lanes)
        if not self.bcrypt_calls.running:
            assert self.checker.waiting == 0
            assert not self.pending()
        assert self.checker.waiting <= len(self.pending())
        assert self.checker.waiting <= MAX_WAITING * 2

    @invariant()
    def verdicts_are_right(self):
        """A verdict is right, or there is none."""
        for task in [task for task in self.asked if task.done()]:
            is_right = self.asked.pop(task)
            if not task.cancelled():
                wanted = Verdict.RIGHT if is_right else Verdict.WRONG
                assert task.result() in {wanted, Verdict.UNCHECKED}

    def teardown(self):
        """Whatever happened, all checks end, and new ones work."""
        self.bcrypt_calls.fails_to_start = False
        while self.bcrypt_calls.running:
            self.bcrypt_calls.end()
            self.settle()
        assert not self.pending()
        assert self.checker.waiting == self.checker.running == 0
        self.generation += 1
        for user in ("cheap", "slow"):
            password = b"fresh-%d" % self.number
            self.start(user, password, "x")
            self.settle()
            self.bcrypt_calls.end()
            self.settle()
            verdict = self.checker.remembered(self.known, user, password)
            assert verdict is Verdict.WRONG
        self.loop.close()


TestPasswordChecker = PasswordCheckerMachine.TestCase
TestPasswordChecker.settings = settings(
    max_examples=examples(60), stateful_step_count=30, deadline=None
)


class BlockedBcrypt:
    """A bcrypt that blocks for all but one password, until the test ends that."""

    def __init__(self, monkeypatch):
        self.bcrypt_calls = []
        self.started = threading.Event()
        self.resume = threading.Event()
        self._checkpw = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self)

    def __call__(self, password, hashed):
        """Compare the password."""
        self.bcrypt_calls.append(password)
        if password != PASSWORD.encode():
            self.started.set()
            self.resume.wait(60)
        return self._checkpw(password, hashed)


@contextlib.asynccontextmanager
async def guarded(tmp_path):
    """Run an exporter with a user."""
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {{u: '{DIGEST}'}}\n")
    web = CurrentWebConfiguration(str(file))
    limits = httpx.Limits(max_connections=None)
    async with (
        serve(simulated("a")) as url,
        exporting(configuration(simulated("a"), url), web=web, limits=limits) as one,
    ):
        yield one


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_wrong_passwords_do_not_stop_scrapes(tmp_path, monkeypatch):
    """While 100 are checked, a remembered user is served, and a new one gets a turn."""
    async with guarded(tmp_path) as one:
        get = one.client.get
        url = f"{one.url}/sd"
        assert (await get(url, auth=("u", PASSWORD))).status_code == 200
        held = BlockedBcrypt(monkeypatch)
        tried = [
            asyncio.create_task(get(url, auth=("u", f"wrong-{number}")))
            for number in range(100)
        ]
        await asyncio.to_thread(held.started.wait, 30)
        # All but the few that may wait are answered at once.
        while sum(task.done() for task in tried) < 100 - 1 - MAX_WAITING_PER_CLIENT:
            await asyncio.wait(
                [task for task in tried if not task.done()],
                return_when=asyncio.FIRST_COMPLETED,
            )
        assert (await get(url, auth=("u", PASSWORD))).status_code == 200
        assert (await get(f"{one.url}/-/healthy")).status_code == 200
        for task in tried:
            if task.done():
                assert task.result().status_code == 503
                assert task.result().headers["Retry-After"] == "1"
        # Another user's first password comes next, whoever else waits.
        transport = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(transport=transport) as other:
            mine = asyncio.create_task(other.get(url, auth=("nobody", PASSWORD)))
            async with asyncio.timeout(30):
                while len(held.bcrypt_calls) < 2:
                    held.resume.set()
                    await asyncio.sleep(0)
            assert (await mine).status_code in {401, 503}
        answers = {task.result().status_code for task in await settled(tried)}
        assert answers <= {401, 503}


async def settled(tasks):
    """Return the tasks when all are done."""
    await asyncio.wait(tasks)
    return tasks


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_waiting_checks_end_with_their_client(tmp_path, monkeypatch):
    """Checks of a client that disconnects do not delay others."""
    async with guarded(tmp_path) as one:
        held = BlockedBcrypt(monkeypatch)
        url = f"{one.url}/sd"
        async with httpx.AsyncClient() as leaving:
            first = asyncio.create_task(leaving.get(url, auth=("u", "first")))
            await asyncio.to_thread(held.started.wait, 30)
            others = [
                asyncio.create_task(leaving.get(url, auth=("u", f"other-{number}")))
                for number in range(MAX_WAITING_PER_CLIENT)
            ]
            # When one more is rejected, all that may wait do.
            while (await one.client.get(url, auth=("u", "more"))).status_code != 503:
                pass
            for task in (first, *others):
                task.cancel()
            await asyncio.wait([first, *others])
        held.resume.set()
        async with asyncio.timeout(30):
            while True:
                answer = await one.client.get(url, auth=("u", PASSWORD))
                if answer.status_code == 200:
                    break
    assert not {b"other-%d" % n for n in range(1, 8)} & set(held.bcrypt_calls)


async def test_a_body_is_not_lost_while_its_password_is_checked(tmp_path):
    """The application receives all of a request whose password was checked."""
    async with guarded(tmp_path) as one:
        answer = await one.client.post(
            f"{one.url}/-/reload", auth=("u", PASSWORD), content=b"x" * 10_000
        )
        assert answer.status_code == 200


async def test_a_hash_that_cannot_be_compared(tmp_path, monkeypatch, logged):
    """Such a hash serves nobody, is logged without the password, and stops no check."""

    def fail(password, hashed):
        raise ValueError(f"canary {password}")

    async with guarded(tmp_path) as one:
        with monkeypatch.context() as patch:
            patch.setattr(bcrypt, "checkpw", fail)
            answer = await one.client.get(f"{one.url}/sd", auth=("u", PASSWORD))
            assert answer.status_code == 503
        answer = await one.client.get(f"{one.url}/sd", auth=("u", PASSWORD))
        assert answer.status_code == 200
    lines = logged()
    assert [line for line in lines if "password not checked" in line]
    assert "canary" not in str(lines)


@pytest.mark.slow
@pytest.mark.parametrize("cost", [4, 31])
def test_sigterm_ends_running_checks(tmp_path, cost):
    """A check that would take weeks does not delay the end, and logs no traceback."""
    (tmp_path / "config.yml").write_text(
        "clouds: {otc: {provider: otc, region: eu-de, auth: "
        "{password: {username: u, password: p, domain: d}}}}\n"
        "projects: [{name: a, cloud: otc, project_id: '1'}]\n"
    )
    hashed = DIGEST.replace("$04$", f"${cost:02}$")
    (tmp_path / "web.yml").write_text(f"basic_auth_users: {{u: '{hashed}'}}\n")
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "exporter",
            f"--config.file={tmp_path}/config.yml",
            f"--web.config.file={tmp_path}/web.yml",
            "--web.listen-address=127.0.0.1:0",
        ],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            url = first_match(process.stderr, r"url=(\S+)/m")

            def ask(number):
                with contextlib.suppress(httpx.TransportError):
                    httpx.get(f"{url}/sd", auth=("u", f"wrong-{number}"), timeout=60)

            asking = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
            for thread in asking:
                thread.start()
            # All but the few that may wait are answered.
            while httpx.get(f"{url}/-/healthy", timeout=60).status_code != 200:
                pass
            process.send_signal(signal.SIGTERM)
            # Five seconds, plus what a busy machine takes.
            assert process.wait(timeout=20) == 0
            for thread in asking:
                thread.join()
            rest = process.stderr.read()
        finally:
            process.kill()
    assert "Traceback" not in rest
    assert "stopped" in rest
