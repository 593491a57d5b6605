"""The elements of one long JSON array, cut out as it passes: how Gemini streams when not asked for events.

Belongs here: finding where objects begin and end. Does not belong here: what they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from daemon.capture.providers.bounded import Bounded
from daemon.capture.providers.sse import EVENT_MAX, Event

_STRUCTURE: Final = re.compile(rb'["{}]')
_IN_STRING: Final = re.compile(rb'["\\]')
_QUOTE: Final = 0x22
_OPENING: Final = 0x7B
_CLOSING: Final = 0x7D


class ArrayStream:
    """Cuts the objects of the outermost level in linear time, however the stream is divided into pieces."""

    def __init__(self) -> None:
        self._object = Bounded(EVENT_MAX)
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yield the objects that end within `piece`."""
        at = start = 0
        while at < len(piece):
            if self._in_string:
                at = self._through_string(piece, at)
                continue
            found = _STRUCTURE.search(piece, at)
            if found is None:
                break
            at = found.end()
            sign = piece[at - 1]
            if sign == _QUOTE:
                self._in_string = self._depth > 0
            elif sign == _OPENING:
                if self._depth == 0:
                    start = at - 1
                self._depth += 1
            elif self._depth > 0:
                self._depth -= 1
                if self._depth == 0:
                    self._object.append(piece[start:at])
                    yield Event(b"", self._object.whole(), self._object.cut)
                    self._object.clear()
                    start = at
        if self._depth > 0:
            self._object.append(piece[start:])

    def end(self) -> Iterator[Event]:
        """Yield nothing: an object that was never closed says nothing reliable."""
        return iter(())

    def _through_string(self, piece: bytes, at: int) -> int:
        """Return where to go on: behind the string's end, or the piece's."""
        if self._escaped:
            self._escaped = False
            return at + 1
        found = _IN_STRING.search(piece, at)
        if found is None:
            return len(piece)
        if piece[found.start()] == _QUOTE:
            self._in_string = False
        else:
            self._escaped = True
        return found.end()
