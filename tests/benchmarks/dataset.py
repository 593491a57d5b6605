"""The benchmarks' data: a home with landed files and their ledger, as a team of laptops would have filled it.

Belongs here: making it, vectorised and from a seed. Does not belong here: a single row's values (`dataset_rows`),
keeping and building homes (`homes`), rivals.

Shape: 90 days up to now, most calls in working hours; five workspaces, one with four fifths of the rows; sixty devices,
each at home in one project of forty and staying with a project and a model for half an hour; 1 % of the rows sent
again, in later batches; large files of a batch per device, and a tail of small ones.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import duckdb
import pyarrow as pa
from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.orm import Session

from api.api_keys import create_api_key
from api.audit import OPERATOR
from api.db import models
from api.db.migrate import upgrade
from api.workspaces import create_workspace, set_budget
from pipelines.lake.arrow import compute
from pipelines.lake.clock import to_micros
from pipelines.lake.database import open_database
from pipelines.lake.landing import LandedFile, LandingWriter
from pipelines.lake.ledger import chain_hash, landed_batches, landed_files, landing_sequence
from pipelines.lake.paths import Home
from pipelines.lake.schema import LANDING_SCHEMA, LANDING_SCHEMA_VERSION
from tests.benchmarks.dataset_rows import MODELS, ROWS, WARP

DAYS: Final = 90
SMALL_FILE_ROWS: Final = 500
LARGE_FILE_ROWS: Final = 25_000
TAIL_FILES: Final = 40
BIG_SLUG: Final = "acme"
PROJECTS: Final = 40
_SLUGS: Final = (BIG_SLUG, "beta", "gamma", "delta", "epsilon")
_ZONES: Final = ("America/New_York", "UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Sydney")
_CYCLE: Final = 20  # files; 16 of them the big workspace's
_DEVICES: Final = 60
_WRITTEN_AHEAD: Final = 4
_NAMES: Final = UUID("5b1f0c52-0000-4000-8000-000000000000")
_SUMMED: Final = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")


@dataclass(frozen=True)
class Workspace:
    """A workspace of the data set, with a key that reads it."""

    workspace_id: str
    slug: str
    device_ids: tuple[str, ...]
    api_key: str


@dataclass(frozen=True)
class Dataset:
    """A home with landed rows.

    Attributes:
        home: where they are.
        rows: landed, repeats included.
        workspaces: the big one first.
        begin: instant before every call's arrival, aware UTC.
        until: instant no row lies after, aware UTC.
        seed: everything random follows from it.
    """

    home: Home
    rows: int
    workspaces: tuple[Workspace, ...]
    begin: datetime
    until: datetime
    seed: int

    @property
    def big(self) -> Workspace:
        """The workspace with most of the rows."""
        return self.workspaces[0]

    def at(self, home: Home) -> Dataset:
        """Return the same data set in a copy of its home."""
        return Dataset(home, self.rows, self.workspaces, self.begin, self.until, self.seed)


def make_dataset(home: Home, rows: int, seed: int, until: datetime) -> Dataset:
    """Fill an empty home.

    Args:
        home: its folder exists and is empty.
        rows: landed rows, at least 2,000; made a multiple of 500.
        seed: of everything random.
        until: aware UTC instant of the newest arrival.
    """
    begin = until.replace(hour=0, minute=0, second=0, microsecond=0) - (DAYS - 1) * timedelta(days=1)
    engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
    try:
        upgrade(engine)
        workspaces = _people(engine, begin)
        data = Dataset(home, rows // SMALL_FILE_ROWS * SMALL_FILE_ROWS, workspaces, begin, until, seed)
        _land_all(engine, data)
    finally:
        engine.dispose()
    return data


def land_more(data: Dataset, engine: Engine, rows: int, number: int, now: datetime) -> int:
    """Land one more file of new calls in the big workspace; most were made a minute ago, some up to ten hours.

    Args:
        data: what the home was filled with.
        engine: its app database.
        rows: how many.
        number: of this file, from 0; every number makes other calls.
        now: aware UTC instant of its arrival.

    Returns:
        Its `file_seq`.
    """
    with engine.connect() as connection:
        file_seq = int(connection.execute(select(landing_sequence.c.value)).scalar_one()) + 1
    first = -(number + 1) * 10_000_000  # numbers that the data set itself does not use
    with _generator() as generator:
        piece = _Piece(file_seq, first, rows, 0)
        moment = Dataset(data.home, rows, data.workspaces, now - timedelta(minutes=10), now, data.seed)
        table = _generate(generator, moment, piece, one_moment=True)
    writer = LandingWriter(data.home)
    try:
        landed = _write(writer, moment, piece, table)
    finally:
        writer.close()
    _commit(engine, moment, [landed])
    return file_seq


@dataclass(frozen=True)
class _Piece:
    """One landing file to be: rows [first, first + count) of one workspace."""

    file_seq: int
    first: int
    count: int
    workspace: int


@dataclass(frozen=True)
class _Landed:
    piece: _Piece
    file: LandedFile
    sums: dict[str, Any]
    batches: list[tuple[Any, ...]]


def _people(engine: Engine, begin: datetime) -> tuple[Workspace, ...]:
    found: list[Workspace] = []
    began_us = to_micros(begin)
    with Session(engine) as session, session.begin():
        if session.execute(select(landing_sequence.c.value)).first() is None:
            session.execute(insert(landing_sequence).values(id=1, value=0))
        for slug, zone in zip(_SLUGS, _ZONES, strict=True):
            made = create_workspace(
                session, name=slug, owner_email=f"owner@{slug}.example", plan=models.Plan.ENTERPRISE, time_zone=zone,
                actor=OPERATOR, at=begin,
            )  # fmt: skip
            set_budget(session, made.id, 500_000_000, actor=OPERATOR, at=begin)
            key = create_api_key(session, made.id, name="benchmark", actor=OPERATOR, at=begin)
            devices = tuple(str(uuid5(_NAMES, f"{slug} device {number}")) for number in range(_DEVICES))
            session.execute(insert(models.Device), [
                {"id": one, "workspace_id": made.id, "hostname": f"laptop-{number}", "platform": "linux",
                 "daemon_version": "0.6.4", "paired_at_us": began_us}
                for number, one in enumerate(devices)
            ])  # fmt: skip
            session.execute(insert(models.Project), [
                {"id": str(uuid5(_NAMES, f"{slug} project {number}")), "workspace_id": made.id,
                 "slug": f"project-{number:02d}", "first_seen_at_us": began_us}
                for number in range(PROJECTS)
            ])  # fmt: skip
            found.append(Workspace(made.id, slug, devices, key))
    return tuple(found)


def _pieces(rows: int) -> list[_Piece]:
    """Cut the rows into files: large ones, then a tail of small ones."""
    tail = min(TAIL_FILES, rows // SMALL_FILE_ROWS // 4) * SMALL_FILE_ROWS
    large = max(
        SMALL_FILE_ROWS, min(LARGE_FILE_ROWS, (rows - tail) // (2 * _CYCLE) // SMALL_FILE_ROWS * SMALL_FILE_ROWS)
    )
    cuts = [*range(0, rows - tail, large), *range(rows - tail, rows, SMALL_FILE_ROWS), rows]
    small_ones = {16: 1, 17: 2, 18: 3, 19: 4}
    return [
        _Piece(number + 1, first, end - first, small_ones.get(number % _CYCLE, 0))
        for number, (first, end) in enumerate(itertools.pairwise(cuts))
    ]


def _land_all(engine: Engine, data: Dataset) -> None:
    pieces = _pieces(data.rows)
    writer = LandingWriter(data.home)
    try:
        # Encoding and syncing one file go on beside making the next.
        landed: list[_Landed] = []
        waiting: deque[Future[_Landed]] = deque()
        with ThreadPoolExecutor(2) as pool:
            for piece, table in _tables(data, pieces):
                waiting.append(pool.submit(_write, writer, data, piece, table))
                if len(waiting) > _WRITTEN_AHEAD:
                    landed.append(waiting.popleft().result())
            landed += [one.result() for one in waiting]
    finally:
        writer.close()
    _commit(engine, data, landed)


def _tables(data: Dataset, pieces: list[_Piece]) -> Iterator[tuple[_Piece, pa.Table]]:
    with _generator() as generator:
        for piece in pieces:
            yield piece, _generate(generator, data, piece, one_moment=False)


def _generator() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set arrow_lossless_conversion = true")  # ids as ids, not as text
    connection.execute(WARP)
    return connection


def _generate(generator: duckdb.DuckDBPyConnection, data: Dataset, piece: _Piece, *, one_moment: bool) -> pa.Table:
    workspace = data.workspaces[piece.workspace]
    points = [f"{provider}/{model}" for provider, model, share in MODELS for _ in range(share)]
    answer: Any = generator.sql(ROWS, params={
        "first": piece.first, "count": piece.count, "seed": data.seed,
        "total": data.rows, "sittings": DAYS * 48, "days": 0.0 if one_moment else float(_days(data)),
        "back": _CYCLE * _large_rows(data.rows), "begin": data.until if one_moment else data.begin,
        "until": data.until, "workspace": workspace.workspace_id, "device_ids": list(workspace.device_ids),
        "devices": _DEVICES, "projects": PROJECTS, "models": points,
    })  # fmt: skip
    table: pa.Table = answer.to_arrow_table()
    nulls: Any = pa.nulls
    columns = [
        table[name].combine_chunks().cast(kind) if name in table.column_names else nulls(table.num_rows, kind)
        for name, kind in zip(LANDING_SCHEMA.names, LANDING_SCHEMA.types, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=LANDING_SCHEMA)


def _large_rows(rows: int) -> int:
    return _pieces(rows)[0].count


def _days(data: Dataset) -> float:
    """Return the length of the history in days whose calls lie as `warp` says."""
    return (data.until - data.begin) / timedelta(days=1)


def _write(writer: LandingWriter, data: Dataset, piece: _Piece, table: pa.Table) -> _Landed:
    newest = table["received_at"][-1].as_py()
    file = writer.write(data.workspaces[piece.workspace].workspace_id, newest.date().isoformat(), table)
    instants = compute.min_max(table["requested_at"].cast(pa.int64())).as_py()
    sums = {name: compute.sum(table[name]).as_py() for name in _SUMMED}
    sums |= {
        "cost_logged_millicents": compute.sum(table["cost_logged_millicents"]).as_py() or 0,
        "unpriced_rows": table["cost_logged_millicents"].null_count,
        "first_requested_at_us": instants["min"],
        "last_requested_at_us": instants["max"],
        "committed_at_us": to_micros(newest),
        "received_day": newest.date().isoformat(),
    }
    heads = table.filter(compute.equal(table["row_index"], 0))
    counts = Counter(table["source_machine"].to_pylist())
    batches = [
        (key, device, newest, counts[machine])
        for key, device, machine in zip(
            *(heads[name].to_pylist() for name in ("batch_key", "device_id", "source_machine")), strict=True
        )
    ]
    return _Landed(piece, file, sums, batches)


def _commit(engine: Engine, data: Dataset, landed: list[_Landed]) -> None:
    """Write the ledger, its chains of batches included, in one transaction."""
    with engine.begin() as connection:
        chains = {
            one.id: (one.batch_chain_position, one.batch_chain_head)
            for one in connection.execute(
                select(
                    models.Workspace.id, models.Workspace.batch_chain_position, models.Workspace.batch_chain_head
                )
            )
        }  # fmt: skip
        files: list[dict[str, Any]] = []
        batches: list[dict[str, Any]] = []
        for one in landed:
            workspace_id = data.workspaces[one.piece.workspace].workspace_id
            files.append({
                "file_seq": one.piece.file_seq, "file_id": one.file.file_id, "workspace_id": workspace_id,
                "relative_path": one.file.relative_path, "row_count": one.file.row_count,
                "byte_count": one.file.byte_count, "sha256": one.file.sha256,
                "schema_version": LANDING_SCHEMA_VERSION, **one.sums,
            })  # fmt: skip
            for key, device, received, count in one.batches:
                position, head = chains[workspace_id]
                batch: dict[str, Any] = {
                    "batch_key": str(key), "batch_id": str(key), "workspace_id": workspace_id,
                    "device_id": str(device), "file_seq": one.piece.file_seq, "received_at_us": to_micros(received),
                    "received_count": count, "landed_count": count, "duplicate_count": 0, "quarantined_count": 0,
                    "withheld_count": 0, "records_sha256": one.file.sha256, "chain_position": position + 1,
                    "previous_chain_hash": head,
                }  # fmt: skip
                batch["chain_hash"] = chain_hash(batch, one.file.sha256)
                chains[workspace_id] = position + 1, batch["chain_hash"]
                batches.append(batch)
        connection.execute(insert(landed_files), files)
        connection.execute(insert(landed_batches), batches)
        newest = select(func.max(landed_files.c.file_seq)).scalar_subquery()
        connection.execute(update(landing_sequence).values(value=newest))
        for workspace_id, (position, head) in chains.items():
            connection.execute(
                update(models.Workspace)
                .where(models.Workspace.id == workspace_id)
                .values(batch_chain_position=position, batch_chain_head=head)
            )
