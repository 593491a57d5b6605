"""Bytes collected up to a limit; of more than that, the beginning and the end.

Belongs here: bounded collecting. Does not belong here: what the bytes are.
"""

from __future__ import annotations

from collections import deque
from typing import Final

HEAD: Final = 64 * 1024
"""How much of the beginning is kept of what is too long, bytes."""
TAIL: Final = 256 * 1024
"""How much of the end, at least, bytes."""


class Bounded:
    """Collects in linear time and bounded memory, however small the pieces are."""

    def __init__(self, limit: int) -> None:
        self._limit = max(limit, HEAD + TAIL)
        self._parts: deque[bytes] = deque()
        self._held = 0
        self._head: bytes | None = None

    def __len__(self) -> int:
        return self._held + len(self._head or b"")

    @property
    def cut(self) -> bool:
        """Whether the middle was let go."""
        return self._head is not None

    def append(self, piece: bytes) -> None:
        """Add `piece` at the end."""
        self._parts.append(piece)
        self._held += len(piece)
        if self._held <= self._limit:
            return
        if self._head is None:
            whole = b"".join(self._parts)
            self._head, rest = whole[:HEAD], whole[-TAIL:]
        else:
            rest = b"".join(self._parts)[-TAIL:]
        self._parts = deque([rest])
        self._held = len(rest)

    def whole(self) -> bytes:
        """Return everything; once the middle was let go, beginning and end with a newline between."""
        rest = b"".join(self._parts)
        return rest if self._head is None else self._head + b"\n" + rest[-TAIL:]

    def ends(self) -> tuple[bytes, bytes]:
        """Return beginning and end, which overlap in what is short."""
        rest = b"".join(self._parts)
        return (rest[:HEAD] if self._head is None else self._head), rest[-TAIL:]

    def clear(self) -> None:
        """Start over."""
        self._parts.clear()
        self._held = 0
        self._head = None
