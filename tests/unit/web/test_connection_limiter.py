"""The limits on connections, through everything that clients can do."""

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

from exporter.web.connection_limiter import MAX_BUFFERED_BYTES, ConnectionLimiter


class FakeConnection:
    """A connection as the limiter sees it."""

    def __init__(self):
        self.buffered_bytes = 0
        self.drops = 0

    def drop(self):
        """Abort the connection; the loop reports its loss in a later iteration."""
        self.drops += 1


class ConnectionLimiterMachine(RuleBasedStateMachine):
    """
    Connections that open, shake hands, send requests, read answers, and go away.

    The model knows which wait, in order, which work, and which were dropped but are not
    reported as lost yet.
    """

    @initialize(limit=st.integers(1, 8))
    def begin(self, limit):
        self.limit = limit
        self.handshake_limit = max(1, limit // 4)
        self.limiter = ConnectionLimiter(limit=limit)
        self.waiting = []
        self.working = []
        self.handshaking = []
        self.dropped = []

    def _expect_drop(self, client):
        assert client.drops == 1
        for known in (self.waiting, self.handshaking):
            if client in known:
                known.remove(client)
        self.dropped.append(client)

    def _open(self, is_handshaking):
        oldest = None
        if is_handshaking and len(self.handshaking) == self.handshake_limit:
            oldest = self.handshaking[0]
        elif len(self.waiting) + len(self.working) == self.limit and self.waiting:
            oldest = self.waiting[0]
        is_refused = oldest is None and len(self.working) == self.limit
        client = FakeConnection()
        self.limiter.opened(client, is_handshaking=is_handshaking)
        assert client.drops == is_refused
        if is_refused:
            self.dropped.append(client)
            return
        if oldest is not None:
            self._expect_drop(oldest)
        self.waiting.append(client)
        if is_handshaking:
            self.handshaking.append(client)

    @rule(handshakes=st.lists(st.booleans(), min_size=1, max_size=6))
    def many_open_at_once(self, handshakes):
        for is_handshaking in handshakes:
            self._open(is_handshaking)

    @precondition(lambda self: self.handshaking)
    @rule(data=st.data())
    def handshake_ends(self, data):
        client = data.draw(st.sampled_from(self.handshaking))
        self.handshaking.remove(client)
        self._wait(client)

    @precondition(lambda self: len(self.waiting) > len(self.handshaking))
    @rule(data=st.data())
    def heads_come(self, data):
        asking = [one for one in self.waiting if one not in self.handshaking]
        for client in data.draw(st.lists(st.sampled_from(asking), unique=True)):
            self.limiter.works(client)
            self.waiting.remove(client)
            self.working.append(client)

    @precondition(lambda self: self.working)
    @rule(data=st.data(), size=st.sampled_from([0, 0, 1, 10, 30, 70]))
    def answer_is_complete(self, data, size):
        client = data.draw(st.sampled_from(self.working))
        client.buffered_bytes = size * 1024 * 1024
        self._wait(client)
        self._limit_buffers(client)

    @precondition(lambda self: self.waiting or self.working)
    @rule(data=st.data(), size=st.sampled_from([1, 10, 70]))
    def requests_pile_up(self, data, size):
        client = data.draw(st.sampled_from(self.waiting + self.working))
        client.buffered_bytes += size * 1024 * 1024
        self._limit_buffers(client)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def answer_is_read(self, data):
        data.draw(st.sampled_from(self.waiting)).buffered_bytes = 0

    @precondition(lambda self: self.waiting or self.working)
    @rule(data=st.data())
    def clients_go_away(self, data):
        connected = st.sampled_from(self.waiting + self.working)
        for client in data.draw(st.lists(connected, unique=True)):
            self._lose(client)

    @precondition(lambda self: self.dropped)
    @rule(data=st.data())
    def dropped_connections_still_report(self, data):
        """Until its loss is reported, a dropped connection may still act."""
        client = data.draw(st.sampled_from(self.dropped))
        report = data.draw(st.sampled_from([self.limiter.waits, self.limiter.works]))
        report(client)

    @precondition(lambda self: self.dropped)
    @rule()
    def next_iteration_of_the_loop(self):
        for client in self.dropped:
            self.limiter.closed(client)
            # Both TLS and HTTP report it.
            self.limiter.closed(client)
        self.dropped.clear()

    @rule()
    def descriptors_run_out(self):
        oldest = self.waiting[0] if self.waiting else None
        assert self.limiter.drop_oldest() == (oldest is not None)
        if oldest is not None:
            self._expect_drop(oldest)

    def _wait(self, client):
        self.limiter.waits(client)
        for known in (self.waiting, self.working):
            if client in known:
                known.remove(client)
        self.waiting.append(client)

    def _lose(self, client):
        self.limiter.closed(client)
        for known in (self.waiting, self.working, self.handshaking):
            if client in known:
                known.remove(client)

    def _limit_buffers(self, client):
        self.limiter.limit_buffers(client)
        for other in [one for one in self.waiting if one.drops]:
            assert other is not client
            assert other.buffered_bytes
            self._expect_drop(other)
        connected = self.waiting + self.working
        if sum(one.buffered_bytes for one in connected) > MAX_BUFFERED_BYTES:
            others = [one for one in self.waiting if one is not client]
            assert not any(one.buffered_bytes for one in others)

    @invariant()
    def counts_are_exact(self):
        assert len(self.limiter) == len(self.waiting) + len(self.working)
        assert len(self.limiter) <= self.limit
        assert self.limiter.handshakes == len(self.handshaking)
        assert self.limiter.handshakes <= self.handshake_limit

    @invariant()
    def no_other_is_dropped(self):
        assert not any(one.drops for one in self.waiting + self.working)
        assert all(one.drops == 1 for one in self.dropped)

    def teardown(self):
        if not hasattr(self, "limiter"):
            return
        for client in self.waiting + self.working + self.dropped:
            self.limiter.closed(client)
        self.waiting, self.working, self.handshaking, self.dropped = [], [], [], []
        self.counts_are_exact()
        for _ in range(2 * self.limit):
            self._open(is_handshaking=False)
            self.counts_are_exact()
        self.limiter.drop_all()
        assert all(one.drops == 1 for one in self.waiting)
        assert len(self.limiter) == 0


TestConnectionLimiter = ConnectionLimiterMachine.TestCase
TestConnectionLimiter.settings = settings(
    max_examples=examples(100), stateful_step_count=40, deadline=None
)
