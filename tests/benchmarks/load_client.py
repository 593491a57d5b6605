"""Many uploading clients in one process of their own: bodies prepared first, then sent as cheaply as can be.

Belongs here: sending and timing. Does not belong here: judging what came back beyond its counts.

Run as `python -m tests.benchmarks.load_client`, with a `Job` as one JSON line on stdin. It prints `ready` once all
bodies are in memory, waits for a line, sends, and prints an `Outcome` as JSON. A client sends its next batch when the
one before is answered; a 503 is tried again after a tenth of a second, as the same batch.

One event loop writes prepared bytes to sockets and looks for the end of short answers: that costs little, and its
processor time is part of the outcome.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import cast
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import uvloop

from daemon.simulate.history import Plan, generate

PATH = "/v1/requests/batch"
_POOL_ROWS = 4_000
_BUSY = 503
_RETRY_SECONDS = 0.1


class Job(msgspec.Struct, kw_only=True):
    """What to send.

    Attributes:
        url: base address of the server.
        tokens: sync token of each client; one connection each.
        batches: batches of each client.
        batch_rows: records of each batch.
        seed: ids depend on it and on nothing else; another seed sends other ids.
        until: last instant of the made-up history, ISO-8601.
    """

    url: str
    tokens: list[str]
    batches: int
    batch_rows: int
    seed: int
    until: str


class Outcome(msgspec.Struct, kw_only=True):
    """What was sent and how long it took.

    Attributes:
        seconds: from the first byte of the first batch to the last byte of the last answer.
        latencies: seconds from a batch's first byte to its answer, refusals and waiting included.
        cpu_seconds: processor time of this process meanwhile.
        sent_bytes: bytes of all bodies.
        received: rows the server says it received.
        accepted: rows the server says it accepted.
        busy: 503 answers.
    """

    seconds: float
    latencies: list[float]
    cpu_seconds: float
    sent_bytes: int
    received: int
    accepted: int
    busy: int


class _Counts(msgspec.Struct):
    received: int
    accepted: int


_COUNTS = msgspec.json.Decoder(_Counts)


class _Connection(asyncio.Protocol):
    """One keep-alive HTTP connection; knows just enough of HTTP to read an answer with a Content-Length."""

    def __init__(self) -> None:
        self._received = b""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or self._waiting is None:
            return
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        if len(body) >= length:
            waiting, self._waiting, self._received = self._waiting, None, b""
            waiting.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None:
            self._waiting.set_exception(exc or ConnectionResetError("the server hung up"))

    async def post(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.writelines((head, body))
        return await self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


@dataclass
class _Sent:
    latencies: list[float] = field(default_factory=list[float])
    received: int = 0
    accepted: int = 0
    busy: int = 0


async def _client(connection: _Connection, host: str, token: str, bodies: list[bytes], sent: _Sent) -> None:
    for body in bodies:
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        started = time.perf_counter()
        status, answer = await connection.post(head, body)
        while status == _BUSY:
            sent.busy += 1
            await asyncio.sleep(_RETRY_SECONDS)
            status, answer = await connection.post(head, body)
        sent.latencies.append(time.perf_counter() - started)
        if status != 200:
            raise RuntimeError(f"the server answered {status}: {answer[:300]!r}")
        counts = _COUNTS.decode(answer)
        sent.received += counts.received
        sent.accepted += counts.accepted


async def _send(job: Job, bodies: list[list[bytes]]) -> Outcome:
    address = urlsplit(job.url)
    assert address.hostname
    assert address.port
    loop, sent = asyncio.get_running_loop(), _Sent()
    connections = [
        (await loop.create_connection(_Connection, address.hostname, address.port))[1] for _ in range(len(job.tokens))
    ]
    clients = [
        _client(connection, address.netloc, token, theirs, sent)
        for connection, token, theirs in zip(connections, job.tokens, bodies, strict=True)
    ]
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*clients)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    for connection in connections:
        connection.close()
    return Outcome(
        seconds=seconds,
        latencies=sent.latencies,
        cpu_seconds=cpu,
        sent_bytes=sum(len(body) for theirs in bodies for body in theirs),
        received=sent.received,
        accepted=sent.accepted,
        busy=sent.busy,
    )


def prepared_bodies(job: Job) -> list[list[bytes]]:
    """Return the bodies of each client: a realistic history, every id new."""
    until = datetime.fromisoformat(job.until).astimezone(UTC)
    pool = generate(Plan(rows=_POOL_ROWS, days=30, until=until, seed=job.seed))
    tails = [record[record.index(b",") :] for record in map(msgspec.json.encode, pool)]  # all but the leading id
    random = Random(job.seed)
    bodies: list[list[bytes]] = []
    for _ in job.tokens:
        theirs: list[bytes] = []
        for _ in range(job.batches):
            start = random.randrange(len(tails))
            rows = [b'{"id":"%s"%s' % (_uuid(random), tails[(start + i) % len(tails)]) for i in range(job.batch_rows)]
            theirs.append(b'{"batch_id":"%s","records":[%s]}' % (_uuid(random), b",".join(rows)))
        bodies.append(theirs)
    return bodies


def _uuid(random: Random) -> bytes:
    return str(UUID(int=random.getrandbits(128), version=4)).encode()


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    bodies = prepared_bodies(job)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.buffer.readline()
    outcome = uvloop.run(_send(job, bodies))
    sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")


if __name__ == "__main__":
    main()
