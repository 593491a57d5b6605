"""Single requests from the facts.

Belongs here: pages of recent requests, their stream for CSV, one request with all its columns, and its repeats. Does
not belong here: sums (`queries.spend`), which also tell which days hold any rows.

One request, and pages of the newest ones, come from row files when the build has them (`pipelines.lake.row_lookup`),
else from `fct_requests`; both give the same rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from api.dashboards.filters import Filters
from api.dashboards.queries import conditions
from api.dashboards.queries.marts import Marts
from api.dashboards.search import Search
from pipelines.lake.clock import to_micros
from pipelines.lake.row_lookup import DERIVED, PROVIDER_REQUEST_ID, Wanted


@dataclass(frozen=True)
class Position:
    """A place in the order (requested_at, request_id), both descending.

    Attributes:
        requested_at: aware UTC instant.
        request_id: UUID text; within a workspace an id is unique, so that ties have one order.
    """

    requested_at: datetime
    request_id: str


class RequestRow(msgspec.Struct, frozen=True, gc=False):
    """One visible request as lists and CSV show it. Field order is the column order below."""

    request_id: str
    requested_at: datetime
    received_at: datetime
    project: str
    provider: str
    model: str
    device_id: str
    status: str
    request_kind: str | None
    spend_kind: str
    cost_logged_millicents: int | None
    cost_priced_picousd: int | None
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    tokens_complete: bool
    latency_ms: float
    time_to_first_token_ms: int | None
    error_class: str | None
    http_status: int | None
    attribution_method: str | None
    prompt_hash: str | None
    idempotency_key: str | None
    provider_request_id: str | None


_NAMES: Final = RequestRow.__struct_fields__
# Ids are made text by DuckDB: a hundred thousand Python UUIDs take longer than reading their rows.
_COLUMNS: Final = f"""
    request_id::varchar, requested_at, received_at, project, provider, model, device_id::varchar, status, request_kind,
    spend_kind, cost_logged_millicents, cost_priced_picousd, input_tokens, output_tokens, thinking_tokens,
    cached_tokens, cache_write_tokens, tokens_complete, latency_ms, time_to_first_token_ms, error_class, http_status,
    attribution_method, prompt_hash, idempotency_key,
    {PROVIDER_REQUEST_ID}
"""
_NEWEST_FIRST: Final = "order by requested_at desc, request_id desc"


def page(
    marts: Marts,
    workspace_id: str,
    bounds: tuple[datetime, datetime],
    filters: Filters,
    *,
    limit: int,
    after: Position | None = None,
) -> list[RequestRow]:
    """Return the newest `limit` visible requests in [bounds), those after `after` when it is given."""
    where, parameters = conditions.joined(
        conditions.workspace(workspace_id),
        conditions.fact_span(*bounds),
        conditions.rail(filters),
        ([conditions.VISIBLE], {}),
        _after(after),
    )
    statement = f"select {_COLUMNS} from fct_requests where {where} {_NEWEST_FIRST} limit $row_limit"  # noqa: S608
    return [_row(*row) for row in marts.rows(statement, {**parameters, "row_limit": limit})]


def searched(
    marts: Marts,
    workspace_id: str,
    bounds: tuple[datetime, datetime],
    filters: Filters,
    search: Search,
    *,
    limit: int,
    after: Position | None = None,
) -> list[RequestRow]:
    """Return what `page` does of the requests a search finds: first which they are, then their columns."""
    where, parameters = conditions.joined(
        conditions.workspace(workspace_id),
        conditions.fact_span(*bounds),
        conditions.rail(filters),
        ([conditions.VISIBLE], {}),
        _after(after),
        search.condition(),
    )
    found = marts.rows(
        f"select requested_at, request_id from fct_requests where {where} {_NEWEST_FIRST} limit $row_limit",  # noqa: S608
        {**parameters, "row_limit": limit},
    )
    if not found:
        return []
    chosen, named = conditions.joined(
        conditions.workspace(workspace_id),
        (
            ["requested_at between $oldest and $newest", "request_id in (select unnest($request_ids::uuid[]))"],
            {"oldest": found[-1][0], "newest": found[0][0], "request_ids": [row[1] for row in found]},
        ),
    )
    rows = marts.rows(f"select {_COLUMNS} from fct_requests where {chosen} {_NEWEST_FIRST}", named)  # noqa: S608
    return [_row(*row) for row in rows]


def stream(
    marts: Marts,
    workspace_id: str,
    bounds: tuple[datetime, datetime],
    filters: Filters,
    search: Search | None = None,
) -> Iterator[RequestRow]:
    """Yield every visible request in [bounds), newest first. The sort holds the bounds' rows: keep them short."""
    where, parameters = conditions.joined(
        conditions.workspace(workspace_id),
        conditions.fact_span(*bounds),
        conditions.rail(filters),
        ([conditions.VISIBLE], {}),
        ([], {}) if search is None else search.condition(),
    )
    statement = f"select {_COLUMNS} from fct_requests where {where} {_NEWEST_FIRST}"  # noqa: S608 - fixed fragments
    for row in marts.stream(statement, parameters):
        yield _row(*row)


def newest(
    marts: Marts,
    workspace_id: str,
    bounds: tuple[datetime, datetime],
    *,
    limit: int,
    after: Position | None = None,
) -> list[RequestRow] | None:
    """Return what `page` does for a filter that narrows nothing, quickly; None when row files cannot tell."""
    if marts.snapshot is None:
        return None
    wanted = Wanted(
        from_us=to_micros(bounds[0]),
        until_us=to_micros(bounds[1]),
        limit=limit,
        after=None if after is None else (to_micros(after.requested_at), uuid.UUID(after.request_id).bytes),
    )
    workspace = uuid.UUID(workspace_id)
    found = marts.snapshot.look_up(lambda rows: rows.newest(workspace, _NAMES, wanted))
    return None if found is None else [_row(*row) for row in found[0]]


def one(marts: Marts, workspace_id: str, request_id: uuid.UUID) -> dict[str, Any] | None:
    """Return one request, withheld or not, with every column by name; None when the workspace has none such."""
    workspace = uuid.UUID(workspace_id)
    quick = None if marts.snapshot is None else marts.snapshot.look_up(lambda rows: rows.by_id(workspace, request_id))
    return _one_in_facts(marts, workspace_id, request_id) if quick is None else quick[0]


def _one_in_facts(marts: Marts, workspace_id: str, request_id: uuid.UUID) -> dict[str, Any] | None:
    wanted: tuple[list[str], conditions.Parameters] = (["request_id = $request_id"], {"request_id": request_id})
    where, parameters = conditions.joined(conditions.workspace(workspace_id), wanted)
    # When it was made tells which part of the files holds its columns; reading all of everybody's would be slow.
    instants = marts.rows(f"select requested_at from fct_requests where {where} limit 1", parameters)  # noqa: S608
    if not instants:
        return None
    return marts.records(
        f"select *, {PROVIDER_REQUEST_ID} as {DERIVED} from fct_requests where {where}"  # noqa: S608
        " and requested_at = $requested_at limit 1",
        {**parameters, "requested_at": instants[0][0]},
    )[0]


def row_of(columns: Mapping[str, Any]) -> RequestRow:
    """Return the listed columns of one request that was read with all of them."""
    names = [name for name in _NAMES if name != DERIVED]
    given: dict[str, Any] = {
        **columns,
        "request_id": str(columns["request_id"]),
        "device_id": str(columns["device_id"]),
    }
    return _row(*(given[name] for name in names), given[DERIVED])


def _after(position: Position | None) -> tuple[list[str], conditions.Parameters]:
    if position is None:
        return [], {}
    condition = "(requested_at < $after_at or (requested_at = $after_at and request_id < $after_id))"
    return [condition], {
        "after_at": conditions.naive_utc(position.requested_at),
        "after_id": uuid.UUID(position.request_id),
    }


def _row(request_id: str, requested_at: datetime, received_at: datetime, *others: Any) -> RequestRow:
    return RequestRow(request_id, requested_at.replace(tzinfo=UTC), received_at.replace(tzinfo=UTC), *others)
