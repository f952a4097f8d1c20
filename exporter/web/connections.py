"""
One HTTP connection of uvicorn's, with limits on what its client may cost.

uvicorn has none for idle and slow clients, nor for those that send requests and do not
read the answers. Here the next request is parsed when the last answer was read.
"""

from __future__ import annotations

import asyncio

from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import httptools

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .config import is_allowed
from .connection_limiter import ConnectionLimiter
from .invalid_requests import LARGEST_BODY, InvalidRequests, refusal


MAX_HEAD: Final = 32 * 1024
"""Bytes of a request line with all headers."""

ANSWER_SECONDS: Final = 600.0
"""How long an answer may take, from its request on until it is sent."""

READ_SECONDS: Final = 60
"""How long a client may take to read an answer that is there."""

HEAD_SECONDS: Final = 10.0
"""How long a request's head may take, from the connection on or from its first byte."""

_HEAD_END: Final = b"\r\n\r\n"
_LARGEST_PART: Final = 4096
"""Bytes that are parsed at once: so few that few requests are in them."""

_READ_AHEAD: Final = 16 * 1024
"""Bytes of waiting requests from which on a connection is not read any further."""


class Turns:
    """
    Lets requests that waited behind others go on: one in each round of the event loop.

    So a client that sends many at once does not keep those waiting that send one.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Callable[[], None]] = deque()

    def wait(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` when it is its turn."""
        self._waiting.append(go_on)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        try:
            self._waiting[0]()
        finally:
            self._waiting.popleft()
            if self._waiting:
                self._loop.call_soon(self._next)


class LimitedConnection(HttpToolsProtocol):
    """One connection of uvicorn's, with limits."""

    def __init__(
        self,
        limiter: ConnectionLimiter,
        turns: Turns,
        invalid: InvalidRequests,
        config: Config,
        server_state: ServerState,
    ) -> None:
        super().__init__(config, server_state, {}, asyncio.get_running_loop())
        self._limiter = limiter
        self._turns = turns
        self._invalid = invalid
        self._served: ASGIApp = self.app
        self._lower: asyncio.Transport | None = None
        """What carries TLS; without TLS it is the transport itself."""
        self._reading: _Reading | None = None
        self._unparsed = bytearray()
        self._head = 0
        self._body = 0
        self._is_in_head = True
        self._is_answering = False
        """Whether a request was received as a whole and its answer is not complete."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def buffered_bytes(self) -> int:
        """Answers that the client has not read, and requests that wait."""
        return self._unread_bytes() + len(self._unparsed)

    def accepted(self, transport: asyncio.Transport, *, shakes_hands: bool) -> None:
        """Count the connection, which HTTP begins on now or after a handshake."""
        self._lower = transport
        self._limiter.opened(self, shakes_hands=shakes_hands)

    def drop(self) -> None:
        """Close it at once, whatever is still to be sent."""
        if self._lower is not None:
            self._lower.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: the head of the first request is to come soon."""
        super().connection_made(transport)
        self._reading = self.flow = _Reading(transport)
        if self._lower is None:
            self.accepted(transport, shakes_hands=False)
        else:
            self._limiter.waits(self)
        sans = self._limiter.allowed_sans()
        tls = transport.get_extra_info("ssl_object")
        if sans and (tls is None or not is_allowed(tls.getpeercert, sans)):
            transport.abort()
        self._start_timer(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_timer()
        self._unparsed.clear()
        self._limiter.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, or several requests."""
        self._unset_keepalive_if_required()
        is_first = not self._unparsed
        self._unparsed += data
        if is_first:
            self._parse()
        self._hold()
        if len(self._unparsed) > _READ_AHEAD:
            self._limiter.limit_buffers(self)

    def on_headers_complete(self) -> None:
        """Answer a request whose head is complete."""
        self._start_timer(ANSWER_SECONDS)
        self._is_in_head = False
        self._head = self._body = 0
        self._limiter.works(self)
        invalid = refusal(self.url, self.parser.get_http_version(), self.headers)
        if invalid is not None:
            self._count_invalid(bytes(invalid.body).decode().strip())
            self.url = b"/"
        self.app = self._served if invalid is None else invalid
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, which no request here needs."""
        self._body += len(body)
        if self._body > LARGEST_BODY:
            self.transport.abort()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Go on with the next request's head, after this one's answer."""
        self._is_in_head = True
        self._is_answering = not self.cycle.response_complete
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the client to read the answer, and for the next request."""
        self._is_answering = False
        self._limiter.waits(self)
        self._start_timer(READ_SECONDS, self._drop_if_unread)
        self._limiter.limit_buffers(self)
        super().on_response_complete()
        if self._unparsed:
            self._turns.wait(self._parse)

    def pause_writing(self) -> None:
        """Wait for the client, which reads more slowly than is written."""
        if self._reading is None:
            # A handshake.
            return
        super().pause_writing()
        self._limiter.waits(self)

    def resume_writing(self) -> None:
        """Go on: most of what was written is sent."""
        if self._reading is None:
            return
        super().resume_writing()
        if self._is_answering:
            self._limiter.works(self)
            return
        if not self.transport.is_closing():
            self._stop_timer()
            self._turns.wait(self._parse)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, also one whose client does not read."""
        if self._unread_bytes():
            self.drop()
        else:
            super().timeout_keep_alive_handler()

    def _parse(self) -> None:
        """Parse what has come, until there is a request to be answered."""
        while self._unparsed and not self._is_busy():
            end = self._unparsed.find(_HEAD_END, 0, _LARGEST_PART)
            size = _LARGEST_PART if end < 0 else end + len(_HEAD_END)
            part = bytes(self._unparsed[:size])
            del self._unparsed[:size]
            self._parse_part(part)
        self._hold()

    def _hold(self) -> None:
        """Stop reading while requests wait, or go on."""
        if self.transport.is_closing():
            self._unparsed.clear()
        elif self._reading is not None:
            self._reading.hold(len(self._unparsed) > _READ_AHEAD)

    def _is_busy(self) -> bool:
        return (
            self._is_answering or self.flow.write_paused or self.transport.is_closing()
        )

    def _parse_part(self, part: bytes) -> None:
        if self._is_in_head:
            if self._head == 0:
                self._start_timer(HEAD_SECONDS)
            self._head += len(part)
        try:
            self.parser.feed_data(part)
        except httptools.HttpParserUpgrade:
            # It is answered as if it had not asked for an upgrade; what the parser
            # would make of the bytes that follow is another protocol.
            self.cycle.keep_alive = False
            self._unparsed.clear()
            return
        except httptools.HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST, "not valid HTTP")
            return
        # A body that came with its head does not count as one.
        if self._is_in_head and self._head > MAX_HEAD:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "its head is too large"
            )

    def _refuse(self, status: HTTPStatus, problem: str) -> None:
        self._count_invalid(problem)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            # Its body is invalid: this is its answer.
            cycle.disconnected = True
            if cycle.response_started:
                self.transport.abort()
                return
        answer = f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
        self.transport.write(f"{answer}Content-Length: 0\r\n\r\n".encode())
        self._start_timer(READ_SECONDS)
        self.transport.close()

    def _count_invalid(self, problem: str) -> None:
        self._invalid.seen(self.client[0] if self.client else None, problem)

    def _unread_bytes(self) -> int:
        transports = [self._lower] if self._lower is not None else []
        if self.transport is not None and self.transport is not self._lower:
            transports.append(self.transport)
        return sum(transport.get_write_buffer_size() for transport in transports)

    def _drop_if_unread(self) -> None:
        if self._unread_bytes() or self.transport.is_closing():
            self.drop()

    def _start_timer(
        self, seconds: float, action: Callable[[], None] | None = None
    ) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, action or self.drop)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Reading(FlowControl):
    """uvicorn's flow control, in which reading also stops while requests wait."""

    _is_held = False

    def hold(self, is_held: bool) -> None:
        """Stop reading until this is called again, or go on."""
        self._is_held = is_held
        if is_held:
            self.pause_reading()
        else:
            self.resume_reading()

    def resume_reading(self) -> None:
        """Go on reading; uvicorn calls this for each request."""
        if not self._is_held:
            super().resume_reading()
