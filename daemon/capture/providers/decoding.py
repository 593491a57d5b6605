"""Content codings undone as the bytes pass: gzip, deflate, and br and zstd where their libraries are installed.

Belongs here: incremental decoding in small pieces, so that a bomb is never held. Does not belong here: what the decoded
bytes are.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

PIECE: Final = 256 * 1024
"""Most that is decoded at a time, bytes."""
DECODED_MAX: Final = 1 << 30
"""Most that is decoded of one answer, bytes; more than that is no answer of a model."""
_AUTOMATIC: Final = 32 + zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_ZLIB_METHOD: Final = 8

Decode = Callable[[bytes], Iterator[bytes]]


class DecodingError(Exception):
    """The bytes are not in the coding they were said to be in, or far too many."""


def decoder_of(content_encoding: str | None) -> Decode:
    """Return what undoes `content_encoding`, fed with pieces in order.

    Raises:
        DecodingError: the coding is unknown, or its library is not installed; from the returned function, when the
            bytes are broken.
    """
    names = [part.strip().lower() for part in (content_encoding or "").split(",")]
    codings = [coding for coding in names if coding not in ("", "identity")]
    if not codings:
        return _unchanged
    if len(codings) > 1:
        raise DecodingError(f"{len(codings)} codings on top of each other")
    return _limited(_single(codings[0]))


def _single(coding: str) -> Decode:
    if coding in ("gzip", "x-gzip"):
        return _Inflating(_AUTOMATIC)
    if coding == "deflate":
        return _Inflating(None)
    if coding == "br":
        return _brotli(_library("brotli"))
    if coding == "zstd":
        return _zstandard(_library("zstandard"))
    raise DecodingError("unknown coding")


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)  # comes with the capture extra; without it such answers stay unread
    except ImportError as error:
        raise DecodingError(f"{name} is not installed") from error


def _unchanged(piece: bytes) -> Iterator[bytes]:
    yield piece


def _limited(decode: Decode) -> Decode:
    total = 0

    def limited(piece: bytes) -> Iterator[bytes]:
        nonlocal total
        for part in decode(piece):
            total += len(part)
            if total > DECODED_MAX:
                raise DecodingError("too long")
            yield part

    return limited


class _Inflating:
    """gzip (of several members, too) and both things that are called deflate."""

    def __init__(self, window: int | None) -> None:
        self._window = window
        self._inflate = None if window is None else zlib.decompressobj(window)

    def __call__(self, piece: bytes) -> Iterator[bytes]:
        if not piece:
            return
        if self._inflate is None:
            # With the header of zlib as the standard says, or without it as some servers do.
            self._window = zlib.MAX_WBITS if piece[0] & 15 == _ZLIB_METHOD else _RAW
            self._inflate = zlib.decompressobj(self._window)
        try:
            yield from self._inflated(piece)
        except zlib.error as error:
            raise DecodingError("broken") from error

    def _inflated(self, rest: bytes) -> Iterator[bytes]:
        while rest and self._inflate is not None:
            yield self._inflate.decompress(rest, PIECE)
            rest = self._inflate.unconsumed_tail
            if self._inflate.eof:
                rest = self._inflate.unused_data
                if self._window != _AUTOMATIC or not rest.strip(b"\0"):
                    return
                self._inflate = zlib.decompressobj(_AUTOMATIC)


def _brotli(library: Any) -> Decode:
    decompressor = library.Decompressor()

    def decode(piece: bytes) -> Iterator[bytes]:
        try:
            part = decompressor.process(piece, output_buffer_limit=PIECE)
            # It takes in all it is given before it has given out all it makes of that.
            while part or not decompressor.can_accept_more_data():
                yield part
                part = decompressor.process(b"", output_buffer_limit=PIECE)
        except library.error as error:
            raise DecodingError("broken") from error

    return decode


def _zstandard(library: Any) -> Decode:
    decompressor = library.ZstdDecompressor().decompressobj()
    step = 4096  # a frame cannot be asked to pause, so that it is given little at a time

    def decode(piece: bytes) -> Iterator[bytes]:
        nonlocal decompressor
        try:
            for start in range(0, len(piece), step):
                rest = piece[start : start + step]
                while rest:
                    if decompressor.eof:  # a server may end a frame at every flush
                        decompressor = library.ZstdDecompressor().decompressobj()
                    yield decompressor.decompress(rest)
                    rest = decompressor.unused_data if decompressor.eof else b""
        except library.ZstdError as error:
            raise DecodingError("broken") from error

    return decode
