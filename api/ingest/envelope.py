"""Getting a request's bytes in, bounded.

Belongs here: reading and decompressing a body under a cap, and the refusals that concern a whole request. Does not
belong here: anything that looks at a row (`columnar`, `rowwise`, `rules`).
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from typing import Final

import zstandard

from api.errors import Refused

BODY_CAP_BYTES: Final = 64 * 1024 * 1024
"""Largest body accepted, before and after decompression: about 80,000 records."""
HELD_BYTES: Final = 256 * 1024 * 1024
"""Bodies held by one process; judging one takes a few times its size for a moment."""
_CHUNK: Final = 1024 * 1024


class BodyBudget:
    """Bytes of bodies one process holds at a time, so that many large uploads at once cannot exhaust its memory.

    Used from the event loop only.
    """

    def __init__(self, limit: int = HELD_BYTES) -> None:
        """Start with nothing held; `limit` is in bytes."""
        self._limit = limit
        self._held = 0

    @contextmanager
    def holding(self) -> Generator[Callable[[int], None]]:
        """Yield a function that takes bytes; what it took is given back at the end.

        Raises:
            Refused: 503 from the function, when the limit would be passed.
        """
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            if self._held + count > self._limit:
                raise Refused(503, "busy", "Too many uploads at once; try again.", headers={"Retry-After": "2"})
            self._held += count
            taken += count

        try:
            yield take
        finally:
            self._held -= taken


def too_large() -> Refused:
    """Return the refusal of a body above the cap."""
    return Refused(413, "body_too_large", f"The body is larger than {BODY_CAP_BYTES >> 20} MiB.")


async def read_capped(
    chunks: AsyncIterator[bytes], declared: str | None, take: Callable[[int], None], cap: int = BODY_CAP_BYTES
) -> bytes:
    """Return the whole body, refusing it as soon as it is known to exceed `cap` bytes.

    Args:
        chunks: the body as it arrives.
        declared: the `Content-Length` header, if any; only used to refuse early.
        take: reserves bytes as they arrive (`BodyBudget.holding`).
        cap: bytes.

    Raises:
        Refused: 413, or 503 when too much is held already.
    """
    if declared is not None and declared.isdecimal() and int(declared[:20]) > cap:
        raise too_large()
    # Kept as they come and joined once: growing one buffer moves megabytes about, and the kernel clears each new page.
    parts, size = list[bytes](), 0
    async for chunk in chunks:
        take(len(chunk))
        size += len(chunk)
        if size > cap:
            raise too_large()
        parts.append(chunk)
    return b"".join(parts)


def decompress(body: bytes, encoding: str | None, cap: int = BODY_CAP_BYTES) -> bytes:
    """Undo `Content-Encoding` gzip or zstd, never producing more than `cap` bytes.

    Raises:
        Refused: 413 for a bomb, 415 for another encoding, 400 for bytes that are not what they claim.
    """
    match (encoding or "identity").strip().lower():
        case "identity" | "":
            return body
        case "gzip" | "x-gzip":
            return _gunzip(body, cap)
        case "zstd":
            return _unzstd(body, cap)
        case _:
            raise Refused(415, "unsupported_encoding", "Send the body as it is, or with gzip or zstd.")


def _gunzip(body: bytes, cap: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        out = inflater.decompress(body, cap + 1)
    except zlib.error:
        raise Refused(400, "broken_encoding", "The body is not valid gzip.") from None
    if len(out) > cap:
        raise too_large()
    if not inflater.eof or inflater.unused_data:
        raise Refused(400, "broken_encoding", "The body is not one complete gzip stream.")
    return out


def _unzstd(body: bytes, cap: int) -> bytes:
    # A small window keeps a hostile frame from asking for gigabytes before its first byte.
    reader = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(body, read_across_frames=False)
    out = bytearray()
    try:
        while chunk := reader.read(_CHUNK):
            out += chunk
            if len(out) > cap:
                raise too_large()
    except zstandard.ZstdError:
        raise Refused(400, "broken_encoding", "The body is not valid zstd.") from None
    return bytes(out)
