"""A program that calls a model, as a process of its own: keep-alive connections, every answer and piece timed.

Belongs here: sending and timing. Does not belong here: judging.

Run as `python -m tests.benchmarks.capture_client` with a `Job` as one JSON line on stdin; prints an `Outcome` as one
JSON line, and stays with its connections open until stdin ends: a meter looks up who calls it, which takes longer than
answers that cost nothing. It ends with a traceback when an answer is not whole.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import uvloop

from tests.benchmarks.capture_answers import Answer
from tests.benchmarks.capture_upstream import HOST, Wish
from tests.daemon.upstreams_shapes import compact

PATIENCE_SECONDS: Final = 60.0
_SHORT: Final = 2
_STAMP: Final = re.compile(rb'"text":"@(\d+\.\d+) "')


class Way(msgspec.Struct, kw_only=True):
    """How to get to the provider.

    Attributes:
        port: to connect to, on loopback.
        path: to post to.
        tunnel: `host:port` to ask a proxy for first; empty without one.
        authority: certificates to trust, in a file; empty without TLS.
    """

    port: int
    path: str
    tunnel: str = ""
    authority: str = ""


class Job(msgspec.Struct, kw_only=True):
    """What to ask for.

    Attributes:
        way: where.
        calls: of each connection, one after the other.
        unmeasured: calls of each connection before all others, to warm up; streams are short ones.
        connections: at the same time.
        pause_ms: between two calls of a connection.
        wish: streams to ask for; None for messages in one piece.
    """

    way: Way
    calls: int
    unmeasured: int = 0
    connections: int = 1
    pause_ms: float = 0.0
    wish: Wish | None = None

    @property
    def total(self) -> int:
        """All calls, unmeasured ones included."""
        return self.connections * (self.calls + self.unmeasured)


class Outcome(msgspec.Struct, kw_only=True):
    """What was seen, all in milliseconds.

    Attributes:
        whole: from a request's first byte to its answer's last.
        first: from a request's first byte to its answer's first.
        delays: of each piece of a stream, from the provider's writing to our reading.
        gaps: between each two pieces of a stream, as they came.
    """

    whole: list[float]
    first: list[float]
    delays: list[float]
    gaps: list[float]


class _Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self) -> None:
        self._answer: Answer | None = None
        self._done: asyncio.Future[Answer] | None = None

    def data_received(self, data: bytes) -> None:
        at = time.perf_counter()
        if self._answer is None or self._done is None or self._done.done():
            return
        try:
            ended = self._answer.feed(data, at)
        except ValueError as fault:
            self._done.set_exception(fault)
            return
        if ended:
            self._done.set_result(self._answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(exc or ConnectionResetError("the other side hung up"))

    async def ask(self, transport: asyncio.Transport, request: bytes, *, bodiless: bool = False) -> Answer:
        self._answer = Answer(bodiless=bodiless)
        self._done = asyncio.get_running_loop().create_future()
        transport.write(request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._done


async def _connected(way: Way) -> tuple[asyncio.Transport, _Connection]:
    loop = asyncio.get_running_loop()
    context = None
    if way.authority:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(way.authority)
    direct = None if way.tunnel else context
    made, connection = await loop.create_connection(_Connection, HOST, way.port, ssl=direct)
    transport = cast("asyncio.Transport", made)  # uvloop's is none by inheritance
    if way.tunnel:
        asked = f"CONNECT {way.tunnel} HTTP/1.1\r\nHost: {way.tunnel}\r\n\r\n".encode()
        await connection.ask(transport, asked, bodiless=True)
        assert context is not None
        transport = await loop.start_tls(transport, connection, context, server_hostname=HOST)
        assert transport is not None
    return transport, connection


def _request(job: Job, wish: Wish | None) -> bytes:
    asked: dict[str, Any] = {
        "model": "claude-haiku-4-5-20251001",
        "max_tokens": 1024,
        "metadata": {"user_id": "" if wish is None else msgspec.json.encode(wish).decode()},
        "messages": [{"role": "user", "content": "Why does this loop stop one early? " * 30}],
    }
    if wish is not None:
        asked["stream"] = True
    body = compact(asked)
    host = job.way.tunnel or f"{HOST}:{job.way.port}"
    head = (
        f"POST {job.way.path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"X-Api-Key: sk-ant-none\r\nAnthropic-Version: 2023-06-01\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _ask_all(job: Job, tell: Callable[[Outcome], None]) -> None:
    request, seen = _request(job, job.wish), Outcome(whole=[], first=[], delays=[], gaps=[])
    short = None if job.wish is None else Wish(pieces=_SHORT, apart_ms=0.0)
    connections = [await _connected(job.way) for _ in range(job.connections)]

    async def warm_up(transport: asyncio.Transport, connection: _Connection) -> None:
        for _ in range(job.unmeasured):
            _timed(await connection.ask(transport, _request(job, short)), short)

    async def client(place: int, transport: asyncio.Transport, connection: _Connection) -> None:
        if job.wish is not None:  # streams of different callers do not beat in time
            await asyncio.sleep(place * job.wish.apart_ms / 1000 / job.connections)
        for _ in range(job.calls):
            if job.pause_ms:
                await asyncio.sleep(job.pause_ms / 1000)
            began = time.perf_counter()
            answer = await connection.ask(transport, request)
            seen.whole.append((time.perf_counter() - began) * 1000)
            seen.first.append((answer.began - began) * 1000)
            delays, gaps = _timed(answer, job.wish)
            seen.delays += delays
            seen.gaps += gaps

    await asyncio.gather(*(warm_up(*connection) for connection in connections))
    await asyncio.gather(*(client(place, *connection) for place, connection in enumerate(connections)))
    tell(seen)
    await asyncio.to_thread(sys.stdin.buffer.read)
    for transport, _ in connections:
        transport.close()


def _timed(answer: Answer, wish: Wish | None) -> tuple[list[float], list[float]]:
    """Return delays and gaps of an answer's pieces.

    Raises:
        ValueError: the answer is not what was wished for.
    """
    if wish is None:
        if not answer.body.endswith(b"}"):
            raise ValueError(f"answered {bytes(answer.body[:300])!r}")
        return [], []
    stamps = [(float(found[1]), answer.arrival(found.end())) for found in _STAMP.finditer(answer.body)]
    if len(stamps) != wish.pieces or b'"message_stop"' not in answer.body[-100:]:
        raise ValueError(f"{len(stamps)} of {wish.pieces} pieces came: {bytes(answer.body[-300:])!r}")
    delays = [(came - sent) * 1000 for sent, came in stamps]
    arrivals = [came for _, came in stamps]
    return delays, [(after - before) * 1000 for before, after in pairwise(arrivals)]


@contextmanager
def asked_apart(job: Job, project: str) -> Iterator[Outcome]:
    """Do a job in a process of its own, which a meter takes for `project`'s; it ends with the block.

    Raises:
        AssertionError: an answer was not whole; the traceback stands on stderr.
    """
    command = [sys.executable, "-m", "tests.benchmarks.capture_client"]
    variables = os.environ | {"HALTON_PROJECT": project}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], env=variables
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, "an answer was not whole; see the traceback above"
        yield msgspec.json.decode(line, type=Outcome)


def main() -> None:
    """Do the job on stdin."""

    def tell(outcome: Outcome) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
        sys.stdout.buffer.flush()

    uvloop.run(_ask_all(msgspec.json.decode(sys.stdin.buffer.readline(), type=Job), tell))


if __name__ == "__main__":
    main()
