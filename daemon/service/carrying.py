"""Copying bytes both ways between a caller and whoever answers.

Belongs here: the copying, and remembering the beginning of a request for the case that whoever got it dies at once.
Does not belong here: connections (`direct`, `stand_in`).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from daemon.service.direct import Way
from daemon.service.heads import for_once

EARLY_SECONDS: Final = 0.25
"""Whoever dies so soon after it took a request has hardly passed it on. Later on the caller has to decide."""
EARLY_BYTES: Final = 4 * 1024 * 1024
_INTERIM: Final = b"HTTP/1.1 1"
_CHUNK: Final = 65_536
_LAST_WORDS_SECONDS: Final = 0.5


@dataclass
class Early:
    """What passes one way: how it began.

    Attributes:
        any: whether there was anything.
        sent: what was passed on of it, at most a chunk more than `limit`.
        limit: bytes to remember.
    """

    any: bool = False
    sent: bytearray = field(default_factory=bytearray)
    limit: int = EARLY_BYTES
    _began: float = field(default_factory=time.monotonic)

    def note(self, chunk: bytes) -> None:
        """Remember what is passed on, as long as it could matter."""
        self.any = True
        if len(self.sent) <= self.limit:
            self.sent += chunk

    @property
    def may_be_repeated(self) -> bool:
        """Whether the same may be asked of somebody else."""
        return len(self.sent) <= self.limit and time.monotonic() - self._began <= EARLY_SECONDS


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way, early: Early) -> bool:
    """Copy until the answer has ended, or either way breaks; return whether there was any answer.

    Args:
        reader: from the caller.
        writer: to the caller.
        way: to whoever answers; closed afterwards.
        early: remembers what is passed on.
    """
    there, to = way.streams
    to.write(way.first)
    writer.write(way.answer)
    answered = Early(limit=0)
    up = asyncio.ensure_future(_copy(reader, to, early))
    down = asyncio.ensure_future((_copy_once if way.once else _copy)(there, writer, answered))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        # A caller may end its half and still listen. Where it broke off, or the other side did, little is to come.
        patience = None if up.done() and up.result() else _LAST_WORDS_SECONDS
        await asyncio.wait({down}, timeout=patience)
    finally:
        to.transport.abort()  # the caller has all it will get
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
    return answered.any


async def _copy_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passed: Early) -> bool:
    """As `_copy`; tells the caller that the connection serves no other request, which would go astray."""
    try:
        head = _INTERIM
        while head.startswith(_INTERIM):
            head = await reader.readuntil(b"\r\n\r\n")
            passed.note(head)
            writer.write(head if head.startswith(_INTERIM) else for_once(head))
    except (asyncio.LimitOverrunError, asyncio.IncompleteReadError, OSError) as error:
        writer.write(error.partial if isinstance(error, asyncio.IncompleteReadError) else b"")
    return await _copy(reader, writer, passed)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passed: Early) -> bool:
    """Return whether it came to the end, False when either side broke off."""
    try:
        while chunk := await reader.read(_CHUNK):
            passed.note(chunk)
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        return False
    return True
