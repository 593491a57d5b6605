"""Sums of a workspace.

Belongs here: every total, series and ranking the views ask for, and choosing what adds them up: memory (`roll_up`)
where the workspace's rows of the build are held, DuckDB (`spend_sql`) where they are too many or too old. Both give the
same answers. Does not belong here: single requests (`queries.requests`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from api.dashboards.filters import Filters
from api.dashboards.measures import NO_MONEY, NOTHING, M, Measures, Money, total
from api.dashboards.periods import Span, month_start, next_month
from api.dashboards.queries import spend_sql
from api.dashboards.queries.asking import Asking, By, Key, WithheldRows
from api.dashboards.queries.marts import Marts
from api.dashboards.queries.roll_up import RollUp, Window, days_window
from api.dashboards.queries.roll_up_loading import BUCKETS, DAYS, DAYS_BY_DEVICE, Source, load
from pipelines.lake.clock import to_micros


def spend(marts: Marts, asking: Asking, span: Span, *by: By) -> dict[Key, Measures]:
    """Return money and tokens of the visible requests of a span, split by the given columns.

    Returns:
        Sums by key; keys without a request are missing. Without columns the one key is `()`.
    """
    return _sums(marts, asking, span, by, NOTHING)


def money(marts: Marts, asking: Asking, span: Span, *by: By) -> dict[Key, Money]:
    """Return what `spend` does, without tokens: half the work."""
    return _sums(marts, asking, span, by, NO_MONEY)


def spend_and_money(
    marts: Marts, asking: Asking, span: Span, by: tuple[By, ...], *others: tuple[By, ...]
) -> tuple[dict[Key, Measures], list[dict[Key, Money]]]:
    """Return `spend` of one grouping and `money` of others; DuckDB reads the roll-up once for all.

    Args:
        marts: the snapshot.
        asking: whose sums.
        span: of when.
        by: columns of the grouping with tokens.
        others: columns of each of those without.
    """
    window = _window(span)
    found = _held(marts, asking, _source(asking, span, [*by, *(column for one in others for column in one)]), window)
    if found is None:
        first, *rest = spend_sql.sums_by_each(marts, asking, span, by, *others)
        return first, [{key: _without_tokens(sums) for key, sums in one.items()} for one in rest]
    return found.sums(asking, window, by, NOTHING), [found.sums(asking, window, one, NO_MONEY) for one in others]


def money_by_month(marts: Marts, asking: Asking, first: date, last: date) -> dict[date, Money]:
    """Return the money of whole local months by their first day, from that of `first` to that of `last`."""
    first, last = month_start(first), month_start(last)
    found = _held(marts, asking, _days_source(asking), days_window(first, last))
    if found is None:
        return spend_sql.money_by_month(marts, asking, first, last)
    months: dict[date, Money] = {}
    while first <= last:
        following = next_month(first)
        months.update(
            (first, sums) for sums in found.sums(asking, days_window(first, following), (), NO_MONEY).values()
        )
        first = following
    return months


def withheld(marts: Marts, asking: Asking, span: Span) -> list[WithheldRows]:
    """Return how many requests of a span are withheld, by project and reason."""
    window = _window(span)
    found = _held(marts, asking, _source(asking, span), window)
    return spend_sql.withheld(marts, asking, span) if found is None else found.withheld_rows(asking, window)


def last_active_days(marts: Marts, asking: Asking) -> dict[str, date]:
    """Return the last local day with a visible request by project, over all time."""
    found = _held(marts, asking, _days_source(asking), None)
    return spend_sql.last_active_days(marts, asking) if found is None else found.last_days(asking)


def days_with_requests(marts: Marts, asking: Asking, span: Span) -> list[tuple[date, int]]:
    """Return (local day, visible requests) of a span of whole days, newest first: an index into the facts."""
    window = days_window(span.first_day, span.end_day)
    found = _held(marts, asking, _days_source(asking), window)
    if found is None:
        return spend_sql.days_with_requests(marts, asking, span)
    return sorted(((day, count) for (day,), count in found.counts(asking, window, (By.DAY,)).items()), reverse=True)


def buckets_with_requests(
    marts: Marts, asking: Asking, starts_at: datetime, ends_at: datetime
) -> list[tuple[datetime, int]]:
    """Return (15-minute bucket, visible requests) of [starts_at, ends_at), newest first: a finer index."""
    window = to_micros(starts_at), to_micros(ends_at)
    found = _held(marts, asking, BUCKETS, window)
    if found is None:
        return spend_sql.buckets_with_requests(marts, asking, starts_at, ends_at)
    return sorted(((at, count) for (at,), count in found.counts(asking, window, (By.BUCKET,)).items()), reverse=True)


def distinct(marts: Marts, workspace_id: str, *by: By) -> list[Key]:
    """Return every combination of the given columns with a visible request, over all time, in order."""
    asking = Asking(workspace_id, "UTC", Filters())
    found = _held(marts, asking, DAYS_BY_DEVICE if By.DEVICE in by else DAYS, None)
    return spend_sql.distinct(marts, asking, *by) if found is None else sorted(found.counts(asking, None, by))


def folded(sums: Mapping[Key, Money], position: int) -> dict[Any, Money]:
    """Return the sums by one part of their keys."""
    groups: dict[Any, list[Money]] = {}
    for key, part in sums.items():
        groups.setdefault(key[position], []).append(part)
    return {key: total(parts, NO_MONEY) for key, parts in groups.items()}


def _sums(marts: Marts, asking: Asking, span: Span, by: Sequence[By], nothing: M) -> dict[Key, M]:
    window = _window(span)
    found = _held(marts, asking, _source(asking, span, by), window)
    return (
        spend_sql.sums(marts, asking, span, by, nothing) if found is None else found.sums(asking, window, by, nothing)
    )


def _held(marts: Marts, asking: Asking, source: Source, window: Window | None) -> RollUp | None:
    """Return the roll-up when it is held and has all of a window (None: of all time)."""
    if marts.held is None or marts.build_id is None:
        return None
    workspace_id = asking.workspace_id
    found = marts.held.roll_up(marts.build_id, workspace_id, source.table, lambda: load(marts, workspace_id, source))
    return found if found is not None and found.covers(window) else None


def _source(asking: Asking, span: Span, by: Sequence[By] = ()) -> Source:
    return BUCKETS if span.grain == "15min" else _days_source(asking, by)


def _days_source(asking: Asking, by: Sequence[By] = ()) -> Source:
    """Return the smaller roll-up that can answer."""
    return DAYS_BY_DEVICE if By.DEVICE in by or asking.filters.devices else DAYS


def _window(span: Span) -> Window:
    if span.grain == "day":
        return days_window(span.first_day, span.end_day)
    return to_micros(span.starts_at), to_micros(span.ends_at)


def _without_tokens(sums: Measures) -> Money:
    return Money(*(getattr(sums, name) for name in Money.__struct_fields__))
