"""Pages of clusters: requests that share a prompt, and what that costs.

Belongs here: `/{workspace}/clusters…`, on the answers of the JSON routes. Does not belong here: finding clusters
(`dbt_project`, models of `analysis/clusters`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.dashboards.analysed import analysing
from api.dashboards.clusters import KINDS, ClusterPage, cluster_list, one_cluster, parse_cluster_cursor, parse_kind
from api.dashboards.filters import FilterError
from api.dashboards.requests import LIMIT_DEFAULT, LIMIT_MAX
from api.pages.dashboard import Asked, dashboard_page, table_source
from api.pages.rail import PageFilters, Rail, RailShown, page_rail
from api.pages.tables import Column, Table, TableShown
from api.pages.words import counted
from api.providers import provider_words

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]
KindRail = Annotated[Rail, Depends(page_rail("kind"))]
KIND_WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "exact_duplicate": (
        "Duplicates",
        "The very same request again, answered and paid for again.",
        "Keep the first answer and use it again.",
    ),
    "retry_storm": (
        "Retry storms",
        "The same request tried over and over within moments.",
        "Wait longer between tries, and stop after a few.",
    ),
    "loop": (
        "Loops",
        "A program that asks the same thing at a steady beat.",
        "See what the program waits for; it may run by accident.",
    ),
    "response_cache": (
        "Repeated questions",
        "The same prompt again within the hour: a cache of answers would have served it.",
        "Put a cache of answers before these calls.",
    ),
    "prompt_cache": (
        "Uncached prompts",
        "Long prompts sent again without the provider's prompt cache.",
        "Mark the unchanging part of the prompt for the provider's cache.",
    ),
}
"""Kinds: what they are called, what they are, and what can be done."""
EVIDENCE: Final[Mapping[str, str]] = {
    "burst_seconds": "Seconds of the densest burst",
    "days": "Days it was seen on",
    "errors": "Failed requests",
    "hits": "Answers the cache would have had",
    "hours": "Hours it was seen in",
    "input_tokens": "Tokens in",
    "output_tokens": "Tokens out",
    "seconds_to_live": "Seconds an answer is kept",
}


def _kind(one: Any) -> str:
    return KIND_WORDS[one.kind][0]


def _of_whom(one: Any) -> str:
    unpriced = f"{one.unpriced_requests:,} unpriced · " if one.unpriced_requests else ""
    return f"{unpriced}{counted(len(one.devices), 'developer')}"


CLUSTERS: Final = Table(
    "clusters",
    "The largest savings first",
    (
        Column(
            "prompt_hash",
            "Prompt",
            lambda one: one.prompt_hash[:12],
            link=lambda one: one.path,
            note=_kind,
            also={
                "cluster_id": lambda one: one.cluster_id,
                "prompt_hash_whole": lambda one: one.prompt_hash,
                "kind": lambda one: one.kind,
            },
        ),
        Column(
            "project",
            "Project",
            lambda one: one.display_name or one.project,
            note=lambda one: f"and {counted(one.projects - 1, 'other project')}" if one.projects > 1 else None,
            also={"slug": lambda one: one.project, "projects": lambda one: one.projects},
        ),
        Column(
            "model",
            "Model",
            lambda one: one.model_name or one.model,
            note=lambda one: provider_words(one.provider),
            also={"provider": lambda one: one.provider, "model_id": lambda one: one.model},
        ),
        Column(
            "requests",
            "Requests",
            lambda one: one.requests,
            "number",
            note=_of_whom,
            also={"unpriced_requests": lambda one: one.unpriced_requests, "devices": lambda one: len(one.devices)},
        ),
        Column("first_seen_at", "First seen", lambda one: one.first_seen_at, "instant"),
        Column("last_seen_at", "Last seen", lambda one: one.last_seen_at, "instant"),
        Column(
            "repeat_cost_usd",
            "Repeats cost",
            lambda one: one.repeat_cost_usd,
            "precise",
            also={"cost_usd": lambda one: one.cost_usd},
        ),
        Column("estimated_saving_usd", "Saving", lambda one: one.estimated_saving_usd, "precise"),
    ),
    "No requests of this period share a prompt.",
)
RELATED: Final = replace(CLUSTERS, name="related-clusters", caption="The same prompt elsewhere")


@router.get("/{workspace}/clusters")
def clusters_page(request: Request, caller: Viewer, rail: KindRail) -> Response:
    """Show clusters by kind, and a page of them."""
    refusal = ""
    try:
        page = ClusterPage(
            LIMIT_DEFAULT,
            parse_cluster_cursor(request.query_params.get("cursor")),
            parse_kind(rail.extra.get("kind")),
        )
    except FilterError as error:
        page, refusal = ClusterPage(), str(error)
    with analysing(rail.call(request, caller)) as analysed:
        answer = cluster_list(analysed, page)
        is_all = page.after is None and answer.next_cursor is None

        def ready(shown: RailShown) -> dict[str, TableShown]:
            extra = {"kind": page.kind} if page.kind else {}
            return {"clusters": CLUSTERS.shown(answer.clusters, shown, zone=answer.time_zone, is_all=is_all, **extra)}

        return dashboard_page(
            request,
            "clusters/list.html",
            caller=caller,
            rail=rail,
            view=analysed.view,
            answer=answer,
            tables=ready,
            refusal=refusal,
            is_first=page.after is None,
            kind_words=KIND_WORDS,
            totals={one.kind: one for one in answer.kinds},
            kinds=KINDS,
        )


@router.get("/{workspace}/clusters/{cluster_id}")
def cluster_page(request: Request, caller: Viewer, cluster_id: str, rail: PageFilters) -> Response:
    """Show one cluster, requests of it to look at, and others of its prompt."""
    with analysing(rail.call(request, caller)) as analysed:
        answer = one_cluster(analysed, cluster_id)
        return dashboard_page(
            request,
            "clusters/one.html",
            caller=caller,
            rail=rail,
            view=analysed.view,
            answer=answer,
            tables=lambda shown: {
                "related": RELATED.shown(answer.related, shown, zone=answer.time_zone, cluster=cluster_id)
            },
            one=answer.cluster,
            kind_words=KIND_WORDS,
            evidence=list(_evidence(answer.cluster.evidence)),
        )


@table_source(CLUSTERS)
def clusters(asked: Asked) -> Iterator[Any]:
    """Yield all clusters of the period, the largest savings first."""
    page = ClusterPage(LIMIT_MAX, None, parse_kind(asked.parameter("kind") or None))
    with analysing(asked.rail.call(asked.request, asked.caller)) as analysed:
        while True:
            answer = cluster_list(analysed, page)
            yield from answer.clusters
            if answer.next_cursor is None:
                return
            page = replace(page, after=parse_cluster_cursor(answer.next_cursor))


def _evidence(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield further figures of a cluster in words; what is not one number or word is left to the JSON."""
    for name, value in evidence.items():
        if isinstance(value, bool):
            yield _named(name), "yes" if value else "no"
        elif isinstance(value, int):
            yield _named(name), f"{value:,}"
        elif isinstance(value, float | str):
            yield _named(name), str(value)


def _named(name: str) -> str:
    words = EVIDENCE.get(name, name.replace("_", " "))
    return words[:1].upper() + words[1:]


@table_source(RELATED)
def related_clusters(asked: Asked) -> Sequence[Any]:
    """Return the other clusters of a cluster's prompt.

    Raises:
        Refused: 404 the workspace has no such cluster.
    """
    with analysing(asked.rail.call(asked.request, asked.caller)) as analysed:
        return one_cluster(analysed, asked.parameter("cluster")).related
