"""The benchmarks' data: a home with landed files and their ledger, as a team of laptops would have filled it.

Belongs here: its rows, vectorised and from a seed, and cutting them into files. Does not belong here: a single row's
values (`dataset_rows`), people and ledger (`dataset_ledger`), keeping and building homes (`homes`), rivals.

Shape: 90 days up to now, most calls in working hours; five workspaces, one with four fifths of the rows; sixty devices,
each at home in one project of forty and staying with a project and a model for half an hour; 1 % of the rows sent
again, in later batches; large files of a batch per device, and a tail of small ones.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import duckdb
import pyarrow as pa
from sqlalchemy import Engine, select

from api.db.migrate import upgrade
from pipelines.lake.database import open_database
from pipelines.lake.landing import LandingWriter
from pipelines.lake.ledger import landing_sequence
from pipelines.lake.paths import Home
from pipelines.lake.schema import LANDING_SCHEMA
from tests.benchmarks.dataset_ledger import DEVICES, PROJECTS, Landed, Workspace, add_people, commit, land
from tests.benchmarks.dataset_rows import MODELS, ROWS, WARP

DAYS: Final = 90
SMALL_FILE_ROWS: Final = 500
LARGE_FILE_ROWS: Final = 25_000
TAIL_FILES: Final = 40
_CYCLE: Final = 20  # files; 16 of them the big workspace's
_WRITTEN_AHEAD: Final = 4


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
        repeating: prompts in a thousand that are sent more than once within a sitting.
    """

    home: Home
    rows: int
    workspaces: tuple[Workspace, ...]
    begin: datetime
    until: datetime
    seed: int
    repeating: int = 0

    @property
    def big(self) -> Workspace:
        """The workspace with most of the rows."""
        return self.workspaces[0]

    def at(self, home: Home) -> Dataset:
        """Return the same data set in a copy of its home."""
        return replace(self, home=home)


def make_dataset(home: Home, rows: int, seed: int, until: datetime, *, repeating: int = 0) -> Dataset:
    """Fill an empty home.

    Args:
        home: its folder exists and is empty.
        rows: landed rows, at least 2,000; made a multiple of 500.
        seed: of everything random.
        until: aware UTC instant of the newest arrival.
        repeating: see `Dataset`.
    """
    begin = until.replace(hour=0, minute=0, second=0, microsecond=0) - (DAYS - 1) * timedelta(days=1)
    engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
    try:
        upgrade(engine)
        workspaces = add_people(engine, begin)
        data = Dataset(home, rows // SMALL_FILE_ROWS * SMALL_FILE_ROWS, workspaces, begin, until, seed, repeating)
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
        moment = replace(data, rows=rows, begin=now - timedelta(minutes=10), until=now)
        table = _generate(generator, moment, piece, one_moment=True)
    writer = LandingWriter(data.home)
    try:
        landed = land(writer, data.big.workspace_id, piece.file_seq, table)
    finally:
        writer.close()
    commit(engine, [landed])
    return file_seq


@dataclass(frozen=True)
class _Piece:
    """One landing file to be: rows [first, first + count) of one workspace."""

    file_seq: int
    first: int
    count: int
    workspace: int


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
        landed: list[Landed] = []
        waiting: deque[Future[Landed]] = deque()
        with ThreadPoolExecutor(2) as pool:
            for piece, table in _tables(data, pieces):
                waiting.append(
                    pool.submit(land, writer, data.workspaces[piece.workspace].workspace_id, piece.file_seq, table)
                )
                if len(waiting) > _WRITTEN_AHEAD:
                    landed.append(waiting.popleft().result())
            landed += [one.result() for one in waiting]
    finally:
        writer.close()
    commit(engine, landed)


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
        "devices": DEVICES, "projects": PROJECTS, "models": points,
        "repeating": data.repeating,
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
