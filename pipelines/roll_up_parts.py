"""Roll-ups, published a period at a time: a part that did not change is taken over from the build before.

Belongs here: which periods a roll-up is cut into, how it shows that one changed, and writing those that did. Does not
belong here: reading parts (`pipelines.lake.part_views`), which snapshot names them (`pipelines.publish`), and deleting
them (`pipelines.snapshot_cleanup`).

Whether a period changed is asked of its rows and of nothing else: their number and two sums over a hash of all
published columns. What changed them (new rows, rows that went, another visibility of a project), and what the models
remember of it, does not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import duckdb

from pipelines.durable_files import move_durably, sha256_of_file, temporary_beside
from pipelines.lake.catalog import WITHOUT_DEVICES, quoted
from pipelines.lake.part_views import Part
from pipelines.lake.paths import Home
from pipelines.segments import FILE_OPTIONS

DAYS_APART: Final = 8
"""So many of the newest days have parts of their own, which new rows rewrite; older days share one with their month."""
_BOOKKEEPING: Final = frozenset({"last_file_seq", "visibility_version"})
"""What the incremental models remember to find stale periods; of no use to readers."""
_BIGGEST_BIGINT: Final = 2**63 - 1
_MEASURES_FROM: Final = "requests"  # the first measure; what stands before is the grain
_SCRATCH: Final = "temp.rows_of_part"


class PartError(Exception):
    """A part does not hold what it was written from."""


@dataclass(frozen=True)
class RollUpTable:
    """A roll-up as it is published.

    Attributes:
        name: as readers call it.
        source: the model it is made from.
        day: column its periods are cut by.
        order: of rows in a part: what pages ask for lies together.
        summed_over: column of the model that is summed over, if any.
        in_months: whether `day` is the first day of a month.
    """

    name: str
    source: str
    day: str
    order: str
    summed_over: str | None = None
    in_months: bool = False


ROLL_UPS: Final = (
    RollUpTable("mart_spend_15min", "mart_spend_15min", "utc_day", "workspace_id, bucket_starts_at"),
    RollUpTable("mart_spend_daily", "mart_spend_daily", "local_day", "workspace_id, local_day"),
    RollUpTable(WITHOUT_DEVICES, "mart_spend_daily", "local_day", "workspace_id, local_day", summed_over="device_id"),
    RollUpTable("mart_spend_monthly", "mart_spend_monthly", "local_month", "workspace_id, local_month", in_months=True),
)


@dataclass(frozen=True)
class Content:
    """What tells rows from others, whatever their order.

    Attributes:
        rows: how many.
        requests: sum of their requests.
        hash_sum: sum over a 64-bit hash of each row.
        hash_xor: the hashes, one upon the other.
    """

    rows: int = 0
    requests: int = 0
    hash_sum: int = 0
    hash_xor: int = 0

    def with_more(self, other: Content) -> Content:
        """Return the content of both."""
        return Content(
            self.rows + other.rows,
            self.requests + other.requests,
            self.hash_sum + other.hash_sum,
            self.hash_xor ^ other.hash_xor,
        )


@dataclass(frozen=True)
class _Model:
    """A model's published columns, grain first, and what its days hold."""

    columns: tuple[tuple[str, str], ...]
    days: Mapping[date, Content]


def publish_parts(connection: duckdb.DuckDBPyConnection, home: Home, base: Sequence[Part]) -> list[Part]:
    """Write the parts that differ from those of the build before, durably.

    Args:
        connection: stands in the warehouse.
        home: where parts lie.
        base: parts of the build this one goes on from; none for a full one.

    Returns:
        The parts of all roll-ups, taken over and new.

    Raises:
        PartError: a part does not hold what it was written from.
        duckdb.Error: as DuckDB says; a sum beyond 38 digits among others.
        OSError: a file could not be made durable.
    """
    home.roll_up_parts.mkdir(parents=True, exist_ok=True)
    known = {(part.table_name, part.period, part.fingerprint): part for part in base}
    models = {source: _read_model(connection, source) for source in dict.fromkeys(one.source for one in ROLL_UPS)}
    parts: list[Part] = []
    for table in ROLL_UPS:
        model = models[table.source]
        for period, (content, where) in _periods(table, model.days):
            fingerprint = _fingerprint(table, model, content)
            part = known.get((table.name, period, fingerprint))
            parts.append(part or _write_part(connection, home, table, model, period, where, content, fingerprint))
    return parts


def _read_model(connection: duckdb.DuckDBPyConnection, source: str) -> _Model:
    described = connection.execute(f"describe {source}").fetchall()
    columns = tuple((str(name), str(kind)) for name, kind, *_ in described if name not in _BOOKKEEPING)
    day = next(one.day for one in ROLL_UPS if one.source == source)
    hashed = f"hash({', '.join(name for name, _ in columns)})"
    rows = connection.execute(
        f"select {day}, count(*), sum(requests), sum({hashed}::hugeint), bit_xor({hashed}) from {source} group by {day}"  # noqa: S608 - our own names
    ).fetchall()
    return _Model(columns, {found: Content(*map(int, counted)) for found, *counted in rows})


def _periods(table: RollUpTable, days: Mapping[date, Content]) -> Iterator[tuple[str, tuple[Content, str]]]:
    """Yield a roll-up's periods, oldest first, each with what it holds and the condition that finds its rows."""
    if not days:
        yield "", (Content(), "false")
        return
    newest = max(days)
    apart_from = newest + timedelta(days=1) if table.in_months else newest - timedelta(days=DAYS_APART - 1)
    found: dict[str, Content] = {}
    conditions: dict[str, str] = {}
    for day in sorted(days):
        if day >= apart_from:
            period, condition = day.isoformat(), f"{table.day} = date '{day}'"
        else:
            first = day.replace(day=1)
            after = min((first + timedelta(days=31)).replace(day=1), apart_from)
            period, condition = f"{day:%Y-%m}", f"{table.day} >= date '{first}' and {table.day} < date '{after}'"
        found[period] = found.get(period, Content()).with_more(days[day])
        conditions[period] = condition
    yield from ((period, (content, conditions[period])) for period, content in found.items())


def _fingerprint(table: RollUpTable, model: _Model, content: Content) -> str:
    """Return a digest of rows and of all that decides about the file made of them."""
    made_of = (table, model.columns, FILE_OPTIONS, content)
    return hashlib.sha256(repr(made_of).encode()).hexdigest()


def _write_part(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    table: RollUpTable,
    model: _Model,
    period: str,
    where: str,
    content: Content,
    fingerprint: str,
) -> Part:
    names = [name for name, _ in model.columns if name != table.summed_over]
    connection.execute(f"create or replace temp table rows_of_part as {_rows(table, names, where)}")
    sums = [name for name, kind in model.columns if kind == "HUGEINT"]
    wide = _beyond_bigint(connection, sums)
    stored = {name: "decimal(38, 0)" if name in wide else "bigint" for name in sums}
    columns = ", ".join(f"cast({name} as {stored[name]}) as {name}" if name in stored else name for name in names)
    temporary = temporary_beside(home.roll_up_parts / "part.parquet")
    try:
        connection.execute(
            f"copy (select {columns} from {_SCRATCH} order by {table.order}) to {quoted(temporary)} ({FILE_OPTIONS})"  # noqa: S608 - our own names
        )
        row_count, requests = _counted(connection, f"read_parquet({quoted(temporary)})")
        expected = _counted(connection, _SCRATCH)
        complete = table.summed_over is not None or row_count == content.rows
        if (row_count, requests) != expected or requests != content.requests or not complete:
            raise PartError(f"{table.name} {period} holds {content.requests} requests, its part {requests}")
        digest = sha256_of_file(temporary)
        name = f"{digest[:32]}.parquet"
        move_durably(temporary, home.roll_up_parts / name)
    finally:
        temporary.unlink(missing_ok=True)
        connection.execute(f"drop table if exists {_SCRATCH}")
    return Part(table.name, period, name, digest, row_count, requests, ",".join(sorted(wide)), fingerprint)


def _rows(table: RollUpTable, names: Sequence[str], where: str) -> str:
    if table.summed_over is None:
        return f"select {', '.join(names)} from {table.source} where {where}"  # noqa: S608 - our own names
    first = names.index(_MEASURES_FROM)
    key, sums = ", ".join(names[:first]), ", ".join(f"sum({name}) as {name}" for name in names[first:])
    return f"select {key}, {sums} from {table.source} where {where} group by {key}"  # noqa: S608 - our own names


def _beyond_bigint(connection: duckdb.DuckDBPyConnection, sums: Sequence[str]) -> set[str]:
    """Return which of the sums have a value that eight bytes do not hold."""
    asked = ", ".join(f"coalesce(max(abs({name})), 0)" for name in sums)
    largest = connection.execute(f"select {asked} from {_SCRATCH}").fetchall()[0]  # noqa: S608 - our own names
    return {name for name, most in zip(sums, largest, strict=True) if most > _BIGGEST_BIGINT}


def _counted(connection: duckdb.DuckDBPyConnection, rows: str) -> tuple[int, int]:
    found = connection.execute(f"select count(*), coalesce(sum(requests), 0) from {rows}").fetchall()[0]  # noqa: S608 - our own names
    return int(found[0]), int(found[1])
