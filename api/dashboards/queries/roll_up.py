"""A workspace's roll-up in memory, and adding it up.

Belongs here: exact sums over rows that are at hand. Does not belong here: getting them (`roll_up_loading`), keeping
them (`held`), and asking DuckDB instead (`spend_sql`), whose answers are the same to the last digit.

Adding up by Arrow costs a fraction of a millisecond where a statement of DuckDB costs some milliseconds before it has
read a row. It runs in the asking thread, without the interpreter's lock.

A grain may have several rows: everything is summed, and what adds up to no request is not shown.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final, TypeAlias

import pyarrow as pa

from api.dashboards.filters import Filters
from api.dashboards.measures import M, total
from api.dashboards.periods import local_day
from api.dashboards.queries.asking import Asking, By, Key, WithheldRows
from pipelines.lake.arrow import array, compute
from pipelines.lake.clock import from_micros

AT: Final = "at"
REASON: Final = "withheld_reason"
REQUESTS: Final = "requests"
HIGH, LOW = "_high", "_low"
HALF_BITS: Final = 32
"""A column whose sum may not fit 64 bits is kept as two, the value being high * 2^32 + low."""
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()
_CODE: Final = pa.int32()
Window: TypeAlias = tuple[int, int]
"""[begin, end) as a roll-up counts time: days since 1970, or microseconds."""


@dataclass(frozen=True)
class Texts:
    """The values of a column that is kept as numbers; a value's number is its place."""

    values: Sequence[str]

    @cached_property
    def code_of(self) -> Mapping[str, int]:
        """Number by value."""
        return {value: code for code, value in enumerate(self.values)}


class Rows:
    """Rows in the order of time."""

    def __init__(self, table: pa.Table) -> None:
        """Take rows whose column `at` never falls."""
        self._table = table
        runs: Any = compute.run_end_encode(table.column(AT).combine_chunks(), run_end_type=pa.int64())
        self._instants: list[int] = runs.values.to_pylist()
        self._starts: list[int] = [0, *runs.run_ends.to_pylist()]

    @property
    def nbytes(self) -> int:
        """Bytes of memory, near enough: the lists are short."""
        return self._table.nbytes

    def within(self, window: Window) -> Any:
        """Return the rows of a window as an Arrow table, without copying any."""
        begin, end = (self._starts[bisect_left(self._instants, edge)] for edge in window)
        return self._table.slice(begin, max(0, end - begin))


@dataclass(frozen=True)
class RollUp:
    """Everything one workspace has in one roll-up, or all of it since some instant.

    Attributes:
        visible: rows shown in dashboards.
        withheld: the other ones.
        texts: values of the columns kept as numbers.
        since: first instant that is complete, as windows count; None when everything is there.
        in_days: whether time is counted in local days; else in microseconds of 15-minute buckets.
    """

    visible: Rows
    withheld: Rows
    texts: Mapping[str, Texts]
    since: int | None
    in_days: bool

    @property
    def nbytes(self) -> int:
        """Bytes of memory, near enough."""
        return self.visible.nbytes + self.withheld.nbytes

    def covers(self, window: Window | None) -> bool:
        """Return whether it has all rows of a window; of None: of all time."""
        return self.since is None or (window is not None and window[0] >= self.since)

    def sums(self, asking: Asking, window: Window, by: Sequence[By], nothing: M) -> dict[Key, M]:
        """Return the sums of visible rows by key; keys without a request are missing."""
        names = type(nothing).__struct_fields__
        keys = list(dict.fromkeys(self._stored(column) for column in by))
        rows = self.visible.within(window)
        found: dict[Key, list[M]] = {}
        for values, measured in self._added(rows, asking.filters, keys, names):
            of = dict(zip(keys, values, strict=True))
            key = tuple(self._value(column, of[self._stored(column)], asking.time_zone) for column in by)
            found.setdefault(key, []).append(type(nothing)(*measured))
        added = {key: parts[0] if len(parts) == 1 else total(parts, nothing) for key, parts in found.items()}
        return {key: summed for key, summed in added.items() if summed.requests}

    def counts(self, asking: Asking, window: Window | None, by: Sequence[By]) -> dict[Key, int]:
        """Return the visible requests by key, of all time when the window is None."""
        keys = [self._stored(column) for column in by]
        rows = self.visible.within(window or _ALL_TIME)
        return {
            tuple(self._value(column, value, asking.time_zone) for column, value in zip(by, values, strict=True)): count
            for values, (count,) in self._added(rows, asking.filters, keys, (REQUESTS,))
            if count
        }

    def last_days(self, asking: Asking) -> dict[str, date]:
        """Return the last day with a visible request by project, of all that is held; a roll-up of days."""
        rows = self._chosen(self.visible.within(_ALL_TIME), asking.filters, [By.PROJECT, AT, REQUESTS])
        days = rows.group_by([By.PROJECT, AT], use_threads=False).aggregate([(REQUESTS, "sum")])
        days = days.filter(compute.greater(days.column(f"{REQUESTS}_sum"), 0))
        last = days.group_by([By.PROJECT], use_threads=False).aggregate([(AT, "max")])
        codes: list[int] = last.column(By.PROJECT).to_pylist()
        newest: list[int] = last.column(f"{AT}_max").to_pylist()
        names = [str(self.texts[By.PROJECT].values[code]) for code in codes]
        return {name: date.fromordinal(day + _FIRST_DAY) for name, day in zip(names, newest, strict=True)}

    def withheld_rows(self, asking: Asking, window: Window) -> list[WithheldRows]:
        """Return how many requests are withheld by project and reason, in that order."""
        projects, reasons = self.texts[By.PROJECT].values, self.texts[REASON].values
        found = [
            WithheldRows(str(projects[project]), str(reasons[reason]), count)
            for (project, reason), (count,) in self._added(
                self.withheld.within(window), asking.filters, [By.PROJECT, REASON], (REQUESTS,)
            )
            if count
        ]
        return sorted(found, key=lambda one: (one.project, one.reason))

    def _stored(self, column: By) -> str:
        if column in (By.DAY, By.BUCKET):
            return AT
        return column.value

    def _value(self, column: By, value: Any, time_zone: str) -> Any:
        if column is By.DAY:
            return date.fromordinal(value + _FIRST_DAY) if self.in_days else local_day(from_micros(value), time_zone)
        if column is By.BUCKET:
            return from_micros(value)
        return None if value is None else self.texts[column].values[value]

    def _chosen(self, rows: Any, filters: Filters, columns: Sequence[str]) -> Any:
        """Return some columns of the rows a filter lets through."""
        selects = (
            (By.PROVIDER, filters.providers), (By.MODEL, filters.models),
            (By.PROJECT, filters.projects), (By.DEVICE, filters.devices),
        )  # fmt: skip
        mask: Any = None
        for column, given in selects:
            if not given:
                continue
            code_of = self.texts[column].code_of
            codes = [code_of[value] for value in given if value in code_of]
            fits = compute.is_in(rows.column(column.value), array(codes, _CODE))
            mask = fits if mask is None else compute.and_(mask, fits)
        wanted = rows.select(columns)
        return wanted if mask is None else wanted.filter(mask)

    def _added(
        self, rows: Any, filters: Filters, keys: Sequence[str], names: Sequence[str]
    ) -> list[tuple[tuple[Any, ...], tuple[int, ...]]]:
        """Return (key, sums of the named measures), a pair for each key that a filter lets have a row."""
        present = set(rows.column_names)
        parts = [(name,) if name in present else (name + HIGH, name + LOW) for name in names]
        stored = [column for part in parts for column in part]
        rows = self._chosen(rows, filters, [*keys, *stored])
        if rows.num_rows == 0:
            return []
        values: list[tuple[Any, ...]] = [()]
        if keys:
            rows = rows.group_by(list(keys), use_threads=False).aggregate([(column, "sum") for column in stored])
            values = list(zip(*(rows.column(key).to_pylist() for key in keys), strict=True))
            sums = {column: rows.column(f"{column}_sum").to_pylist() for column in stored}
        else:
            sums = {column: [compute.sum(rows.column(column)).as_py()] for column in stored}
        measured = [_whole(*(sums[column] for column in part)) for part in parts]
        return list(zip(values, zip(*measured, strict=True), strict=True))


def _whole(high: list[int], low: list[int] | None = None) -> list[int]:
    """Return values from their halves, or as they are when they are whole."""
    return high if low is None else [(one << HALF_BITS) + other for one, other in zip(high, low, strict=True)]


_ALL_TIME: Final = (-(2**63), 2**63)


def days_window(first: date, end: date) -> Window:
    """Return the window of the local days [first, end)."""
    return first.toordinal() - _FIRST_DAY, end.toordinal() - _FIRST_DAY
