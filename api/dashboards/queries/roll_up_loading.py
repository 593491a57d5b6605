"""Reading a workspace's roll-up into memory.

Belongs here: which rows are read and the proof that adding them up cannot overflow. Does not belong here: adding up
(`roll_up`), and for how long they are kept (`held`).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import duckdb
import pyarrow as pa

from api.dashboards.measures import TOKEN_MEASURES
from api.dashboards.queries.asking import IMPORTED, IMPUTED, KNOWN_KINDS, METERED, By
from api.dashboards.queries.marts import Marts
from api.dashboards.queries.roll_up import AT, HALF_BITS, HIGH, LOW, REASON, REQUESTS, RollUp, Rows, Texts, days_window
from pipelines.lake.arrow import as_table, compute
from pipelines.lake.catalog import WITHOUT_DEVICES
from pipelines.lake.clock import to_micros

ROWS_MAX: Final = 300_000
"""Most rows of one roll-up that are read: some 50 MB and 0.15 s. Where there are more, the newest days are."""
BUCKET_DAYS: Final = 5
"""UTC days of 15-minute buckets that are read: the last 24 hours and the 24 before touch three, and laptops' clocks may
be up to two days ahead. Whatever needs earlier ones is rare."""
_BIGGEST: Final = 2**63 - 1
_KINDS: Final = ", ".join(f"'{kind}'" for kind in KNOWN_KINDS)
_MEASURES: Final[Mapping[str, str]] = {
    "requests": "requests",
    "unpriced_requests": "unpriced_requests",
    "unrated_requests": "unrated_requests",
    "error_requests": "error_requests",
    "priced_metered_requests": f"if(spend_kind = '{METERED}', requests - unpriced_requests, 0)",
    "metered_millicents": f"if(spend_kind = '{METERED}', cost_logged_millicents, 0)",
    "metered_picousd": f"if(spend_kind = '{METERED}', cost_priced_picousd, 0)",
    "imputed_millicents": f"if(spend_kind = '{IMPUTED}', cost_logged_millicents, 0)",
    "imported_millicents": f"if(spend_kind = '{IMPORTED}', cost_logged_millicents, 0)",
    "other_millicents": f"if(spend_kind not in ({_KINDS}), cost_logged_millicents, 0)",
    **{name: name for name in TOKEN_MEASURES},
}


@dataclass(frozen=True)
class Source:
    """A roll-up of the marts.

    Attributes:
        table: its name in a snapshot.
        instant: column of its finest time.
        day: column of the days it is read by.
        texts: columns kept as numbers.
        days: most of the newest days to read; None for all that fit.
    """

    table: str
    instant: str
    day: str
    texts: tuple[str, ...]
    days: int | None = None

    @property
    def in_days(self) -> bool:
        """Whether its finest time is a day."""
        return self.instant == self.day


_NAMES: Final = (By.PROJECT.value, By.PROVIDER.value, By.MODEL.value, REASON)
DAYS: Final = Source(WITHOUT_DEVICES, By.DAY.value, By.DAY.value, _NAMES)
DAYS_BY_DEVICE: Final = Source("mart_spend_daily", By.DAY.value, By.DAY.value, (*_NAMES, By.DEVICE.value))
BUCKETS: Final = Source("mart_spend_15min", By.BUCKET.value, "utc_day", (*_NAMES, By.DEVICE.value), days=BUCKET_DAYS)


def load(marts: Marts, workspace_id: str, source: Source) -> RollUp | None:
    """Read a workspace's rows of a roll-up, the newest `ROWS_MAX` of them.

    Returns:
        None when not even one day's rows are few enough, or when a value is too large to be added up in two halves.
    """
    found = _newest_days(marts, workspace_id, source)
    if found is None:
        return None
    after = found[0]
    try:
        table = _read(marts, workspace_id, source, after)
        # Only a snapshot with a value beyond 64 bits has such a column; Arrow adds up none.
        wide = [name for name in _MEASURES if table.column(name).type != pa.int64()]
        if wide:
            table = _read(marts, workspace_id, source, after, wide)
    except duckdb.ConversionException:
        return None
    table, texts = _encoded(table, source)
    table = _in_halves(table)
    if table is None:
        return None
    visible, withheld = _parted(_in_order(table))
    since = None if after is None else _since(after + timedelta(days=1), source)
    return RollUp(Rows(visible), Rows(withheld), texts, since, source.in_days)


def _newest_days(marts: Marts, workspace_id: str, source: Source) -> tuple[date | None] | None:
    """Return, as the only member, the newest day that is too much (None: all are read); None when every day is."""
    statement = (
        f"select {source.day}, count(*) from {source.table}"  # noqa: S608 - fixed fragments
        f" where workspace_id = $workspace_id group by {source.day} order by {source.day} desc"
    )
    rows = 0
    for number, (day, count) in enumerate(marts.rows(statement, {"workspace_id": uuid.UUID(workspace_id)})):
        rows += count
        if rows > ROWS_MAX or number == source.days:
            return None if number == 0 else (day,)
    return (None,)


def _read(marts: Marts, workspace_id: str, source: Source, after: date | None, wide: Collection[str] = ()) -> pa.Table:
    half = 1 << HALF_BITS
    measures = [
        f"cast({sql} // {half} as bigint) as {name}{HIGH}, cast({sql} % {half} as bigint) as {name}{LOW}"
        if name in wide
        else f"{sql} as {name}"
        for name, sql in _MEASURES.items()
    ]
    where = "" if after is None else f" and {source.day} > $after"
    statement = (
        f"select {source.instant} as {AT}, {', '.join([*source.texts, *measures])} from {source.table}"  # noqa: S608 - fixed fragments
        f" where workspace_id = $workspace_id{where}"
    )
    parameters: dict[str, object] = {"workspace_id": uuid.UUID(workspace_id)}
    return marts.table(statement, parameters if after is None else {**parameters, "after": after})


def _encoded(table: pa.Table, source: Source) -> tuple[pa.Table, dict[str, Texts]]:
    """Return the table with time and texts as numbers, and the texts."""
    columns: dict[str, Any] = {name: table.column(name).combine_chunks() for name in table.column_names}
    columns[AT] = columns[AT].cast(pa.int32() if source.in_days else pa.int64())
    texts: dict[str, Texts] = {}
    for name in source.texts:
        encoded: Any = columns[name].dictionary_encode()
        columns[name] = encoded.indices
        texts[name] = Texts(encoded.dictionary.to_pylist())
    return as_table(columns), texts


def _in_halves(table: pa.Table) -> pa.Table | None:
    """Return the table with measures whose sums may not fit 64 bits in two columns; None when halves do not fit."""
    columns: dict[str, Any] = {name: table.column(name) for name in table.column_names if not _is_measure(name)}
    for name in _MEASURES:
        if name in table.column_names:
            column: Any = table.column(name).combine_chunks()
            if _sums_fit(column):
                columns[name] = column
                continue
            high, low = compute.shift_right(column, HALF_BITS), compute.bit_wise_and(column, (1 << HALF_BITS) - 1)
        else:
            high, low = (table.column(name + half).combine_chunks() for half in (HIGH, LOW))
        if _largest(high) == 0 and _sums_fit(low):
            columns[name] = low
        elif _sums_fit(high) and _sums_fit(low):
            columns[name + HIGH], columns[name + LOW] = high, low
        else:
            return None
    return as_table(columns) if REQUESTS in columns else None


def _is_measure(column: str) -> bool:
    return column.removesuffix(HIGH).removesuffix(LOW) in _MEASURES


def _sums_fit(column: Any) -> bool:
    """Return whether no sum of any of the values can leave 64 bits."""
    return _largest(column) * len(column) <= _BIGGEST


def _largest(column: Any) -> int:
    """Return the largest magnitude in a column."""
    bounds: dict[str, int | None] = compute.min_max(column).as_py()
    return max(abs(bounds["min"] or 0), abs(bounds["max"] or 0))


def _in_order(table: pa.Table) -> pa.Table:
    at: Any = table.column(AT).combine_chunks()
    # As they are published; sorting what is sorted would copy everything.
    if len(at) < 2 or compute.all(compute.less_equal(at[:-1], at[1:])).as_py():  # noqa: PLR2004 - a pair to compare
        return table
    ordered: Any = compute.take(table, compute.sort_indices(at))
    return ordered.combine_chunks()


def _parted(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the visible rows and the withheld ones."""
    reason: Any = table.column(REASON)
    if reason.null_count == len(reason):
        return table.drop_columns([REASON]), table.slice(0, 0)
    is_visible = compute.is_null(reason)
    visible, withheld = compute.filter(table, is_visible), compute.filter(table, compute.invert(is_visible))
    return visible.combine_chunks().drop_columns([REASON]), withheld.combine_chunks()


def _since(day: date, source: Source) -> int:
    if source.in_days:
        return days_window(day, day)[0]
    return to_micros(datetime.combine(day, time(), UTC))
