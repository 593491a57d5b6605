"""A ZIP that is written once, from front to back, and lists what is in it.

Belongs here: streaming members and their digests, giving an archive up. Does not belong here: what the members hold.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import IO, Any, Final, Self

_STORED: Final = (".parquet", ".png", ".pdf", ".zip")
"""Compressed already: packing them again costs time and gains nothing."""


@dataclass
class Member:
    """One file of the archive.

    Attributes:
        name: its path in it.
        byte_count: its size, unpacked.
        sha256: digest of its bytes, hex.
        rows: rows in it, for those that have any.
    """

    name: str
    byte_count: int = 0
    sha256: str = ""
    rows: int | None = None


class Archive:
    """The ZIP under way; members are written one after the other.

    A context manager: left in order, the archive is finished; left by an exception, it is given up as it stands.
    """

    def __init__(self, stream: IO[bytes], at: datetime) -> None:
        """Begin an archive.

        Args:
            stream: where it goes.
            at: what its members are dated, whatever the machine's clock says.
        """
        self._zip = zipfile.ZipFile(stream, "w", allowZip64=True)
        self._date = (max(at.year, 1980), at.month, at.day, at.hour, at.minute, at.second)
        self.members: list[Member] = []

    @contextmanager
    def member(self, name: str) -> Generator[tuple[Member, IO[bytes]]]:
        """Yield a member to describe and the stream of its bytes."""
        about = zipfile.ZipInfo(name, self._date)
        about.compress_type = zipfile.ZIP_STORED if name.endswith(_STORED) else zipfile.ZIP_DEFLATED
        about.external_attr = 0o600 << 16
        written = Member(name)
        with self._zip.open(about, "w", force_zip64=True) as inner:
            counted = _Counted(inner)
            yield written, counted  # pyright: ignore[reportReturnType] - all that writers ask of a stream
        written.byte_count, written.sha256 = counted.position, counted.digest.hexdigest()
        self.members.append(written)

    def add(self, name: str, content: bytes) -> None:
        """Add a small member."""
        with self.member(name) as (_, stream):
            stream.write(content)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _fault: BaseException | None, _where: TracebackType | None
    ) -> None:
        if kind is None:
            self._zip.close()  # writes the directory; without it no reader takes the file for whole
        else:
            self._abandon()

    def _abandon(self) -> None:
        """Write nothing more: a directory would make half an archive pass for a whole one.

        The ZIP lets go of its stream, as it does once it is closed; else it would write the directory whenever it is
        collected, to a stream that may be closed by then.
        """
        self._zip.fp = None


class _Counted(io.RawIOBase):
    """Passes bytes on, counting and digesting them."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner
        self.position = 0
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def write(self, content: Any) -> int:
        data = bytes(content)
        self._inner.write(data)
        self.digest.update(data)
        self.position += len(data)
        return len(data)
