"""
A uvicorn HTTP connection with limits on what its client can use.

uvicorn has no limits for idle and slow clients, or for clients that pipeline requests
without reading responses. Here a request is parsed once the last response was read.
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
from .invalid_requests import MAX_BODY_SIZE, InvalidRequests, refusal


MAX_HEAD: Final = 32 * 1024
"""Bytes of a request line with all headers."""

ANSWER_SECONDS: Final = 600.0
"""From the request's head until the response is sent."""

READ_SECONDS: Final = 60
"""How long a client may take to read a complete response."""

HEAD_SECONDS: Final = 10.0
"""How long a request's head may take, from the connection or from its first byte."""

_HEAD_END: Final = b"\r\n\r\n"
_MAX_PART: Final = 4096
"""Bytes parsed at once: small, so that they hold few requests."""

_READ_AHEAD: Final = 16 * 1024
"""Reading pauses when more than this many bytes of requests wait."""


class ParseQueue:
    """
    Resumes parsing on connections with pipelined requests, one per loop iteration.

    A client that pipelines many requests does not delay clients that send one.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Callable[[], None]] = deque()

    def wait(self, resume: Callable[[], None]) -> None:
        """Call `resume` after those that are queued already."""
        self._waiting.append(resume)
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
    """A uvicorn connection with limits."""

    def __init__(
        self,
        limiter: ConnectionLimiter,
        parse_queue: ParseQueue,
        invalid: InvalidRequests,
        config: Config,
        server_state: ServerState,
    ) -> None:
        super().__init__(config, server_state, {}, asyncio.get_running_loop())
        self._limiter = limiter
        self._parse_queue = parse_queue
        self._invalid = invalid
        self._served: ASGIApp = self.app
        self._lower: asyncio.Transport | None = None
        """The TCP transport below TLS; without TLS, the transport itself."""
        self._reading: _Reading | None = None
        self._unparsed = bytearray()
        self._head = 0
        self._body = 0
        self._is_in_head = True
        self._is_answering = False
        """Whether a complete request has no complete response yet."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def buffered_bytes(self) -> int:
        """Bytes of unread responses and of requests not parsed yet."""
        return self._unread_bytes() + len(self._unparsed)

    def accepted(self, transport: asyncio.Transport, *, is_handshaking: bool) -> None:
        """Count the connection, before its TLS handshake if there is one."""
        self._lower = transport
        self._limiter.opened(self, is_handshaking=is_handshaking)

    def drop(self) -> None:
        """Close at once and discard what is still to be sent."""
        if self._lower is not None:
            self._lower.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Check the client certificate, and start the timer for the first request."""
        super().connection_made(transport)
        self._reading = self.flow = _Reading(transport)
        if self._lower is None:
            self.accepted(transport, is_handshaking=False)
        else:
            self._limiter.waits(self)
        sans = self._limiter.allowed_sans()
        tls = transport.get_extra_info("ssl_object")
        if sans and (tls is None or not is_allowed(tls.getpeercert, sans)):
            transport.abort()
        self._start_timer(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer and forget the connection."""
        self._stop_timer()
        self._unparsed.clear()
        self._limiter.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Buffer and parse a part of a request, or several requests."""
        self._unset_keepalive_if_required()
        is_first = not self._unparsed
        self._unparsed += data
        if is_first:
            self._parse()
        self._hold()
        if len(self._unparsed) > _READ_AHEAD:
            self._limiter.limit_buffers(self)

    def on_headers_complete(self) -> None:
        """Answer the request, or reject it if it is invalid."""
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
        """Take a part of a body; no request here needs one."""
        self._body += len(body)
        if self._body > MAX_BODY_SIZE:
            self.transport.abort()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the next request's head, after this response."""
        self._is_in_head = True
        self._is_answering = not self.cycle.response_complete
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the client to read the response, and for the next request."""
        self._is_answering = False
        self._limiter.waits(self)
        self._start_timer(READ_SECONDS, self._drop_if_unread)
        self._limiter.limit_buffers(self)
        super().on_response_complete()
        if self._unparsed:
            self._parse_queue.wait(self._parse)

    def pause_writing(self) -> None:
        """Wait for the client, which reads too slowly."""
        if self._reading is None:
            # Still in the handshake.
            return
        super().pause_writing()
        self._limiter.waits(self)

    def resume_writing(self) -> None:
        """Continue: most of the response is sent."""
        if self._reading is None:
            return
        super().resume_writing()
        if self._is_answering:
            self._limiter.works(self)
            return
        if not self.transport.is_closing():
            self._stop_timer()
            self._parse_queue.wait(self._parse)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if its client does not read."""
        if self._unread_bytes():
            self.drop()
        else:
            super().timeout_keep_alive_handler()

    def _parse(self) -> None:
        """Parse buffered bytes up to the end of one request."""
        while self._unparsed and not self._is_busy():
            end = self._unparsed.find(_HEAD_END, 0, _MAX_PART)
            size = _MAX_PART if end < 0 else end + len(_HEAD_END)
            part = bytes(self._unparsed[:size])
            del self._unparsed[:size]
            self._parse_part(part)
        self._hold()

    def _hold(self) -> None:
        """Pause reading while too many requests wait, else resume."""
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
            # Answered as if no upgrade was requested. The bytes that follow may be of
            # another protocol, so they are dropped.
            self.cycle.keep_alive = False
            self._unparsed.clear()
            return
        except httptools.HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST, "not valid HTTP")
            return
        # Body bytes that arrive with the head do not count as head.
        if self._is_in_head and self._head > MAX_HEAD:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "its head is too large"
            )

    def _refuse(self, status: HTTPStatus, problem: str) -> None:
        self._count_invalid(problem)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            # The body is invalid: this replaces the response.
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
    """uvicorn's flow control; reading also pauses while requests wait."""

    _is_held = False

    def hold(self, is_held: bool) -> None:
        """Pause or resume reading."""
        self._is_held = is_held
        if is_held:
            self.pause_reading()
        else:
            self.resume_reading()

    def resume_reading(self) -> None:
        """Resume reading unless held; uvicorn calls this for each request."""
        if not self._is_held:
            super().resume_reading()
