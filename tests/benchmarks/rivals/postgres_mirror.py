"""The rival: the same upload route over a PostgreSQL mirror, the design the product's documentation describes.

Made as well as we can: the same framework, event loop and parser; msgspec decodes and validates against the same wire
structs; rows go by COPY into a temporary table and from there into `requests`, ids that are known left out, in one
durable transaction per batch. Lines for COPY are put together by hand, which is twice as fast as the driver's own way.

Run as `python -m tests.benchmarks.rivals.postgres_mirror WORKERS`, with the database's URI in $MIRROR_URI.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
import psycopg
from fastapi import FastAPI, Request, Response

from daemon.wire.batch import Batch, Receipt
from daemon.wire.record import Record
from pipelines.lake.clock import SystemClock
from tests.benchmarks.rivals.postgres_mirror_schema import NAMES, STAGING, token_digest
from tests.benchmarks.rivals.serving import serve

URI_VARIABLE: Final = "MIRROR_URI"
_CONNECTIONS: Final = 8
_BATCH: Final = msgspec.json.Decoder(Batch)
_EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
_AHEAD: Final = timedelta(hours=48)
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NULL: Final = "\\N"

_DEVICE: Final = b"SELECT id, workspace_id FROM devices WHERE token_sha256 = %s AND revoked_at IS NULL"
_COPY: Final = f"COPY staged ({NAMES}) FROM STDIN".encode()
_INSERT: Final = f"""
INSERT INTO requests (workspace_id, device_id, batch_key, received_at, {NAMES})
SELECT %s, %s, %s, %s, {NAMES} FROM staged
ON CONFLICT (workspace_id, id) DO NOTHING
""".encode()
_RECORD: Final = b"""
WITH seen AS (UPDATE devices SET last_seen_at = %(at)s WHERE id = %(device)s)
INSERT INTO batches (batch_key, batch_id, workspace_id, device_id, received_at, received, accepted)
VALUES (%(key)s, %(batch)s, %(workspace)s, %(device)s, %(at)s, %(received)s, %(accepted)s)
"""


class Pool:
    """A fixed number of prepared connections."""

    def __init__(self) -> None:
        self._free: asyncio.Queue[psycopg.AsyncConnection[Any]] = asyncio.Queue()

    async def open(self, uri: str) -> None:
        for _ in range(_CONNECTIONS):
            connection = await psycopg.AsyncConnection.connect(uri, autocommit=True, prepare_threshold=1)
            await connection.execute(STAGING.encode())
            self._free.put_nowait(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[psycopg.AsyncConnection[Any]]:
        taken = await self._free.get()
        try:
            yield taken
        finally:
            self._free.put_nowait(taken)

    async def close(self) -> None:
        for _ in range(_CONNECTIONS):
            await (await self._free.get()).close()


def app() -> FastAPI:
    pool, clock = Pool(), SystemClock()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        await pool.open(os.environ[URI_VARIABLE])
        yield
        await pool.close()

    made = FastAPI(lifespan=lifespan)

    @made.get("/health")
    def health() -> dict[str, bool]:
        return {"up": True}

    @made.post("/v1/requests/batch")
    async def upload(request: Request) -> Response:
        digest = token_digest(request.headers.get("authorization", "").removeprefix("Bearer "))
        async with pool.connection() as connection:
            found = await (await connection.execute(_DEVICE, [digest], binary=True)).fetchone()
        if found is None:
            return Response(status_code=401)
        try:
            batch = _BATCH.decode(await request.body())
        except msgspec.DecodeError:
            return Response(status_code=422)
        now = clock.now()
        lines, refused = copy_lines(batch.records, now)
        async with pool.connection() as connection, connection.transaction():
            accepted = await _store(connection, found, batch, lines, now)
        receipt = Receipt(
            batch_id=batch.batch_id,
            received=len(batch.records),
            accepted=accepted,
            duplicates=len(batch.records) - accepted - refused,
            withheld=[],
            quarantined=[],
        )
        return Response(msgspec.json.encode(receipt), media_type="application/json")

    return made


async def _store(
    connection: psycopg.AsyncConnection[Any], device: tuple[UUID, UUID], batch: Batch, lines: str, now: datetime
) -> int:
    """Store what is new of a batch in the caller's transaction, and return how many rows that is."""
    key, (device_id, workspace_id) = uuid4(), device
    async with connection.cursor() as cursor:
        async with cursor.copy(_COPY) as copy:
            await copy.write(lines)
        await cursor.execute(_INSERT, [workspace_id, device_id, key, now], binary=True)
        accepted = cursor.rowcount
        told = {"key": key, "batch": batch.batch_id, "workspace": workspace_id, "device": device_id, "at": now}
        await cursor.execute(_RECORD, {**told, "received": len(batch.records), "accepted": accepted})
    return accepted


def copy_lines(records: list[Record], now: datetime) -> tuple[str, int]:
    """Return the acceptable records as COPY text, and how many were refused.

    What msgspec's types cannot say is judged here, as our own rules do: equal costs, believable instants, no NUL.
    """
    latest, lines = now + _AHEAD, list[str]()
    for r in records:
        requested, recorded = datetime.fromisoformat(r.requested_at), datetime.fromisoformat(r.recorded_at)
        if not (_EARLIEST <= requested <= latest and _EARLIEST <= recorded <= latest):
            continue
        if r.cost_millicents != r.cost_usd_minor_units and None not in {r.cost_millicents, r.cost_usd_minor_units}:
            continue
        cost = r.cost_millicents if r.cost_millicents is not None else r.cost_usd_minor_units
        lines.append(
            f"{r.id}\t{_text(r.project)}\t{_text(r.provider)}\t{_text(r.model)}\t{r.input_tokens}\t{r.output_tokens}\t"
            f"{r.thinking_tokens}\t{r.cached_tokens}\t{r.cache_write_tokens}\t{_NULL if cost is None else cost}\t"
            f"{_text(r.fx_rate)}\t{r.tokens_complete}\t{r.latency_ms}\t"
            f"{_NULL if r.time_to_first_token_ms is None else r.time_to_first_token_ms}\t{r.requested_at}\t"
            f"{r.recorded_at}\t{_text(r.status)}\t{_text(r.request_kind)}\t{_text(r.attribution_method)}\t"
            f"{_text(r.source_workdir)}\t{_text(r.source_machine)}\t{_text(r.prompt_hash)}\t"
            f"{_text(r.idempotency_key)}\t{_text(r.error_class)}\t{_text(r.provider_error_code)}\t"
            f"{_NULL if r.http_status is None else r.http_status}\t"
            f"{_NULL if r.retryable is None else r.retryable}\t{_text(r.billing_basis)}\n"
        )
    whole = "".join(lines)
    return (whole, len(records) - len(lines)) if "\0" not in whole else copy_lines(_without_nul(records), now)


def _text(value: str | None) -> str:
    if value is None:
        return _NULL
    return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPES)


def _without_nul(records: list[Record]) -> list[Record]:
    return [r for r in records if not any("\0" in v for v in msgspec.structs.astuple(r) if isinstance(v, str))]


if __name__ == "__main__":
    serve("tests.benchmarks.rivals.postgres_mirror:app", int(sys.argv[1]))
