"""One call of a webhook.

Belongs here: connecting to a checked address, sending, and what the answer's first line means. Does not belong here:
when to call again (`delivering`), which addresses may be called (`addresses`).

No redirect is followed, no proxy is asked, nothing of an answer but its status is read, and the whole call is over
within seconds of its name being looked up, however slowly the other side talks.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, Self

from api.alerts.addresses import PORTS, Address, AddressRefusedError, Network, Target, resolved

CONNECT_SECONDS: Final = 5.0
CALL_SECONDS: Final = 15.0
_OK: Final = range(200, 300)


class CallFailedError(Exception):
    """A call was not taken; the message says why, and holds nothing the other side said but its status."""


def call(
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    networks: Iterable[Network],
    *,
    within_seconds: float = CALL_SECONDS,
    trust: ssl.SSLContext | None = None,
) -> int:
    """Send a body by POST, and return the status it was taken with, 200 to 299.

    Args:
        target: where to.
        body: what to send.
        headers: beside host, length and connection.
        networks: the operator's own.
        within_seconds: when the call is given up, from its beginning.
        trust: authorities that vouch for servers; the system's when not given.

    Raises:
        CallFailedError: the name leads somewhere else, nobody took it in time, or it was answered otherwise.
    """
    try:
        addresses = resolved(target, networks)
    except AddressRefusedError as refused:
        raise CallFailedError(str(refused)) from None
    try:
        plain = _connected(addresses, target.port, min(CONNECT_SECONDS, within_seconds))
    except OSError as fault:
        raise CallFailedError(f"it cannot be reached: {_reason(fault)}") from None
    with _Deadline(within_seconds) as deadline:
        try:
            status = _exchange(plain, target, body, headers, trust, deadline)
        except (OSError, http.client.HTTPException, ValueError) as fault:
            raise CallFailedError(
                f"no answer in {within_seconds:g} s, or none that is HTTP: {_reason(fault)}"
            ) from None
        finally:
            plain.close()
    if deadline.is_over:  # what was cut off may look whole
        raise CallFailedError(f"no answer in {within_seconds:g} s")
    if status not in _OK:
        raise CallFailedError(f"it answered {status}")
    return status


class _Deadline:
    """Ends a conversation after a while, whatever is said in it: socket timeouts begin anew with every byte."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stream: socket.socket | None = None
        self.is_over = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def holds_for(self, stream: socket.socket) -> None:
        """Name the socket that is talked over from now on."""
        stream.settimeout(self._seconds)
        self._stream = stream
        if self.is_over:
            self._shut()

    def _end(self) -> None:
        self.is_over = True
        self._shut()

    def _shut(self) -> None:
        if self._stream is not None:
            with suppress(OSError):  # not a TLS socket's own way: it would wait for its lock
                socket.socket.shutdown(self._stream, socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _exchange(
    plain: socket.socket,
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    trust: ssl.SSLContext | None,
    deadline: _Deadline,
) -> int:
    deadline.holds_for(plain)
    if target.scheme == "http":
        return _said(plain, target, body, headers)
    # The certificate must be the name's, whatever address it was found at.
    context = trust or ssl.create_default_context()
    with context.wrap_socket(plain, server_hostname=target.host, do_handshake_on_connect=False) as sealed:
        deadline.holds_for(sealed)
        sealed.do_handshake()
        return _said(sealed, target, body, headers)


def _said(stream: socket.socket, target: Target, body: bytes, headers: Mapping[str, str]) -> int:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = stream
    host = f"[{target.host}]" if ":" in target.host else target.host
    if target.port != PORTS[target.scheme]:
        host = f"{host}:{target.port}"
    connection.putrequest("POST", target.path, skip_host=True, skip_accept_encoding=True)
    own = {"Host": host, "Content-Length": str(len(body)), "Connection": "close"}
    for name, value in (own | dict(headers)).items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = http.client.HTTPResponse(stream, method="POST")
    try:
        answer.begin()
        return answer.status
    finally:
        answer.close()


def _connected(addresses: list[Address], port: int, seconds: float) -> socket.socket:
    fault = OSError("there is no address")
    for address in addresses:
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004 - IP's own number
        plain = socket.socket(family, socket.SOCK_STREAM)
        try:
            plain.settimeout(seconds / len(addresses))
            plain.connect((str(address), port))
        except OSError as refused:
            plain.close()
            fault = refused
        else:
            return plain
    raise fault


def _reason(fault: Exception) -> str:
    # Never its text: an answer that is no HTTP is quoted there.
    if isinstance(fault, ssl.SSLCertVerificationError):
        return "its certificate is not good for this name"
    if isinstance(fault, TimeoutError):
        return "it takes too long"
    return type(fault).__name__
