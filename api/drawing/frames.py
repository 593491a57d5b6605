"""Messages between a server and its drawer on one stream: four bytes of length, then as many bytes.

Belongs here: cutting a stream into messages. Does not belong here: what they say, how long one waits for them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

DRAWN: Final = b"+"
REFUSED: Final = b"-"
"""First byte of an answer; what follows is the SVG, or why there is none."""
MESSAGE_BYTES_MAX: Final = 64 * 1024**2
_LENGTH: Final = struct.Struct(">I")
_READ_BYTES: Final = 1 << 18


def framed(message: bytes) -> bytes:
    """Return a message as it is sent.

    Raises:
        ValueError: it is longer than `MESSAGE_BYTES_MAX`.
    """
    if len(message) > MESSAGE_BYTES_MAX:
        raise ValueError("the message is too long")
    return _LENGTH.pack(len(message)) + message


def next_message(read: Callable[[int], bytes]) -> bytes | None:
    """Return the next message; None when the other side has gone, or speaks of one that is too long.

    Args:
        read: returns at most so many bytes once there are some, none at the end.
    """
    head = _exactly(read, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    return _exactly(read, length) if length <= MESSAGE_BYTES_MAX else None


def _exactly(read: Callable[[int], bytes], count: int) -> bytes | None:
    found = bytearray()
    while len(found) < count:
        part = read(min(count - len(found), _READ_BYTES))
        if not part:
            return None
        found += part
    return bytes(found)
