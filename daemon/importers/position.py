"""How far a file was read, so that the next import reads only what is new.

Belongs here: `Position`, its form in the store's cursors, and telling whether a file is still the one that was read.
Does not belong here: reading (`importing`).

A file is known by its first bytes: a log that was cut, replaced or written anew is read from its beginning, which adds
nothing twice because the ids of calls are made of what they are.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

HEAD_BYTES: Final = 4096


class Position(msgspec.Struct, kw_only=True, frozen=True):
    """Where reading a file goes on.

    Attributes:
        offset: bytes read.
        lines: lines read.
        head: SHA-256 of the first `head_bytes` bytes, in hex.
        head_bytes: at most `HEAD_BYTES`, at most `offset`.
        state: of the reader, see `LineReader.state`.
        content: SHA-256 of a file that was read as a whole, in hex.
    """

    offset: int = 0
    lines: int = 0
    head: str = ""
    head_bytes: int = 0
    state: bytes = b""
    content: str = ""


START: Final = Position()


def cursor_key(importer: str, path: Path) -> str:
    """Return the name of a file's cursor."""
    return f"import:{importer}:{path.resolve()}"


def written(position: Position) -> bytes:
    """Return a position as a cursor's value."""
    return msgspec.json.encode(position)


def position_in(value: bytes | None) -> Position:
    """Return the position of a cursor's value; the start when there is none, or none that this release understands."""
    try:
        return msgspec.json.decode(value, type=Position) if value else START
    except msgspec.DecodeError:
        return START


def still_there(position: Position, file: BinaryIO) -> bool:
    """Return whether `file` still begins with what was read of it. Leaves the file at an undefined place."""
    file.seek(0)
    return head_of(file, position.head_bytes) == position.head and file.seek(0, 2) >= position.offset


def head_of(file: BinaryIO, size: int) -> str:
    """Return the SHA-256, in hex, of the next `size` bytes; of all there are when they are fewer."""
    return hashlib.sha256(file.read(size)).hexdigest() if size else ""
