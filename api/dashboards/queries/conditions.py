"""The filter rail as SQL conditions.

Belongs here: fixed fragments and the parameters they name. No value ever becomes part of a statement.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from api.dashboards.filters import Filters
from api.dashboards.periods import Span

Parameters = dict[str, object]

VISIBLE = "withheld_reason is null"


def workspace(workspace_id: str) -> tuple[list[str], Parameters]:
    """Return the condition every statement begins with."""
    return ["workspace_id = $workspace_id"], {"workspace_id": uuid.UUID(workspace_id)}


def rail(filters: Filters) -> tuple[list[str], Parameters]:
    """Return conditions for the multi-selects; none for one that is empty."""
    selects: tuple[tuple[str, str, str, list[object]], ...] = (
        ("provider", "providers", "varchar", list(filters.providers)),
        ("model", "models", "varchar", list(filters.models)),
        ("project", "projects", "varchar", list(filters.projects)),
        ("device_id", "devices", "uuid", [uuid.UUID(device) for device in filters.devices]),
    )
    conditions = [f"{column} in (select unnest(${name}::{kind}[]))" for column, name, kind, given in selects if given]
    return conditions, {name: given for _, name, _, given in selects if given}


def rollup_span(span: Span) -> tuple[list[str], Parameters]:
    """Return the time condition on the roll-up of the span's grain."""
    if span.grain == "day":
        return ["local_day >= $first_day", "local_day < $end_day"], {
            "first_day": span.first_day,
            "end_day": span.end_day,
        }
    return bucket_span(span.starts_at, span.ends_at)


def bucket_span(starts_at: datetime, ends_at: datetime) -> tuple[list[str], Parameters]:
    """Return the time condition on 15-minute buckets, [starts_at, ends_at)."""
    return ["bucket_starts_at >= $starts_at", "bucket_starts_at < $ends_at"], _instants(starts_at, ends_at)


def fact_span(starts_at: datetime, ends_at: datetime) -> tuple[list[str], Parameters]:
    """Return the time condition on single requests, [starts_at, ends_at)."""
    return ["requested_at >= $starts_at", "requested_at < $ends_at"], _instants(starts_at, ends_at)


def naive_utc(instant: datetime) -> datetime:
    """Return an aware UTC instant as the marts hold it: a timestamp without zone."""
    return instant.replace(tzinfo=None)


def joined(*parts: tuple[list[str], Parameters]) -> tuple[str, Parameters]:
    """Return all conditions joined by `and`, and all their parameters."""
    conditions = [condition for some, _ in parts for condition in some]
    parameters: Parameters = {}
    for _, given in parts:
        parameters.update(given)
    return " and ".join(conditions), parameters


def _instants(starts_at: datetime, ends_at: datetime) -> Parameters:
    return {"starts_at": naive_utc(starts_at), "ends_at": naive_utc(ends_at)}
