"""Raw bytes on real sockets: a client and an upstream that keep every byte, plain or under TLS.

Belongs here: sending and recording bytes. Does not belong here: what providers say (`tests.daemon.upstreams`).
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATIENCE_SECONDS = 20.0
_connected: list[Stream] = []


class Stream:
    """One end of a connection; everything received is kept."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.settimeout(PATIENCE_SECONDS)
        self._buffer = bytearray()
        self.received = bytearray()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def until(self, end: bytes) -> bytes:
        """Return what comes up to and with `end`."""
        while end not in self._buffer:
            self._more()
        cut = self._buffer.index(end) + len(end)
        return self._take(cut)

    def exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        return self._take(count)

    def to_the_end(self) -> bytes:
        with suppress(EOFError, ConnectionResetError):
            while True:
                self._more()
        return self._take(len(self._buffer))

    def wait(self) -> None:
        """Return once something has come."""
        if not self._buffer:
            self._more()

    def message(self) -> tuple[bytes, bytes]:
        """Return head and body of one HTTP/1.1 message, the body as it was framed."""
        head = self.until(b"\r\n\r\n")
        names = head.lower()
        if b"transfer-encoding: chunked" in names:
            return head, self._chunked()
        if b"content-length:" in names:
            length = int(names.split(b"content-length:")[1].split(b"\r\n")[0])
            return head, self.exactly(length)
        return head, b""

    def piped(self, other: socket.socket) -> None:
        """Carry bytes between this connection and another until either ends."""

        def carry(source: socket.socket, target: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(65_536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_RDWR)

        back = threading.Thread(target=carry, args=(other, self._socket))
        back.start()
        carry(self._socket, other)
        back.join(PATIENCE_SECONDS)

    def under_tls(self, context: ssl.SSLContext, name: str) -> None:
        self._socket = context.wrap_socket(self._socket, server_hostname=name)

    def version_agreed_on(self) -> str | None:
        return self._socket.selected_alpn_protocol() if isinstance(self._socket, ssl.SSLSocket) else None

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Close without the farewell of TCP."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _chunked(self) -> bytes:
        body = b""
        while True:
            line = self.until(b"\r\n")
            size = int(line, 16)
            body += line + self.exactly(size + 2)
            if size == 0:
                return body

    def _more(self) -> None:
        data = self._socket.recv(1 << 20)
        if not data:
            raise EOFError
        self.received += data
        self._buffer += data

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


def connected(port: int) -> Stream:
    stream = Stream(socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS))
    _connected.append(stream)
    return stream


def close_connected() -> None:
    """Close what a test, having failed, did not."""
    while _connected:
        _connected.pop().close()


def unchunked(body: bytes) -> bytes:
    """Return what a chunked body carries."""
    carried = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        carried += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    return carried


class Upstream:
    """Serves each connection by one function in a thread of its own."""

    def __init__(self, serve: Callable[[Stream], None], *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.serve = serve
        self.speaks_first = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.streams: list[Stream] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._one, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:
                if self._tls is not None:
                    connection.settimeout(PATIENCE_SECONDS)
                    connection = self._tls.wrap_socket(connection, server_side=True)
            except (OSError, ssl.SSLError):
                return
            with connection, suppress(EOFError, OSError):
                stream = Stream(connection)
                self.streams.append(stream)
                if not self.speaks_first:
                    stream.wait()  # a test may choose what serves until the first bytes are here
                self.serve(stream)


class TestAuthority:
    """A certificate authority with one certificate, of localhost."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        key, name = ec.generate_private_key(ec.SECP256R1()), _named("Test CA")
        basic = x509.BasicConstraints(ca=True, path_length=None)
        authority = _builder(name, name, key).add_extension(basic, critical=True).sign(key, hashes.SHA256())
        leaf_key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        leaf = _builder(_named("localhost"), name, leaf_key).add_extension(names, critical=False)
        self.roots = folder / "test-roots.pem"
        self.roots.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        self._leaf = folder / "leaf.pem"
        private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        self._leaf.write_bytes(
            leaf_key.private_bytes(serialization.Encoding.PEM, *private)
            + leaf.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )

    def server(self, *alpn: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._leaf)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    @property
    def leaf(self) -> Path:
        return self._leaf


def client_tls(roots: Path, *, strict: bool = False) -> ssl.SSLContext:
    """A client that trusts `roots` alone; `strict` is how Python 3.13 and later look at certificates."""
    context = ssl.create_default_context(cafile=str(roots))
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
    )
