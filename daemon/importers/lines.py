"""Lines of files that grow while they are read.

Belongs here: parting bytes into lines, within bounds. Does not belong here: what lines mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

LINE_MAX: Final = 64 << 20
"""Bytes of the longest line that is read; transcripts hold images as text."""
_BOM: Final = b"\xef\xbb\xbf"


class FileLine(NamedTuple):
    """A line.

    Attributes:
        raw: without its end; None for one longer than `LINE_MAX`.
        end: offset behind it.
        complete: whether its end is there; the last line of a growing file may still be written.
    """

    raw: bytes | None
    end: int
    complete: bool


def lines_from(file: BinaryIO, offset: int) -> Iterator[FileLine]:
    """Yield the lines of a file that begin at or behind `offset`, blank ones included."""
    file.seek(offset)
    while raw := file.readline(LINE_MAX + 1):
        start, offset = offset, offset + len(raw)
        if len(raw) > LINE_MAX and not raw.endswith(b"\n"):
            rest = _skipped(file)
            offset += rest.length
            yield FileLine(None, offset, rest.ended)
            continue
        content = raw.removeprefix(_BOM) if start == 0 else raw
        yield FileLine(content.rstrip(b"\r\n"), offset, raw.endswith(b"\n"))


class _Rest(NamedTuple):
    length: int
    ended: bool


def _skipped(file: BinaryIO) -> _Rest:
    length = 0
    while piece := file.readline(1 << 20):
        length += len(piece)
        if piece.endswith(b"\n"):
            return _Rest(length, ended=True)
    return _Rest(length, ended=False)
