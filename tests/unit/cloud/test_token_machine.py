"""Requests that share logins and key renewals, with events in any order."""

import asyncio

from datetime import UTC, datetime

import httpx

from examples import examples
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stepped import SteppedLoop, UnexpectedError

from exporter.cloud.auth import AgencyKeys, TokenAuth, TokenIssuer
from exporter.cloud.request_context import RequestContext, context_of
from exporter.config import PasswordAuth, Secret
from exporter.errors import CollectionError, Failure, Reason


EPOCH = 1_700_000_000.0
LOCK = 900.0
BROKEN = Failure(reason=Reason.NETWORK, problem="broken", advice="wait")


class PendingRequest:
    """A request that the machine answers."""

    def __init__(self, request):
        self.request = request
        self.answer = asyncio.get_running_loop().create_future()

    @property
    def project(self):
        """The project of the request."""
        return context_of(self.request).project


class ManualTransport(httpx.AsyncBaseTransport):
    """A transport whose requests wait for the machine's answer."""

    def __init__(self):
        self.issuer = []
        self.requests = []

    async def handle_async_request(self, request):
        """Wait for the machine's answer."""
        asked = PendingRequest(request)
        kind = self.requests if request.method == "GET" else self.issuer
        kind.append(asked)
        try:
            return await asked.answer
        finally:
            kind.remove(asked)


class TokenMachine(RuleBasedStateMachine):
    """Waiting requests share one login; a valid token is always used."""

    def __init__(self):
        super().__init__()
        self.loop = SteppedLoop()
        self.network = ManualTransport()
        self.open = {}
        self.issued = 0
        self.tokens = {}
        self.rejected_at = None
        self.loop.step(self._start())

    async def _start(self):
        self.client = httpx.AsyncClient(transport=self.network)
        auth = PasswordAuth(username="u", password=Secret("p"), domain="d")
        self.issuer = TokenIssuer(auth, "http://iam", self.client, self.now)
        self.auths = {
            name: TokenAuth(self.issuer, name, name, lambda _: None) for name in "ab"
        }
        # By project: text and expiry of the current token.
        self.tokens = {}
        self.rejected_at = None

    def now(self):
        """Return the Unix time that the logins see."""
        return EPOCH + self.loop.time()

    async def _ask(self, project):
        context = RequestContext(operation="jobs", project=project, action="list")
        return await self.client.get(
            f"http://api/{project}",
            auth=self.auths[project],
            extensions=context.extensions(),
        )

    @rule(project=st.sampled_from("ab"), count=st.integers(1, 3))
    def ask(self, project, count):
        """Requests arrive; those with a valid token send no login."""
        issuer, sent = len(self.network.issuer), len(self.network.requests)
        for _ in range(count):
            self.open[self.loop.create_task(self._ask(project))] = project
        self.loop.step()
        _, lasts_until = self.tokens.get(project, ("", 0.0))
        # In the last tenth of its lifetime it is renewed.
        if self.now() < lasts_until - 120:
            assert len(self.network.requests) == sent + count
            assert len(self.network.issuer) == issuer
        if self.now() >= lasts_until:
            assert len(self.network.requests) == sent

    @precondition(lambda self: self.network.issuer)
    @rule(
        data=st.data(),
        outcome=st.sampled_from(
            ["token", "token", "expired", "odd", "fault", "refused", "broken", "bug"]
        ),
        leaving=st.booleans(),
    )
    def answer_login(self, data, outcome, leaving):
        """A login ends, perhaps in the tick in which a request is canceled."""
        asked = data.draw(st.sampled_from(self.network.issuer))
        match outcome:
            case "token" | "expired":
                self.issued += 1
                ends = self.now() + (1200 if outcome == "token" else -1)
                self.tokens[asked.project] = f"token{self.issued}", ends
                self.rejected_at = None
                asked.answer.set_result(token(f"token{self.issued}", ends))
            case "odd":
                self.rejected_at = None
                asked.answer.set_result(token("odd\x7f", self.now() + 1200))
            case "fault":
                asked.answer.set_result(httpx.Response(503, content=b""))
            case "refused":
                self.rejected_at = self.loop.time()
                asked.answer.set_result(httpx.Response(401, content=b""))
            case "broken":
                asked.answer.set_exception(CollectionError(BROKEN))
            case "bug":
                asked.answer.set_exception(UnexpectedError)
        if leaving and self.open:
            data.draw(st.sampled_from(list(self.open))).cancel()
        self.loop.step()

    @precondition(lambda self: self.network.requests)
    @rule(data=st.data(), status=st.sampled_from([200, 401, 500]))
    def answer(self, data, status):
        """The API answers some requests at once, and may reject their tokens."""
        for asked in data.draw(
            st.lists(st.sampled_from(self.network.requests), min_size=1, unique_by=id)
        ):
            asked.answer.set_result(httpx.Response(status, content=b""))
        self.loop.step()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def leave(self, data):
        """Some or all requests are canceled in one tick; the logins continue."""
        issuer = list(self.network.issuer)
        for task in data.draw(
            st.lists(st.sampled_from(list(self.open)), min_size=1, unique_by=id)
        ):
            task.cancel()
        self.loop.step()
        assert self.network.issuer[: len(issuer)] == issuer

    @rule(seconds=st.sampled_from([1.0, 31.0, 300.0, 1000.0]))
    def wait(self, seconds):
        """Time passes: logins time out, tokens expire."""
        self.loop.advance(seconds)

    @rule()
    def try_again(self):
        """A reload: rejected credentials are tried again."""
        self.issuer.try_again()
        self.rejected_at = None

    @precondition(lambda self: len(self.open) > 3)
    @rule()
    def close_and_start_again(self):
        """The client is closed: waiting requests fail, and are not canceled."""
        waiting = [
            task
            for task in self.open
            if not any(
                asked.project == self.open[task] for asked in self.network.requests
            )
        ]
        self.loop.step(*(auth.aclose() for auth in self.auths.values()))
        assert not self.network.issuer
        for task in waiting:
            assert isinstance(task.exception(), CollectionError)
        for task in self.open:
            task.cancel()
        self.loop.step()
        self._look_at_what_ended()
        assert not self.loop.tasks()
        self.loop.step(self.client.aclose(), self._start())

    @invariant()
    def one_login_serves_all(self):
        """A project has at most one login, and requests wait only for a running one."""
        self._look_at_what_ended()
        projects = [asked.project for asked in self.network.issuer]
        assert len(projects) == len(set(projects))
        for asked in self.network.requests:
            assert asked.request.headers["X-Auth-Token"].startswith("token")
        sent = [asked.project for asked in self.network.requests]
        for project in "ab":
            waiting = list(self.open.values()).count(project) - sent.count(project)
            # A login may wait for another project's, which tries the password first.
            assert not waiting or self.network.issuer
        if not self.open and not self.network.issuer:
            assert not self.loop.tasks()
        assert not self.loop.errors

    def _look_at_what_ended(self):
        for task in [task for task in self.open if task.done()]:
            del self.open[task]
            if not task.cancelled() and task.exception() is not None:
                assert isinstance(
                    task.exception(),
                    CollectionError | UnexpectedError,
                )

    def teardown(self):
        """Whatever happened, the next requests log in and are answered."""
        for task in self.open:
            task.cancel()
        self.loop.step()
        for asked in self.network.issuer:
            asked.answer.set_result(httpx.Response(503, content=b""))
        self.loop.step()
        self.loop.advance(LOCK + 60 + 300)
        self.tokens.clear()
        task = self.loop.create_task(self._ask("a"))
        self.loop.step()
        for asked in self.network.issuer:
            asked.answer.set_result(token("token", self.now() + 1200))
        self.loop.step()
        for asked in self.network.requests:
            asked.answer.set_result(httpx.Response(200, content=b""))
        self.loop.step()
        assert task.result().status_code == 200
        self.loop.step(*(auth.aclose() for auth in self.auths.values()))
        self.loop.step(self.client.aclose())
        self.loop.end()


def token(text, ends):
    """Return IAM's answer with a token."""
    end = datetime.fromtimestamp(ends, UTC).isoformat()
    return httpx.Response(
        201, headers={"X-Subject-Token": text}, json={"token": {"expires_at": end}}
    )


class KeyMachine(RuleBasedStateMachine):
    """Waiting requests share one renewal; a valid key is always used."""

    def __init__(self):
        super().__init__()
        self.loop = SteppedLoop()
        self.open = []
        self.ends = 0.0
        self.loop.step(self._start())

    async def _start(self):
        self.network = ManualTransport()
        self.keys = AgencyKeys("http://metadata", self.loop.time, self.network)

    @property
    def asked(self):
        """The requests that wait for the metadata service."""
        return self.network.requests + self.network.issuer

    @rule(count=st.integers(1, 3))
    def ask(self, count):
        """Requests need a key."""
        asked = list(self.asked)
        tasks = [self.loop.create_task(self.keys.key()) for _ in range(count)]
        self.loop.step()
        self.open += tasks
        if self.ends - self.loop.time() > 600:
            assert all(task.done() for task in tasks)
            assert self.asked == asked

    @precondition(lambda self: self.asked)
    @rule(
        outcome=st.sampled_from(["good", "good", "odd", "fault", "broken"]),
        data=st.data(),
        leaving=st.booleans(),
    )
    def answer(self, outcome, data, leaving):
        """The metadata service answers, or fails."""
        (asked,) = self.asked
        is_key = asked in self.network.requests
        match outcome:
            case "good" | "odd":
                text = "text" if outcome == "good" else "o\x00dd"
                if is_key and outcome == "good":
                    self.ends = self.loop.time() + 3600
                content = key(text, self.loop.time() + 3600) if is_key else text
                asked.answer.set_result(httpx.Response(200, text=content))
            case "fault":
                asked.answer.set_result(httpx.Response(500, content=b""))
            case "broken":
                asked.answer.set_exception(httpx.ReadError("broken"))
        if leaving and self.open:
            data.draw(st.sampled_from(self.open)).cancel()
        self.loop.step()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def leave(self, data):
        """Some or all requests are canceled in one tick; the renewal continues."""
        asked = self.asked
        for task in data.draw(
            st.lists(st.sampled_from(self.open), min_size=1, unique_by=id)
        ):
            task.cancel()
        self.loop.step()
        assert self.asked == asked

    @rule(seconds=st.sampled_from([1.0, 31.0, 3000.0]))
    def wait(self, seconds):
        """Time passes: keys expire."""
        self.loop.advance(seconds)

    @precondition(lambda self: len(self.open) > 2)
    @rule()
    def close_and_start_again(self):
        """The keys are closed: waiting requests fail."""
        self.loop.step(self.keys.aclose())
        assert not self.asked
        for task in self.open:
            assert isinstance(task.exception(), CollectionError)
        self.open.clear()
        self.ends = 0.0
        self.loop.step(self._start())

    @invariant()
    def one_renewal_serves_all(self):
        """There is at most one renewal, and requests get a valid key."""
        assert len(self.asked) <= 1
        for task in [task for task in self.open if task.done()]:
            self.open.remove(task)
            if task.cancelled():
                continue
            if task.exception() is not None:
                assert isinstance(task.exception(), CollectionError)
                assert "\x00" not in str(task.exception())
            else:
                assert task.result().security_token == "text"
        assert not self.open or self.asked
        if not self.open and not self.asked:
            assert not self.loop.tasks()
        assert not self.loop.errors

    def teardown(self):
        """Whatever happened, the next request gets a key."""
        while self.asked:
            (asked,) = self.asked
            asked.answer.set_exception(httpx.ReadError("broken"))
            self.loop.step()
        self.loop.advance(7200)
        task = self.loop.create_task(self.keys.key())
        self.loop.step()
        while self.asked:
            (asked,) = self.asked
            is_key = asked in self.network.requests
            content = key("text", self.loop.time() + 3600) if is_key else "text"
            asked.answer.set_result(httpx.Response(200, text=content))
            self.loop.step()
        assert task.result().security_token == "text"
        self.loop.step(self.keys.aclose())
        self.loop.end()


def key(text, ends):
    """Return the metadata service's answer with a key."""
    end = datetime.fromtimestamp(ends, UTC).isoformat()
    content = {
        "access": "AK",
        "secret": "SK",
        "securitytoken": text,
        "expires_at": end,
    }
    return httpx.Response(200, json={"credential": content}).text


TestTokens = TokenMachine.TestCase
TestTokens.settings = settings(max_examples=examples(40), stateful_step_count=40)
TestKeys = KeyMachine.TestCase
TestKeys.settings = settings(max_examples=examples(40), stateful_step_count=40)
