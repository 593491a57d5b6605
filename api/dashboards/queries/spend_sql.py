"""Sums of a workspace, asked of DuckDB.

Belongs here: the statements on `mart_spend_daily` (whole local days), on what is made from it, and on
`mart_spend_15min`. Does not belong here: sums from memory (`roll_up`), and choosing between the two (`spend`).

A grain may have several rows: everything is summed, and what adds up to no request is not shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from api.dashboards.measures import NO_MONEY, NOTHING, TOKEN_MEASURES, M, Measures, Money, total
from api.dashboards.periods import Grain, Span, local_day
from api.dashboards.queries import conditions
from api.dashboards.queries.asking import IMPORTED, IMPUTED, KNOWN_KINDS, METERED, Asking, By, Key, WithheldRows
from api.dashboards.queries.marts import Marts, Row
from pipelines.lake.catalog import WITHOUT_DEVICES

_TABLES: Final = {"day": "mart_spend_daily", "15min": "mart_spend_15min"}
# Summed over devices: a fraction of the rows, for whatever does not ask by device.
_DAYS_WITHOUT_DEVICES: Final = WITHOUT_DEVICES
_MONTHLY: Final = "mart_spend_monthly"
_MONEY_SUMS: Final = (
    "sum(requests), sum(unpriced_requests), sum(unrated_requests), sum(error_requests),"
    " sum(cost_logged_millicents), sum(cost_priced_picousd)"
)
_MONEY_COLUMNS: Final = 6
_TOKEN_SUMS: Final = ", ".join(f"sum({name})" for name in TOKEN_MEASURES)
_Condition = tuple[list[str], conditions.Parameters]


def sums(marts: Marts, asking: Asking, span: Span, by: Sequence[By], nothing: M) -> dict[Key, M]:
    """Return the sums of the visible requests of a span by key; keys without a request are missing.

    Args:
        marts: the snapshot.
        asking: whose sums.
        span: of when.
        by: columns of the key.
        nothing: the sum of none, which tells the measures that are wanted.
    """
    table = _table(asking, span.grain, by)
    return _sums(marts, asking, table, conditions.rollup_span(span), _columns(span, by), nothing)


def sums_by_each(marts: Marts, asking: Asking, span: Span, *groupings: tuple[By, ...]) -> list[dict[Key, Measures]]:
    """Return what `sums` does for each of several groupings, reading the roll-up once.

    Args:
        marts: the snapshot.
        asking: whose sums.
        span: of when.
        groupings: one tuple of columns per answer.
    """
    asked = list(dict.fromkeys(column for by in groupings for column in by))
    stored = dict(_columns(span, asked))
    names = list(dict.fromkeys(stored.values()))
    where, parameters = _conditions(asking, conditions.rollup_span(span))
    sets = [[stored[column] for column in by] for by in groupings]
    # Each set once: rows of one that is there twice could not be told apart.
    unique = {frozenset(one): one for one in sets}
    grouped = ", ".join(f"({', '.join(['spend_kind', *one])})" for one in unique.values())
    statement = (
        f"select grouping({', '.join(names)}), spend_kind, {', '.join(names)}, {_MONEY_SUMS}, {_TOKEN_SUMS}"  # noqa: S608 - fixed fragments
        f" from {_table(asking, span.grain, asked)} where {where} group by grouping sets ({grouped})"
    )
    # Of each set, DuckDB tells which columns it leaves out, the first one as the highest bit.
    absent = [sum(1 << (len(names) - 1 - at) for at, name in enumerate(names) if name not in one) for one in sets]
    found: list[dict[Key, list[Measures]]] = [{} for _ in sets]
    for left_out, kind, *row in marts.rows(statement, parameters):
        values, summed = dict(zip(names, row, strict=False)), tuple(row[len(names) :])
        measured = Measures(*_money(kind, summed), *summed[_MONEY_COLUMNS:])
        for number, mask in enumerate(absent):
            if mask == left_out:
                key = tuple(_value(column, values[stored[column]], asking.time_zone) for column in groupings[number])
                found[number].setdefault(key, []).append(measured)
    return [_totals(one, NOTHING) for one in found]


def money_by_month(marts: Marts, asking: Asking, first: date, last: date) -> dict[date, Money]:
    """Return the money of whole local months by their first day, from `first` to `last`, which are such days."""
    months: _Condition = (
        ["local_month between $first_month and $last_month"],
        {"first_month": first, "last_month": last},
    )
    found = _sums(marts, asking, _MONTHLY, months, [(By.MONTH, By.MONTH)], NO_MONEY)
    return {month: summed for (month,), summed in found.items()}


def withheld(marts: Marts, asking: Asking, span: Span) -> list[WithheldRows]:
    """Return how many requests of a span are withheld, by project and reason."""
    where, parameters = conditions.joined(
        conditions.workspace(asking.workspace_id),
        conditions.rollup_span(span),
        conditions.rail(asking.filters),
        (["withheld_reason is not null"], {}),
    )
    statement = f"""
        select project, withheld_reason, sum(requests) from {_table(asking, span.grain)} where {where}
        group by project, withheld_reason having sum(requests) > 0 order by project, withheld_reason
    """  # noqa: S608 - fixed fragments
    return [WithheldRows(*row) for row in marts.rows(statement, parameters)]


def last_active_days(marts: Marts, asking: Asking) -> dict[str, date]:
    """Return the last local day with a visible request by project, over all time."""
    where, parameters = _conditions(asking, ([], {}))
    statement = f"""
        select project, max(local_day) from (
            select project, local_day from {_table(asking, "day")} where {where}
            group by project, local_day having sum(requests) > 0
        ) group by project
    """  # noqa: S608 - fixed fragments
    return dict(marts.rows(statement, parameters))


def days_with_requests(marts: Marts, asking: Asking, span: Span) -> list[tuple[date, int]]:
    """Return (local day, visible requests) of a span of whole days, newest first."""
    return _counts(marts, asking, _table(asking, "day"), By.DAY, conditions.rollup_span(span))


def buckets_with_requests(
    marts: Marts, asking: Asking, starts_at: datetime, ends_at: datetime
) -> list[tuple[datetime, int]]:
    """Return (15-minute bucket, visible requests) of [starts_at, ends_at), newest first."""
    counted = _counts(marts, asking, _TABLES["15min"], By.BUCKET, conditions.bucket_span(starts_at, ends_at))
    return [(bucket.replace(tzinfo=UTC), count) for bucket, count in counted]


def distinct(marts: Marts, asking: Asking, *by: By) -> list[Key]:
    """Return every combination of the given columns with a visible request, over all time, in order."""
    names, table = ", ".join(by), _table(asking, "day", by)
    where, parameters = _conditions(asking, ([], {}))
    statement = f"select {names} from {table} where {where} group by {names} having sum(requests) > 0 order by {names}"  # noqa: S608 - fixed fragments
    return [
        tuple(_value(column, value, asking.time_zone) for column, value in zip(by, row, strict=True))
        for row in marts.rows(statement, parameters)
    ]


def _table(asking: Asking, grain: Grain, by: Sequence[By] = ()) -> str:
    """Return the smallest roll-up that can answer."""
    if grain == "day" and By.DEVICE not in by and not asking.filters.devices:
        return _DAYS_WITHOUT_DEVICES
    return _TABLES[grain]


def _columns(span: Span, by: Sequence[By]) -> list[tuple[By, By]]:
    """Return each asked column with the one of the roll-up it is made from."""
    return [(column, By.BUCKET if column is By.DAY and span.grain == "15min" else column) for column in by]


def _counts(marts: Marts, asking: Asking, table: str, column: By, when: _Condition) -> list[tuple[Any, int]]:
    where, parameters = _conditions(asking, when)
    statement = f"""
        select {column}, sum(requests) from {table} where {where}
        group by {column} having sum(requests) > 0 order by {column} desc
    """  # noqa: S608 - fixed fragments
    return [(value, count) for value, count in marts.rows(statement, parameters)]


def _sums(
    marts: Marts, asking: Asking, table: str, when: _Condition, columns: Sequence[tuple[By, By]], nothing: M
) -> dict[Key, M]:
    names = ", ".join(["spend_kind", *(stored for _, stored in columns)])
    where, parameters = _conditions(asking, when)
    wanted = f"{_MONEY_SUMS}, {_TOKEN_SUMS}" if isinstance(nothing, Measures) else _MONEY_SUMS
    statement = f"select {names}, {wanted} from {table} where {where} group by {names}"  # noqa: S608 - fixed fragments
    found: dict[Key, list[M]] = {}
    for row in marts.rows(statement, parameters):
        values = row[1 : 1 + len(columns)]
        key = tuple(_value(asked, value, asking.time_zone) for (asked, _), value in zip(columns, values, strict=True))
        measured = type(nothing)(*_money(row[0], row[1 + len(columns) :]), *row[1 + len(columns) + _MONEY_COLUMNS :])
        found.setdefault(key, []).append(measured)
    return _totals(found, nothing)


def _totals(found: dict[Key, list[M]], nothing: M) -> dict[Key, M]:
    added = {key: total(parts, nothing) for key, parts in found.items()}
    return {key: summed for key, summed in added.items() if summed.requests}


def _conditions(asking: Asking, when: _Condition) -> tuple[str, conditions.Parameters]:
    return conditions.joined(
        conditions.workspace(asking.workspace_id),
        when,
        conditions.rail(asking.filters),
        ([conditions.VISIBLE], {}),
    )


def _money(kind: str, summed: Row) -> tuple[int, ...]:
    """Return the fields of `Money`, in order, of requests of one spend kind."""
    requests, unpriced, unrated, errors, millicents, picousd = summed[:_MONEY_COLUMNS]
    metered = kind == METERED
    return (
        requests,
        unpriced,
        unrated,
        errors,
        requests - unpriced if metered else 0,
        millicents if metered else 0,
        picousd if metered else 0,
        millicents if kind == IMPUTED else 0,
        millicents if kind == IMPORTED else 0,
        millicents if kind not in KNOWN_KINDS else 0,
    )


def _value(column: By, value: Any, time_zone: str) -> Any:
    if column is By.DEVICE:
        return str(value)
    if isinstance(value, datetime):
        instant = value.replace(tzinfo=UTC)
        return local_day(instant, time_zone) if column is By.DAY else instant
    return value
