"""Routes of clusters and optimisation.

Belongs here: paths, their parameters and documentation. Does not belong here: the views, and deciding about
recommendations (`api.optimisation.routes`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import WithJsonSchema

from api.access.callers import ReadWorkspace
from api.dashboards.analysed import analysed_answer
from api.dashboards.clusters import (
    KINDS,
    ClusterPage,
    cluster_list,
    one_cluster,
    parse_cluster_cursor,
    parse_kind,
)
from api.dashboards.filters import FilterError, Filters
from api.dashboards.findings import FindingPage, findings, parse_finding_cursor
from api.dashboards.models import optimisation_examples as examples
from api.dashboards.models.clusters import ClusterAnswer, ClustersAnswer
from api.dashboards.models.optimisation import CatalogAnswer, OptimisationAnswer, SavingsAnswer
from api.dashboards.optimisation import catalog, savings
from api.dashboards.parameters import RAIL, RailCall, checked_limit, filter_rail, only_known, refused
from api.dashboards.requests import LIMIT_DEFAULT, LIMIT_MAX
from api.dashboards.serving import Call
from api.openapi import describe

router = APIRouter(prefix="/v1/{workspace}", tags=["dashboards"])

_NOT_MODIFIED: Final[dict[int, dict[str, Any]]] = {304: {"description": "Unchanged since the entity tag sent"}}
_PAGE: Final = frozenset({"kind", "limit", "cursor"})
ClusterId = Annotated[str, Path(description="Id of the cluster.", examples=["9f2c" * 16])]


async def _clusters_call(
    request: Request, reader: ReadWorkspace, filters: Annotated[Filters, Depends(filter_rail)]
) -> Call:
    """FastAPI dependency: a call with a filter rail, a kind and paging."""
    only_known(request, RAIL | _PAGE)
    return Call(request, reader, filters)


async def _cluster_page(
    kind: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "enum": list(KINDS)}),
        Query(description="Only clusters of this kind."),
    ] = None,
    limit: Annotated[
        str | None,
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}),
        Query(description="Most clusters of one page."),
    ] = None,
    cursor: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "maxLength": 160}),
        Query(description="`next_cursor` of the page before."),
    ] = None,
) -> ClusterPage:
    """FastAPI dependency: which page of the clusters is asked for."""
    try:
        return ClusterPage(checked_limit(limit), parse_cluster_cursor(cursor), parse_kind(kind))
    except FilterError as error:
        raise refused(error) from None


async def _findings_call(
    request: Request, reader: ReadWorkspace, filters: Annotated[Filters, Depends(filter_rail)]
) -> Call:
    """FastAPI dependency: a call with a filter rail and paging."""
    only_known(request, RAIL | {"limit", "cursor"})
    return Call(request, reader, filters)


async def _finding_page(
    limit: Annotated[
        str | None,
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}),
        Query(description="Most recommendations of one page."),
    ] = None,
    cursor: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "maxLength": 300}),
        Query(description="`next_cursor` of the page before."),
    ] = None,
) -> FindingPage:
    """FastAPI dependency: which page of the recommendations is asked for."""
    try:
        return FindingPage(checked_limit(limit), parse_finding_cursor(cursor))
    except FilterError as error:
        raise refused(error) from None


@router.get(
    "/clusters",
    **describe(
        "Clusters of requests",
        answer=ClustersAnswer,
        example=examples.CLUSTERS,
        answer_description="One page of clusters",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers=_NOT_MODIFIED,
    ),
)
def get_clusters(
    call: Annotated[Call, Depends(_clusters_call)], page: Annotated[ClusterPage, Depends(_cluster_page)]
) -> Response:
    """Requests of the last 30 days grouped by their prompt's hash, the largest saving first.

    Duplicates, retry storms, loops, and what response and prompt caches would have saved. A cluster is in a period
    when any of it is. Kinds overlap.
    """
    return analysed_answer(call, ("clusters", page), lambda analysed: cluster_list(analysed, page))


@router.get(
    "/clusters/{cluster_id}",
    **describe(
        "One cluster",
        answer=ClusterAnswer,
        example=examples.CLUSTER,
        answer_description="The cluster",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers=_NOT_MODIFIED,
    ),
)
def get_cluster(call: RailCall, cluster_id: ClusterId) -> Response:
    """Show one cluster and others of the same prompt; a filtered view's links may carry its filter here.

    It changes nothing.
    """
    return analysed_answer(call, ("cluster", cluster_id), lambda analysed: one_cluster(analysed, cluster_id))


@router.get(
    "/optimization",
    **describe(
        "Recommendations",
        answer=OptimisationAnswer,
        example=examples.FINDINGS,
        answer_description="One page of recommendations",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers=_NOT_MODIFIED,
    ),
)
def get_optimization(
    call: Annotated[Call, Depends(_findings_call)], page: Annotated[FindingPage, Depends(_finding_page)]
) -> Response:
    """What to change and what that would have saved over the last 30 days, whatever range is asked for.

    Dismissed and suppressed recommendations are left out. Where several are about the same requests they say so, and
    the total counts the largest alone, on all pages.
    """
    return analysed_answer(call, ("optimization", page), lambda analysed: findings(analysed, page))


@router.get(
    "/optimization/catalog",
    **describe(
        "Catalogue of checks",
        answer=CatalogAnswer,
        example=examples.CATALOG,
        answer_description="The checks",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers=_NOT_MODIFIED,
    ),
)
def get_catalog(call: RailCall) -> Response:
    """Every check that fired, with its history and all decisions about it, withdrawn ones included."""
    return analysed_answer(call, "optimization/catalog", catalog)


@router.get(
    "/optimization/savings",
    **describe(
        "Realised savings",
        answer=SavingsAnswer,
        example=examples.SAVINGS,
        answer_description="What accepted recommendations saved",
        refusals=(403, 404, 422),
        bearer="api_key",
        extra_answers=_NOT_MODIFIED,
    ),
)
def get_savings(call: RailCall) -> Response:
    """Cost before and after each accepted recommendation, per 1,000 requests at the same mix, with an interval.

    `not_enough_data` is an answer; `regressed` says that it costs more since, beyond chance.
    """
    return analysed_answer(call, "optimization/savings", savings)
