"""The listener's TLS: made of a web configuration, and again when its files change."""

from __future__ import annotations

import os
import ssl
import warnings

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from .model import VERSIONS, ClientAuth, Pem, ServerTls


_VERIFY_MODES: Final = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.VERIFY_IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRE_AND_VERIFY: ssl.CERT_REQUIRED,
}


class CurrentContext(ssl.SSLContext):
    """
    A context that stands for whichever is in use when a connection begins.

    asyncio takes one context for the life of a server. This one asks for the current
    one at each handshake, so that new certificates need no restart.
    """

    _current: Callable[[], ssl.SSLContext]

    @classmethod
    def of(cls, current: Callable[[], ssl.SSLContext]) -> CurrentContext:
        """Return a context that stands for what `current` returns."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context._current = current
        return context

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection with the context that is in use now."""
        return self._current().wrap_bio(
            incoming, outgoing, server_side, server_hostname, session
        )


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """
    Return a context for a listener.

    Raises `OSError` (`ssl.SSLError` is one) or `ValueError` if its files cannot be
    used: these say what is wrong, but hold nothing of a key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        # Python advises against the versions before 1.2; the file asks for them.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = VERSIONS[tls.min_version]
        context.maximum_version = VERSIONS[tls.max_version]
    context.options |= ssl.OP_NO_RENEGOTIATION
    if tls.prefers_own_ciphers:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if tls.ciphers:
        context.set_ciphers(":".join(tls.ciphers))
    if tls.curve is not None:
        context.set_ecdh_curve(tls.curve)
    with ExitStack() as files:
        cert, key = (files.enter_context(_file(pem)) for pem in (tls.cert, tls.key))
        # Without a password: a question on the terminal would wait for ever.
        context.load_cert_chain(cert, key, password="")
    if tls.client_ca is not None:
        if tls.client_ca.path is not None:
            context.load_verify_locations(cafile=tls.client_ca.path)
        else:
            context.load_verify_locations(cadata=tls.client_ca.text)
    context.verify_mode = _VERIFY_MODES[tls.client_auth]
    return context


def files_of(tls: ServerTls) -> tuple[Path, ...]:
    """Return the files that a context is made of."""
    pems = (tls.cert, tls.key, tls.client_ca)
    return tuple(pem.path for pem in pems if pem is not None and pem.path is not None)


def is_allowed(peer: Callable[[], object], allowed: tuple[str, ...]) -> bool:
    """
    Tell whether a client's certificate has one of the `allowed` names.

    `peer` returns what `ssl.SSLSocket.getpeercert` does. Names are DNS names, IP
    addresses, e-mail addresses and URIs, and have to be equal.
    """
    certificate = peer()
    if not isinstance(certificate, dict):
        return False
    names = certificate.get("subjectAltName", ())
    return any(value in allowed for _, value in names)


@contextmanager
def _file(pem: Pem) -> Iterator[str]:
    """Give a name to what `pem` holds: OpenSSL reads only files."""
    if pem.path is not None:
        yield str(pem.path)
        return
    # In memory, so that a key is never on a disk.
    descriptor = os.memfd_create("pem")
    try:
        os.write(descriptor, pem.text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
