"""A provider that costs next to nothing, as a process of its own: small messages, and streams whose pieces say when.

Belongs here: answering. Does not belong here: what is asked (`capture_client`), what is between (`capture_stage`).

Run as `python -m tests.benchmarks.capture_upstream FOLDER`; prints its two ports as JSON. Each piece of a stream holds
the instant at which it was sent, on the clock that all processes of a machine share (`time.perf_counter`), so that
whoever receives it knows how long it was under way.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import uvloop

from tests.daemon.upstreams_anthropic import ANTHROPIC_HEADERS, anthropic_events, anthropic_message
from tests.daemon.upstreams_shapes import EVENTS, JSON, compact, named_events
from tests.daemon.upstreams_tls import serving_as

HOST: Final = "127.0.0.1"
AUTHORITY_FILE: Final = "authority.pem"
_BEGINNING: Final = 1
_END: Final = 2
"""Events of the sample that begin and end every stream; what is between them is ours."""


class Listening(msgspec.Struct, kw_only=True):
    """Where it listens."""

    plain_port: int
    tls_port: int


class Wish(msgspec.Struct, kw_only=True):
    """What a request asks for: pieces of a stream and milliseconds between two of them."""

    pieces: int
    apart_ms: float


class _Metadata(msgspec.Struct):
    user_id: str


class _Asked(msgspec.Struct):
    metadata: _Metadata
    stream: bool = False


def _head(content_type: str, framing: str) -> bytes:
    headers = {"content-type": content_type, **ANTHROPIC_HEADERS}
    return (
        "HTTP/1.1 200 OK\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + f"{framing}\r\n\r\n"
    ).encode()


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _delta(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


_MESSAGE: Final = compact(anthropic_message())
_ANSWER: Final = _head(JSON, f"content-length: {len(_MESSAGE)}") + _MESSAGE
_EVENTS: Final = anthropic_events()
_OPENING: Final = [
    *_EVENTS[:_BEGINNING],
    *named_events({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
]
_CLOSING: Final = [*named_events({"type": "content_block_stop", "index": 0}), *_EVENTS[-_END:]]
_STREAM_HEAD: Final = _head(EVENTS, "transfer-encoding: chunked") + _chunk(b"".join(_OPENING))
_STREAM_END: Final = _chunk(b"".join(_CLOSING)) + b"0\r\n\r\n"


class _Provider(asyncio.Protocol):
    """One connection; knows just enough of HTTP to read a POST with a Content-Length."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._stream: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        if len(body) < length:
            return
        self._received.clear()
        assert self._transport is not None
        asked = msgspec.json.decode(body, type=_Asked)
        if asked.stream:
            wish = msgspec.json.decode(asked.metadata.user_id, type=Wish)
            self._stream = asyncio.ensure_future(self._send(wish, self._transport))
        else:
            self._transport.write(_ANSWER)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stream is not None:
            self._stream.cancel()

    @staticmethod
    async def _send(wish: Wish, transport: asyncio.Transport) -> None:
        transport.write(_STREAM_HEAD)
        begin = time.perf_counter()
        for number in range(wish.pieces):
            await asyncio.sleep(max(0.0, begin + (number + 1) * wish.apart_ms / 1000 - time.perf_counter()))
            event = _delta(f"@{time.perf_counter():.6f} ")
            transport.write(_chunk(named_events(event)[0]))
        transport.write(_STREAM_END)


async def _serve(folder: Path) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    tls, _ = serving_as(folder, HOST)
    plain = await loop.create_server(_Provider, HOST, 0, backlog=256)
    secure = await loop.create_server(_Provider, HOST, 0, ssl=tls, backlog=256)
    ports = [server.sockets[0].getsockname()[1] for server in (plain, secure)]
    sys.stdout.buffer.write(msgspec.json.encode(Listening(plain_port=ports[0], tls_port=ports[1])) + b"\n")
    sys.stdout.flush()
    await ended.wait()
    plain.close()
    secure.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(_serve(Path(sys.argv[1])))
