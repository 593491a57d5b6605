"""Single requests from the facts.

Belongs here: pages of recent requests, their stream for CSV, one request with all its columns, and its repeats. Does
not belong here: sums (`queries.spend`), which also tell which days hold any rows.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

import duckdb

from api.dashboards.filters import Filters
from api.dashboards.queries import conditions
from api.dashboards.queries.marts import Marts, Row
from api.dashboards.search import Search

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Position:
    """A place in the order (requested_at, request_id), both descending.

    Attributes:
        requested_at: aware UTC instant.
        request_id: UUID text; within a workspace an id is unique, so that ties have one order.
    """

    requested_at: datetime
    request_id: str


@dataclass(frozen=True)
class RequestRow:
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


_PROVIDER_REQUEST_ID: Final = "case when json_valid(extra_json) then extra_json ->> '$.provider_request_id' end"
# Ids are made text by DuckDB: a hundred thousand Python UUIDs take longer than reading their rows.
_COLUMNS: Final = f"""
    request_id::varchar, requested_at, received_at, project, provider, model, device_id::varchar, status, request_kind,
    spend_kind, cost_logged_millicents, cost_priced_picousd, input_tokens, output_tokens, thinking_tokens,
    cached_tokens, cache_write_tokens, tokens_complete, latency_ms, time_to_first_token_ms, error_class, http_status,
    attribution_method, prompt_hash, idempotency_key,
    {_PROVIDER_REQUEST_ID}
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


def one(marts: Marts, workspace_id: str, request_id: uuid.UUID) -> dict[str, Any] | None:
    """Return one request, withheld or not, with every column by name; None when the workspace has none such."""
    wanted: tuple[list[str], conditions.Parameters] = (["request_id = $request_id"], {"request_id": request_id})
    where, parameters = conditions.joined(conditions.workspace(workspace_id), wanted)
    columns = f"*, {_PROVIDER_REQUEST_ID} as provider_request_id"
    # When it was made tells which part of the files holds its columns; reading all of everybody's would be slow.
    for instants in (_instants_in_lists(marts, request_id), _instants_in_facts(marts, where, parameters)):
        for (requested_at,) in instants:
            found = marts.records(
                f"select {columns} from fct_requests where {where} and requested_at = $requested_at limit 1",  # noqa: S608
                {**parameters, "requested_at": requested_at},
            )
            if found:
                return found[0]
    return None


def _instants_in_lists(marts: Marts, request_id: uuid.UUID) -> Iterator[Row]:
    """Yield when requests of this id were made, of whatever workspace, by the lists of ids."""
    try:
        yield from marts.rows(
            "select distinct requested_at from request_ids where request_id = $request_id", {"request_id": request_id}
        )
    except duckdb.Error:
        # The lists only make it quick: a damaged one must not hide a request.
        _log.warning("a list of request ids cannot be read; the facts are searched instead", exc_info=True)


def _instants_in_facts(marts: Marts, where: str, parameters: conditions.Parameters) -> Iterator[Row]:
    yield from marts.rows(f"select requested_at from fct_requests where {where} limit 1", parameters)  # noqa: S608


def row_of(columns: Mapping[str, Any]) -> RequestRow:
    """Return the listed columns of one request that was read with all of them."""
    names = [field.name for field in fields(RequestRow) if field.name != "provider_request_id"]
    given: dict[str, Any] = {
        **columns,
        "request_id": str(columns["request_id"]),
        "device_id": str(columns["device_id"]),
    }
    return _row(*(given[name] for name in names), given["provider_request_id"])


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
