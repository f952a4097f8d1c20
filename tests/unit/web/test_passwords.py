"""Passwords of the listener: what checks cost, who waits for whom, and that all end."""

import asyncio
import contextlib
import re
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
    """Return what looks like a hash of that cost."""
    return f"$2b${cost:02}${'.' * 22}{letter * 31}"


class Compared:
    """Stands for bcrypt: keeps what is compared until it is told to answer."""

    def __init__(self):
        self.under_way = []
        self.fails_to_start = False

    def __call__(self, check, done):
        """Start to compare."""
        if self.fails_to_start:
            raise RuntimeError("can't start new thread")
        self.under_way.append((check, done))

    def end(self, index=0, *, failed=False):
        """Answer one: b"right" is everybody's password, also of those who are none."""
        check, done = self.under_way.pop(index)
        is_right = Verdict.RIGHT if check.password == b"right" else Verdict.WRONG
        done(Verdict.UNCHECKED if failed else is_right)


async def turns():
    """Let everything go on that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_compared():
    """One hash for whatever is given; of an unknown user, as costly as the median."""
    compared = Compared()
    passwords = PasswordChecker(compared)
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
        await turns()
        ((check, _),) = compared.under_way
        assert check.digest[4:6] == b"05"
        compared.end()
        assert await task is expected
        assert passwords.remembered(users, user, password) is expected


@pytest.mark.slow
async def test_right_ones_are_not_forgotten_for_wrong_ones():
    """However many wrong ones there are, who was right before is so at once."""
    compared = Compared()
    passwords = PasswordChecker(compared)
    users = {"u": digest(5)}
    right = asyncio.create_task(passwords.check(users, "u", b"right", "c"))
    await turns()
    compared.end()
    assert await right is Verdict.RIGHT
    for number in range(MAX_REMEMBERED + 10):
        wrong = asyncio.create_task(passwords.check(users, "u", b"%d" % number, "x"))
        await turns()
        compared.end()
        assert await wrong is Verdict.WRONG

    assert passwords.remembered(users, "u", b"right") is Verdict.RIGHT
    assert passwords.remembered(users, "u", b"0") is None
    assert passwords.remembered(users, "u", b"%d" % MAX_REMEMBERED) is Verdict.WRONG
    # Another hash is another password, and a user who is gone has none.
    assert passwords.remembered({"u": digest(5, "b")}, "u", b"right") is None
    assert passwords.remembered({"v": digest(5)}, "u", b"right") is None


async def test_turns_go_round_by_client():
    """A client who asks for much waits behind one who asks for little; nobody for days."""
    compared = Compared()
    passwords = PasswordChecker(compared)
    users = {"u": digest(5), "slow": digest(31)}

    def ask(user, password, client):
        return asyncio.create_task(passwords.check(users, user, password, client))

    slow = ask("slow", b"x", "attacker")
    many = [ask("u", b"%d" % n, "attacker") for n in range(600)]
    await turns()
    refused = [one for one in many if one.done()]
    assert len(refused) == 600 - 1 - MAX_WAITING_PER_CLIENT
    assert {one.result() for one in refused} == {Verdict.UNCHECKED}
    mine = ask("u", b"right", "me")
    await turns()
    assert len(compared.under_way) == 2
    compared.end(1)
    compared.end(1)
    compared.end(1)
    assert await mine is Verdict.RIGHT
    slow.cancel()
    for one in many:
        one.cancel()
    await asyncio.gather(slow, *many, return_exceptions=True)


async def test_the_longest_queue_makes_room():
    """When many clients fill it all, a new one takes the place of who has most."""
    passwords = PasswordChecker(Compared())
    users = {"u": digest(5)}
    tasks = [
        asyncio.create_task(passwords.check(users, "u", b"%d" % n, f"client {n % 8}"))
        for n in range(MAX_WAITING + 8)
    ]
    await turns()
    assert passwords.waiting == MAX_WAITING
    before = sum(task.done() for task in tasks)
    mine = asyncio.create_task(passwords.check(users, "u", b"right", "me"))
    await turns()
    assert not mine.done()
    assert passwords.waiting == MAX_WAITING
    assert sum(task.done() for task in tasks) == before + 1
    for task in (mine, *tasks):
        task.cancel()
    await asyncio.gather(mine, *tasks, return_exceptions=True)
    assert passwords.waiting == 0


class Checks(RuleBasedStateMachine):
    """Any order of starts, ends, failures, cancellations, time and reloads."""

    users = st.sampled_from(["cheap", "other", "slow", "nobody"])
    passwords = st.sampled_from([b"right", b"a", b"b", b"c", b"\0right", b"x" * 80])

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = 0.0
        self.loop.time = lambda: self.now
        self.compared = Compared()
        self.checker = PasswordChecker(self.compared)
        self.generation = 0
        self.number = 0
        self.asked = {}
        self.troubled = set()

    @property
    def known(self):
        """Return the users, as they are since they were read last."""
        letter = "abcdef"[self.generation % 6]
        return {
            "cheap": digest(4, letter),
            "other": digest(6, letter),
            "slow": digest(20, letter),
        }

    def settle(self):
        """Let the loop do all that it can."""
        self.loop.run_until_complete(turns())

    def start(self, user, password, client):
        """Ask without waiting."""
        is_right = user in self.known and password == b"right"
        coroutine = self.checker.check(self.known, user, password, client)
        self.asked[self.loop.create_task(coroutine)] = is_right

    @rule(user=users, password=passwords, client=st.sampled_from("xyz"))
    def ask(self, user, password, client):
        """Ask once."""
        self.start(user, password, client)
        self.settle()

    @rule(user=users, client=st.sampled_from("xyz"), number=st.integers(2, 80))
    def ask_much(self, user, client, number):
        """Ask for many passwords in one tick, from one client or from many."""
        for _ in range(number):
            self.number += 1
            name = client if client != "z" else str(self.number)
            self.start(user, b"%d" % self.number, name)
        self.settle()

    def ended(self, data):
        """End a check that runs, and do not let the loop go on yet."""
        index = data.draw(st.integers(0, len(self.compared.under_way) - 1))
        self.compared.end(index, failed=data.draw(st.booleans()))

    @precondition(lambda self: self.compared.under_way)
    @rule(data=st.data())
    def end(self, data):
        """A check ends, or fails."""
        self.ended(data)
        self.settle()

    @precondition(lambda self: self.pending())
    @rule(data=st.data())
    def cancel(self, data):
        """One, many or all go away in one tick, perhaps with the end of a check."""
        pending = self.pending()
        gone = data.draw(
            st.lists(st.sampled_from(pending), unique=True) | st.just(pending)
        )
        if self.compared.under_way and data.draw(st.booleans()):
            self.ended(data)
        for task in gone:
            task.cancel()
        self.settle()
        assert all(task.done() for task in gone)

    @rule(seconds=st.sampled_from([MAX_WAIT_SECONDS / 2, MAX_WAIT_SECONDS + 1]))
    def wait(self, seconds):
        """Time goes by."""
        self.now += seconds
        self.settle()
        if seconds > MAX_WAIT_SECONDS:
            assert not self.pending()

    @rule()
    def reload(self):
        """All users get other hashes."""
        self.generation += 1

    @rule(fails=st.booleans())
    def threads(self, fails):
        """The system has no thread left, or has some again."""
        self.compared.fails_to_start = fails

    def pending(self):
        """Return those who wait."""
        return [task for task in self.asked if not task.done()]

    @invariant()
    def nobody_waits_for_nothing(self):
        """What runs is what was started; who waits, waits for one of the same lane."""
        assert self.checker.running == len(self.compared.under_way) <= 2
        lanes = [check.is_slow for check, _ in self.compared.under_way]
        assert len(set(lanes)) == len(lanes)
        if not self.compared.under_way:
            assert self.checker.waiting == 0
            assert not self.pending()
        assert self.checker.waiting <= len(self.pending())
        assert self.checker.waiting <= MAX_WAITING * 2

    @invariant()
    def nobody_is_let_in_who_is_not_right(self):
        """A verdict is right, or there is none."""
        for task in [task for task in self.asked if task.done()]:
            is_right = self.asked.pop(task)
            if not task.cancelled():
                wanted = Verdict.RIGHT if is_right else Verdict.WRONG
                assert task.result() in {wanted, Verdict.UNCHECKED}

    def teardown(self):
        """Whatever happened: all ends, nothing is left, and work goes on."""
        self.compared.fails_to_start = False
        while self.compared.under_way:
            self.compared.end()
            self.settle()
        assert not self.pending()
        assert self.checker.waiting == self.checker.running == 0
        self.generation += 1
        for user in ("cheap", "slow"):
            password = b"fresh-%d" % self.number
            self.start(user, password, "x")
            self.settle()
            self.compared.end()
            self.settle()
            verdict = self.checker.remembered(self.known, user, password)
            assert verdict is Verdict.WRONG
        self.loop.close()


TestChecks = Checks.TestCase
TestChecks.settings = settings(
    max_examples=examples(60), stateful_step_count=30, deadline=None
)


class Held:
    """Holds bcrypt up for all but one password, until it is told to go on."""

    def __init__(self, monkeypatch):
        self.compared = []
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self._checkpw = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self)

    def __call__(self, password, hashed):
        """Compare."""
        self.compared.append(password)
        if password != PASSWORD.encode():
            self.begun.set()
            self.go_on.wait(60)
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
    """While 100 are tried, who was right before is served, and who is new gets a turn."""
    async with guarded(tmp_path) as one:
        get = one.client.get
        url = f"{one.url}/sd"
        assert (await get(url, auth=("u", PASSWORD))).status_code == 200
        held = Held(monkeypatch)
        tried = [
            asyncio.create_task(get(url, auth=("u", f"wrong-{number}")))
            for number in range(100)
        ]
        await asyncio.to_thread(held.begun.wait, 30)
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
        # Somebody else's first password comes next, whoever waits.
        transport = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(transport=transport) as other:
            mine = asyncio.create_task(other.get(url, auth=("nobody", PASSWORD)))
            async with asyncio.timeout(30):
                while len(held.compared) < 2:
                    held.go_on.set()
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
async def test_waiting_checks_die_with_their_client(tmp_path, monkeypatch):
    """Who leaves is not waited for: the next who asks does not pay for it."""
    async with guarded(tmp_path) as one:
        held = Held(monkeypatch)
        url = f"{one.url}/sd"
        async with httpx.AsyncClient() as leaving:
            first = asyncio.create_task(leaving.get(url, auth=("u", "first")))
            await asyncio.to_thread(held.begun.wait, 30)
            others = [
                asyncio.create_task(leaving.get(url, auth=("u", f"other-{number}")))
                for number in range(MAX_WAITING_PER_CLIENT)
            ]
            # All that may wait do so when one more is refused.
            while (await one.client.get(url, auth=("u", "more"))).status_code != 503:
                pass
            for task in (first, *others):
                task.cancel()
            await asyncio.wait([first, *others])
        held.go_on.set()
        async with asyncio.timeout(30):
            while True:
                answer = await one.client.get(url, auth=("u", PASSWORD))
                if answer.status_code == 200:
                    break
    assert not {b"other-%d" % n for n in range(1, 8)} & set(held.compared)


async def test_a_body_is_not_lost_while_its_password_is_checked(tmp_path):
    """What the guard sees of a request, the application gets."""
    async with guarded(tmp_path) as one:
        answer = await one.client.post(
            f"{one.url}/-/reload", auth=("u", PASSWORD), content=b"x" * 10_000
        )
        assert answer.status_code == 200


async def test_a_hash_that_cannot_be_compared(tmp_path, monkeypatch, logged):
    """It lets nobody in, is logged without the password, and does not stop the others."""

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
def test_sigterm_ends_whatever_is_checked(tmp_path, cost):
    """A check that would take weeks holds nothing up, and there is no traceback."""
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
            lines = iter(process.stderr)
            url = next(
                found[1] for line in lines if (found := re.search(r"url=(\S+)/m", line))
            )

            def ask(number):
                with contextlib.suppress(httpx.TransportError):
                    httpx.get(f"{url}/sd", auth=("u", f"wrong-{number}"), timeout=60)

            asking = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
            for thread in asking:
                thread.start()
            # Those beyond the few that may wait are answered.
            while httpx.get(f"{url}/-/healthy", timeout=60).status_code != 200:
                pass
            process.send_signal(signal.SIGTERM)
            # Five seconds, and what a busy machine takes.
            assert process.wait(timeout=20) == 0
            for thread in asking:
                thread.join()
            rest = "".join(lines)
        finally:
            process.kill()
    assert "Traceback" not in rest
    assert "stopped" in rest
