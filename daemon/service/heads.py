"""The first lines of an HTTP/1.1 request or answer, as bytes.

Belongs here: reading and writing a head. Does not belong here: where a request goes (`direct`, `stand_in`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

LONGEST_HEAD: Final = 131_072
"""Bytes of a head that are read at most."""
_END: Final = b"\r\n\r\n"
_OF_THIS_HOP: Final = frozenset({b"proxy-connection", b"proxy-authorization", b"connection", b"keep-alive", b"host"})
_KEEPING: Final = frozenset({b"connection", b"keep-alive"})
_OURS: Final = b"x-halton-"


class BadHeadError(Exception):
    """What arrived is no HTTP request."""


@dataclass(frozen=True)
class Head:
    """A request's first lines.

    Attributes:
        raw: as received, with the empty line at the end.
        method: as received.
        target: of the request line: `host:port` of CONNECT, an address, or a path.
        headers: names as received.
    """

    raw: bytes
    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    def naming(self, name: bytes, value: bytes) -> bytes:
        """Return the head as received, but that the header `name` has this one value."""
        first, *lines = self.raw[: -len(_END)].split(b"\r\n")
        kept = [line for line in lines if line.partition(b":")[0].strip().lower() != name.lower()]
        return b"\r\n".join([first, *kept, name + b": " + value]) + _END

    def readdressed(self, path: bytes, host: bytes) -> bytes:
        """Return the head as `host` wants to get it.

        One request a connection: what follows on a kept one would have to be read, to be addressed anew too.
        """
        kept = [
            (name, value)
            for name, value in self.headers
            if name.lower() not in _OF_THIS_HOP and not name.lower().startswith(_OURS)
        ]
        lines = [self.method + b" " + path + b" HTTP/1.1", b"Host: " + host]
        lines += [name + b": " + value for name, value in kept]
        return b"\r\n".join([*lines, b"Connection: close"]) + _END


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Return the next request's head; None when the peer left without a word.

    Raises:
        BadHeadError: too long, broken off or no HTTP.
    """
    try:
        raw = await reader.readuntil(_END)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BadHeadError("the request broke off") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise BadHeadError("the request's head is too long") from error
    lines = raw[: -len(_END)].split(b"\r\n")
    words = lines[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):  # noqa: PLR2004 - method, target, version
        raise BadHeadError("this is no HTTP/1.1 request")
    headers = tuple(_header(line) for line in lines[1:])
    return Head(raw, words[0], words[1], headers)


def answer(status: str, text: str, content_type: str = "text/plain") -> bytes:
    """Return a whole answer, after which the connection ends."""
    body = text.encode()
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {content_type}; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join(lines).encode() + _END + body


def for_once(head: bytes) -> bytes:
    """Return an answer's head that says that the connection serves no other request."""
    first, *headers = head[: -len(_END)].split(b"\r\n")
    kept = [line for line in headers if line.partition(b":")[0].strip().lower() not in _KEEPING]
    return b"\r\n".join([first, *kept, b"Connection: close"]) + _END


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon:
        raise BadHeadError("a header has no colon")
    return name, value.strip()
