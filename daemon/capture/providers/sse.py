"""Server-sent events, cut out of a stream as it passes.

Belongs here: the framing of the event-stream standard: lines, comments, several data lines. Does not belong here: what
the events say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from daemon.capture.providers.bounded import Bounded

EVENT_MAX: Final = 8 * 1024 * 1024
"""Longest event that is kept whole, bytes; of a longer one beginning and end are."""
_MARK: Final = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event.

    Attributes:
        kind: from its `event:` line, empty without one.
        data: its data lines, joined by newlines.
        cut: whether it was too long, so that `data` is its beginning and its end.
    """

    kind: bytes
    data: bytes
    cut: bool = False


class EventStream:
    """Cuts events in linear time, however the stream is divided into pieces."""

    def __init__(self) -> None:
        self._line = Bounded(EVENT_MAX)
        self._data = Bounded(EVENT_MAX)
        self._cut = False
        self._kind = b""
        self._first = True

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that end within `piece`."""
        lines = piece.split(b"\n")
        for line in lines[:-1]:
            if len(self._line):
                self._line.append(line)
                cut, whole = self._line.cut, self._line.whole()
                self._line.clear()
                yield from self._piece(whole, cut=cut)
            else:
                yield from self._piece(line, cut=False)
        if lines[-1]:
            self._line.append(lines[-1])

    def end(self) -> Iterator[Event]:
        """Yield what the stream ended in the middle of: an event whose blank line never came."""
        cut, whole = self._line.cut, self._line.whole()
        self._line.clear()
        yield from self._piece(whole, cut=cut)
        yield from self._event()

    def _piece(self, line: bytes, *, cut: bool) -> Iterator[Event]:
        if self._first:
            self._first = False
            line = line.removeprefix(_MARK)
        self._cut = self._cut or cut
        if b"\r" not in line:
            yield from self._field(line)
            return
        # A single carriage return ends a line, too, and the one before the newline is part of it.
        for part in line.removesuffix(b"\r").split(b"\r"):
            yield from self._field(part)

    def _field(self, line: bytes) -> Iterator[Event]:
        if not line:
            yield from self._event()
        elif line.startswith(b"data:"):
            if len(self._data):
                self._data.append(b"\n")
            self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line.startswith(b"event:"):
            self._kind = line[6:].strip()[:64]

    def _event(self) -> Iterator[Event]:
        if len(self._data):
            yield Event(self._kind, self._data.whole(), self._cut or self._data.cut)
        self._data.clear()
        self._kind = b""
        self._cut = False
