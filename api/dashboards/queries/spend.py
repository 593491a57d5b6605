"""Sums from the roll-ups.

Belongs here: every total, series and ranking, all from `mart_spend_daily` (whole local days) or `mart_spend_15min`
(the last 24 hours). Does not belong here: single requests (`queries.requests`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final

from api.dashboards.filters import Filters
from api.dashboards.measures import MEASURE_COUNT, Measures, total
from api.dashboards.periods import Span, local_day
from api.dashboards.queries import conditions
from api.dashboards.queries.marts import Marts, Row


class By(StrEnum):
    """Columns a sum can be split by. DAY is the workspace's local day; BUCKET needs a span of 15-minute grain."""

    DAY = "local_day"
    BUCKET = "bucket_starts_at"
    PROVIDER = "provider"
    MODEL = "model"
    PROJECT = "project"
    DEVICE = "device_id"


Key = tuple[Any, ...]
"""Values of the `By` columns: text for names and ids, `date` for DAY, aware UTC `datetime` for BUCKET."""

_TABLES: Final = {"day": "marts.mart_spend_daily", "15min": "marts.mart_spend_15min"}

# Column order is that of Measures.
_MEASURES: Final = """
    coalesce(sum(requests), 0),
    coalesce(sum(unpriced_requests), 0),
    coalesce(sum(unrated_requests), 0),
    coalesce(sum(error_requests), 0),
    coalesce(sum(requests - unpriced_requests) filter (where spend_kind = 'metered'), 0),
    coalesce(sum(cost_logged_millicents) filter (where spend_kind = 'metered'), 0),
    coalesce(sum(cost_priced_picousd) filter (where spend_kind = 'metered'), 0),
    coalesce(sum(cost_logged_millicents) filter (where spend_kind = 'subscription_imputed'), 0),
    coalesce(sum(cost_logged_millicents) filter (where spend_kind = 'imported'), 0),
    coalesce(sum(cost_logged_millicents)
        filter (where spend_kind not in ('metered', 'subscription_imputed', 'imported')), 0),
    coalesce(sum(input_tokens), 0),
    coalesce(sum(output_tokens), 0),
    coalesce(sum(thinking_tokens), 0),
    coalesce(sum(cached_tokens), 0),
    coalesce(sum(cache_write_tokens), 0),
    coalesce(sum(uncached_input_tokens), 0),
    coalesce(sum(cache_read_tokens), 0),
    coalesce(sum(cache_write_5m_tokens), 0),
    coalesce(sum(cache_write_1h_tokens), 0),
    coalesce(sum(billable_output_tokens), 0)
"""


def spend(
    marts: Marts, workspace_id: str, time_zone: str, span: Span, filters: Filters, *by: By
) -> dict[Key, Measures]:
    """Return the sums of the visible requests of a span, split by the given columns.

    Returns:
        Sums by key; keys without a request are missing. Without columns the one key is `()`.
    """
    columns = [By.BUCKET if column is By.DAY and span.grain == "15min" else column for column in by]
    names = ", ".join(columns)
    where, parameters = conditions.joined(
        conditions.workspace(workspace_id),
        conditions.rollup_span(span),
        conditions.rail(filters),
        ([conditions.VISIBLE], {}),
    )
    selected = f"{names}, {_MEASURES}" if names else _MEASURES
    grouped = f"group by {names}" if names else ""
    statement = f"select {selected} from {_TABLES[span.grain]} where {where} {grouped}"  # noqa: S608 - fixed fragments
    found: dict[Key, list[Measures]] = {}
    for row in marts.rows(statement, parameters):
        key = tuple(_value(column, value, time_zone) for column, value in zip(by, row, strict=False))
        found.setdefault(key, []).append(_measures(row))
    return {key: total(parts) for key, parts in found.items() if any(part.requests for part in parts)}


@dataclass(frozen=True)
class WithheldRows:
    """Requests that stay out of the dashboards, of one project and reason."""

    project: str
    reason: str
    requests: int


def withheld(marts: Marts, workspace_id: str, span: Span, filters: Filters) -> list[WithheldRows]:
    """Return how many requests of a span are withheld, by project and reason."""
    where, parameters = conditions.joined(
        conditions.workspace(workspace_id),
        conditions.rollup_span(span),
        conditions.rail(filters),
        (["withheld_reason is not null"], {}),
    )
    statement = f"""
        select project, withheld_reason, sum(requests) from {_TABLES[span.grain]}
        where {where} group by project, withheld_reason order by project, withheld_reason
    """  # noqa: S608 - fixed fragments
    return [WithheldRows(*row) for row in marts.rows(statement, parameters)]


def last_active_days(marts: Marts, workspace_id: str, filters: Filters) -> dict[str, date]:
    """Return the last local day with a visible request by project, over all time."""
    where, parameters = conditions.joined(
        conditions.workspace(workspace_id), conditions.rail(filters), ([conditions.VISIBLE], {})
    )
    statement = f"select project, max(local_day) from {_TABLES['day']} where {where} group by project"  # noqa: S608
    return dict(marts.rows(statement, parameters))


def days_with_requests(marts: Marts, workspace_id: str, span: Span, filters: Filters) -> list[tuple[date, int]]:
    """Return (local day, visible requests) of a span of whole days, newest first: an index into the facts."""
    where, parameters = conditions.joined(
        conditions.workspace(workspace_id),
        conditions.rollup_span(span),
        conditions.rail(filters),
        ([conditions.VISIBLE], {}),
    )
    statement = f"""
        select local_day, sum(requests) from {_TABLES["day"]} where {where}
        group by local_day having sum(requests) > 0 order by local_day desc
    """  # noqa: S608 - fixed fragments
    return [(day, count) for day, count in marts.rows(statement, parameters)]


def distinct(marts: Marts, workspace_id: str, *by: By) -> list[Key]:
    """Return every visible combination of the given columns, over all time, in order."""
    names = ", ".join(by)
    where, parameters = conditions.joined(conditions.workspace(workspace_id), ([conditions.VISIBLE], {}))
    statement = f"select distinct {names} from {_TABLES['day']} where {where} order by {names}"  # noqa: S608
    return [
        tuple(_value(column, value, "UTC") for column, value in zip(by, row, strict=True))
        for row in marts.rows(statement, parameters)
    ]


def folded(sums: dict[Key, Measures], *positions: int) -> dict[Key, Measures]:
    """Return the sums with their keys reduced to the given positions."""
    groups: dict[Key, list[Measures]] = {}
    for key, measures in sums.items():
        groups.setdefault(tuple(key[position] for position in positions), []).append(measures)
    return {key: total(parts) for key, parts in groups.items()}


def _measures(row: Row) -> Measures:
    return Measures(*row[-MEASURE_COUNT:])


def _value(column: By, value: Any, time_zone: str) -> Any:
    if column is By.DEVICE:
        return str(value)
    if isinstance(value, datetime):
        instant = value.replace(tzinfo=UTC)
        return local_day(instant, time_zone) if column is By.DAY else instant
    return value
