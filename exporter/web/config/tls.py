"""Builds the listener's TLS context, and rebuilds it when its files change."""

from __future__ import annotations

import ipaddress
import os
import ssl
import warnings

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ...config.files import read_file
from .model import VERSIONS, ClientAuth, Pem, ServerTls


_VERIFY_MODES: Final = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.VERIFY_IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRE_AND_VERIFY: ssl.CERT_REQUIRED,
}


class CurrentContext(ssl.SSLContext):
    """
    A TLS context that delegates to the current one for each connection.

    asyncio takes one context for the life of a server. This one looks up the current
    context at each handshake, so that new certificates need no restart.
    """

    _current: Callable[[], ssl.SSLContext]

    @classmethod
    def of(cls, current: Callable[[], ssl.SSLContext]) -> CurrentContext:
        """Return a context that delegates to what `current` returns."""
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
        """Start a connection with the current context."""
        return self._current().wrap_bio(
            incoming, outgoing, server_side, server_hostname, session
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as PEM."""

    cert: bytes
    key: bytes = field(repr=False)


def read_pair(tls: ServerTls) -> Pair:
    """Return the current certificate and key. Raises `OSError`."""
    return Pair(_content(tls.cert), _content(tls.key))


def server_context(tls: ServerTls, pair: Pair) -> ssl.SSLContext:
    """
    Return a listener's context with the certificate of `pair`.

    Raises `OSError` (which includes `ssl.SSLError`) or `ValueError` if the pair or the
    client CA cannot be used; their messages do not contain key material.
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
    with _file(pair.cert) as cert, _file(pair.key) as key:
        # An empty password, since OpenSSL would otherwise ask on the terminal.
        context.load_cert_chain(cert, key, password="")
    _ask_clients(context, tls)
    return context


def _ask_clients(context: ssl.SSLContext, tls: ServerTls) -> None:
    if tls.client_auth is ClientAuth.NONE:
        return
    # As in Go, any certificate of the CA file is trusted, not only self-signed ones.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if tls.client_ca is not None:
        with _file(_content(tls.client_ca)) as client_ca:
            context.load_verify_locations(cafile=client_ca)
    else:
        # As in Go, the system's CAs.
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = _VERIFY_MODES[tls.client_auth]


def files_of(tls: ServerTls) -> tuple[Path, ...]:
    """Return the files that a context depends on."""
    pems = (tls.cert, tls.key, tls.client_ca)
    return tuple(pem.path for pem in pems if pem is not None and pem.path is not None)


def is_allowed(peer: Callable[[], object], allowed: tuple[str, ...]) -> bool:
    """
    Return whether a client's certificate has one of the `allowed` names.

    `peer` is like `ssl.SSLSocket.getpeercert`. Names are DNS names, IP addresses, e-mail
    addresses and URIs, and must match exactly.
    """
    certificate = peer()
    if certificate is None:
        # Only VerifyClientCertIfGiven gets here without one.
        return True
    if not isinstance(certificate, dict):
        return False
    names = certificate.get("subjectAltName", ())
    return any(_name(kind, value) in allowed for kind, value in names)


def _name(kind: str, value: object) -> str | None:
    """Return a name as Go writes it; None for types that Go ignores."""
    if kind in {"DNS", "email", "URI"}:
        return str(value)
    # OpenSSL writes IPv6 addresses uncompressed and in upper case.
    return str(ipaddress.ip_address(str(value))) if kind == "IP Address" else None


def _content(pem: Pem) -> bytes:
    return pem.text.encode() if pem.path is None else read_file(pem.path)


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    """Yield a path to data in memory, since OpenSSL reads only files."""
    # Not a temporary file, so that a key never reaches a disk.
    descriptor = os.memfd_create("pem")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
