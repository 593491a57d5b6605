"""One answer over HTTP/1.1 as it comes in, with the instant at which each part of its body came.

Belongs here: reading framing. Does not belong here: connections, what the body means (`capture_client`).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

_OK: Final = 200


class Answer:
    """An answer that is being received.

    Attributes:
        body: so far, without framing.
        began: when its first byte came.
    """

    def __init__(self, *, bodiless: bool = False) -> None:
        """Wait for it.

        Args:
            bodiless: it ends with its head, as that to CONNECT does.
        """
        self.body = bytearray()
        self.began = 0.0
        self._bodiless = bodiless
        self._unread = bytearray()
        self._left: int | None = None
        self._chunked = False
        self._in_head = True
        self._ends: list[int] = []
        self._instants: list[float] = []

    def feed(self, data: bytes, at: float) -> bool:
        """Take what was received; returns whether the answer is whole.

        Raises:
            ValueError: it is no 200, or is framed in a way that is not understood.
        """
        self.began = self.began or at
        self._unread += data
        if self._in_head and not self._read_head():
            return False
        before = len(self.body)
        ended = self._bodiless or (self._read_chunks() if self._chunked else self._read_rest())
        if len(self.body) > before:
            self._ends.append(len(self.body))
            self._instants.append(at)
        return ended

    def arrival(self, end: int) -> float:
        """Return when the first `end` bytes of the body were here."""
        return self._instants[bisect_left(self._ends, end)]

    def _read_head(self) -> bool:
        head, end, rest = self._unread.partition(b"\r\n\r\n")
        if not end:
            return False
        if int(head[9:12]) != _OK:
            raise ValueError(f"answered {bytes(self._unread[:300])!r}")
        named = dict(line.split(b":", 1) for line in bytes(head).lower().split(b"\r\n")[1:])
        self._chunked = named.get(b"transfer-encoding", b"").strip() == b"chunked"
        if not self._chunked:
            self._left = int(named.get(b"content-length", 0))
        self._unread, self._in_head = rest, False
        return True

    def _read_rest(self) -> bool:
        assert self._left is not None
        self._left -= len(self._unread)
        self.body += self._unread
        self._unread.clear()
        return self._left <= 0

    def _read_chunks(self) -> bool:
        while True:
            line, end, rest = self._unread.partition(b"\r\n")
            size = int(line, 16) if end else 0
            if not end or len(rest) < size + 2:
                return False
            self.body += rest[:size]
            self._unread = rest[size + 2 :]
            if size == 0:
                return True
