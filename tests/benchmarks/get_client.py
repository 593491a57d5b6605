"""Many reading connections in one process of their own: `GET` as cheaply as can be, each answer timed.

Belongs here: sending and timing. Does not belong here: judging.

Run as `python -m tests.benchmarks.get_client` with a `Job` as one JSON line on stdin; prints an `Outcome` as JSON.
Every connection sends its next call when the one before is answered.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec
import uvloop

_OK = 200


class Job(msgspec.Struct, kw_only=True):
    """What to ask: every path once, in order, over so many connections; `key` is sent when it is not empty."""

    url: str
    paths: list[str]
    connections: int
    key: str = ""


class Outcome(msgspec.Struct, kw_only=True):
    """How long it took: seconds in all, seconds of each call, this process' own processor time."""

    seconds: float
    latencies: list[float]
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds


class _Connection(asyncio.Protocol):
    """One keep-alive connection; knows just enough of HTTP to read a 200 with a Content-Length."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._wanted = 0
        self._waiting: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._wanted:
            head, end, _ = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            if int(head[9:12]) != _OK:
                self._fail(RuntimeError(f"answered {bytes(self._received[:300])!r}"))
                return
            lines = head.lower().split(b"\r\n")
            length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
            self._wanted = len(head) + 4 + length
        if len(self._received) >= self._wanted and self._waiting is not None:
            self._received.clear()
            self._wanted = 0
            self._waiting.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("the server hung up"))

    def _fail(self, fault: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(fault)

    async def ask(self, call: bytes) -> None:
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(call)
        await self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def _ask_all(job: Job) -> Outcome:
    address, loop = urlsplit(job.url), asyncio.get_running_loop()
    assert address.hostname is not None
    assert address.port is not None
    authorization = f"Authorization: Bearer {job.key}\r\n" if job.key else ""
    calls = iter(
        [f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n{authorization}\r\n".encode() for path in job.paths]
    )
    connections = [
        (await loop.create_connection(_Connection, address.hostname, address.port))[1] for _ in range(job.connections)
    ]
    latencies: list[float] = []

    async def client(connection: _Connection, calls: Iterator[bytes]) -> None:
        for call in calls:
            started = time.perf_counter()
            await connection.ask(call)
            latencies.append(time.perf_counter() - started)

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client(connection, calls) for connection in connections))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    for connection in connections:
        connection.close()
    return Outcome(seconds=seconds, latencies=latencies, cpu_seconds=cpu)


def ask_apart(job: Job) -> Outcome:
    """Do a job in a process of its own.

    Raises:
        subprocess.CalledProcessError: a call was not answered with a 200; its message stands on stderr.
    """
    command = [sys.executable, "-m", "tests.benchmarks.get_client"]
    line = msgspec.json.encode(job) + b"\n"
    done = subprocess.run(command, check=True, input=line, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    return msgspec.json.decode(done.stdout, type=Outcome)


def main() -> None:
    """Do the job on stdin."""
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_ask_all(job))) + b"\n")


if __name__ == "__main__":
    main()
