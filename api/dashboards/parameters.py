"""Query parameters of the dashboards, as FastAPI dependencies.

Belongs here: declaring parameters for OpenAPI and handing them to the parsers. Does not belong here: what values mean
(`filters`, `search`, `cursor`).

Parameters are read as plain text and judged by our own parsers, so that every refusal has one shape and repeats
nothing. A parameter that does not exist is refused: a misspelt filter must not answer with everybody's numbers.

The dependencies are coroutines, though none waits: a thread for each took longer than the parsing.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request
from pydantic import WithJsonSchema

from api.access.callers import ReadWorkspace
from api.dashboards.cursor import parse_anomaly_cursor, parse_cursor, parse_weight_cursor
from api.dashboards.filters import VALUES_MAX, FilterError, Filters, parse_filters
from api.dashboards.periods import RangeName
from api.dashboards.queries.anomalies import AnomalyPage
from api.dashboards.queries.reconciliation import DivergencePage
from api.dashboards.requests import LIMIT_DEFAULT, LIMIT_MAX, Page
from api.dashboards.search import Search, parse_search
from api.dashboards.serving import Call
from api.errors import Refused, invalid

RAIL: Final = frozenset({"range", "from", "to", "provider", "model", "project", "device", "cost_center"})
PAGE: Final = frozenset({"limit", "cursor", "search"})
_LIMIT_REFUSAL: Final = f"limit must be a whole number from 1 to {LIMIT_MAX}."
_DAY: Final[dict[str, Any]] = {"type": "string", "format": "date"}
_TEXT: Final[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": 255}
_TEXTS: Final[dict[str, Any]] = {"type": "array", "items": _TEXT, "maxItems": VALUES_MAX}
_IDS: Final[dict[str, Any]] = {**_TEXTS, "items": {"type": "string", "format": "uuid"}}
_REPEATED: Final = "Repeat it, or separate values by commas (`\\,` within a value); none means all."


async def filter_rail(
    range_name: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "enum": [name.value for name in RangeName], "default": "last_30d"}),
        Query(alias="range", description="Date range, in the workspace's zone."),
    ] = None,
    first: Annotated[
        str | None, WithJsonSchema(_DAY), Query(alias="from", description="First day of a custom range.")
    ] = None,
    last: Annotated[
        str | None, WithJsonSchema(_DAY), Query(alias="to", description="Last day of a custom range, included.")
    ] = None,
    provider: Annotated[
        list[str] | None, WithJsonSchema(_TEXTS), Query(description=f"Providers, as daemons name them. {_REPEATED}")
    ] = None,
    model: Annotated[
        list[str] | None, WithJsonSchema(_TEXTS), Query(description=f"Models, as providers name them. {_REPEATED}")
    ] = None,
    project: Annotated[
        list[str] | None, WithJsonSchema(_TEXTS), Query(description=f"Project slugs. {_REPEATED}")
    ] = None,
    device: Annotated[list[str] | None, WithJsonSchema(_IDS), Query(description=f"Device ids. {_REPEATED}")] = None,
    cost_center: Annotated[
        list[str] | None,
        WithJsonSchema(_TEXTS),
        Query(description=f"Slugs of cost centres: the projects assigned to them now. {_REPEATED}"),
    ] = None,
) -> Filters:
    """FastAPI dependency: the filter rail in normal form."""
    try:
        return parse_filters(
            range_name=range_name,
            first=first,
            last=last,
            providers=provider or (),
            models=model or (),
            projects=project or (),
            devices=device or (),
            cost_centers=cost_center or (),
        )
    except FilterError as error:
        raise refused(error) from None


async def rail_call(request: Request, reader: ReadWorkspace, filters: Annotated[Filters, Depends(filter_rail)]) -> Call:
    """FastAPI dependency: a call with a filter rail and nothing else."""
    only_known(request, RAIL)
    return Call(request, reader, filters)


async def request_search(
    search: Annotated[
        str | None,
        WithJsonSchema(_TEXT),
        Query(
            description="Beginning of a request id or idempotency key, or a whole provider request id;"
            " `cost:unknown` for requests whose cost is not known."
        ),
    ] = None,
) -> Search | None:
    """FastAPI dependency: what to look for among requests."""
    try:
        return parse_search(search)
    except FilterError as error:
        raise refused(error) from None


async def searching_call(
    request: Request, reader: ReadWorkspace, filters: Annotated[Filters, Depends(filter_rail)]
) -> Call:
    """FastAPI dependency: a call with a filter rail and a search."""
    only_known(request, RAIL | {"search"})
    return Call(request, reader, filters)


async def paged_call(
    request: Request, reader: ReadWorkspace, filters: Annotated[Filters, Depends(filter_rail)]
) -> Call:
    """FastAPI dependency: a call with a filter rail, a search and paging."""
    only_known(request, RAIL | PAGE)
    return Call(request, reader, filters)


async def request_page(
    search: Annotated[Search | None, Depends(request_search)],
    limit: Annotated[
        str | None,
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}),
        Query(description="Most rows of one page."),
    ] = None,
    cursor: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "maxLength": 100}),
        Query(description="`next_cursor` of the page before."),
    ] = None,
) -> Page:
    """FastAPI dependency: which page of the requests is asked for."""
    try:
        return Page(checked_limit(limit), parse_cursor(cursor), search)
    except FilterError as error:
        raise refused(error) from None


async def divergence_call(
    request: Request, reader: ReadWorkspace, filters: Annotated[Filters, Depends(filter_rail)]
) -> Call:
    """FastAPI dependency: a call with a filter rail and pages, without a search."""
    only_known(request, RAIL | {"limit", "cursor"})
    return Call(request, reader, filters)


async def divergence_page(
    limit: Annotated[
        str | None,
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}),
        Query(description="Most requests of one page."),
    ] = None,
    cursor: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "maxLength": 120}),
        Query(description="`next_cursor` of the page before."),
    ] = None,
) -> DivergencePage:
    """FastAPI dependency: which page of the requests behind a variance is asked for."""
    try:
        return DivergencePage(checked_limit(limit), parse_weight_cursor(cursor))
    except FilterError as error:
        raise refused(error) from None


async def anomaly_page(
    limit: Annotated[
        str | None,
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}),
        Query(description="Most anomalies of one page."),
    ] = None,
    cursor: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "maxLength": 160}),
        Query(description="`next_cursor` of the page before."),
    ] = None,
) -> AnomalyPage:
    """FastAPI dependency: which page of the anomalies is asked for."""
    try:
        return AnomalyPage(checked_limit(limit), parse_anomaly_cursor(cursor))
    except FilterError as error:
        raise refused(error) from None


RailCall = Annotated[Call, Depends(rail_call)]
SearchingCall = Annotated[Call, Depends(searching_call)]
PagedCall = Annotated[Call, Depends(paged_call)]
WantedPage = Annotated[Page, Depends(request_page)]
WantedAnomalies = Annotated[AnomalyPage, Depends(anomaly_page)]
DivergenceCall = Annotated[Call, Depends(divergence_call)]
WantedDivergence = Annotated[DivergencePage, Depends(divergence_page)]
WantedSearch = Annotated[Search | None, Depends(request_search)]


def checked_limit(text: str | None) -> int:
    """Return how many rows a page may have.

    Raises:
        FilterError: it is no whole number in the range.
    """
    if text is None:
        return LIMIT_DEFAULT
    # isdecimal alone takes digits of other scripts.
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(LIMIT_MAX)) else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise FilterError(_LIMIT_REFUSAL)
    return limit


def only_known(request: Request, known: frozenset[str]) -> None:
    """Refuse parameters that do not exist.

    Raises:
        Refused: 422 there is one that is not `known`.
    """
    if not known.issuperset(request.query_params.keys()):
        message = f"Unknown parameter; this path takes {', '.join(sorted(known))}."
        raise invalid(message, code="unknown_parameter")


def refused(error: FilterError) -> Refused:
    """Return the 422 of a filter value that cannot be understood."""
    return invalid(str(error), code="invalid_filter")
