"""Clusters: requests that share a prompt, and what that costs.

Belongs here: clusters of the analysis as they are shown, under the filter rail and in pages. Does not belong here:
finding them (`dbt_project`, `models/analysis/clusters`).
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast, get_args
from urllib.parse import urlencode

import msgspec

from api.dashboards.analysed import AnalysedView, analysis_fields
from api.dashboards.control import projects
from api.dashboards.filters import FilterError
from api.dashboards.models.anomalies import SampleRequest
from api.dashboards.models.answer import PeriodShown
from api.dashboards.models.clusters import (
    ClusterAnswer,
    ClusterDevice,
    ClusterKind,
    ClusterKindTotal,
    ClustersAnswer,
    ClusterShown,
)
from api.dashboards.money import usd_from_picousd
from api.dashboards.periods import DAY
from api.dashboards.queries.conditions import naive_utc
from api.dashboards.queries.dimensions import model_names
from api.dashboards.requests import LIMIT_DEFAULT
from api.dashboards.shown import filters_shown
from api.dashboards.view import View, shown_instant
from api.errors import not_found

Row = dict[str, Any]
KINDS: Final[tuple[ClusterKind, ...]] = get_args(ClusterKind)
_CLUSTER_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_POSITION: Final = re.compile(r"c1:(\d{1,39}):([0-9a-f]{64})", re.ASCII)
_CURSOR_LENGTH_MAX: Final = 160
# What overlaps the period; one seen in it at any time is whole.
_MATCHING: Final = """
    from mart_clusters
    where workspace_id = $workspace_id
        and last_seen_at >= $starts_at and first_seen_at < $ends_at
        and (len($providers::varchar[]) = 0 or list_contains($providers::varchar[], provider))
        and (len($models::varchar[]) = 0 or list_contains($models::varchar[], model))
        and (len($projects::varchar[]) = 0 or list_contains($projects::varchar[], project))
        and (len($devices::uuid[]) = 0 or list_has_any($devices::uuid[], device_ids))
"""
_PAGE: Final = f"""
    select * {_MATCHING}
        and ($kind::varchar is null or kind = $kind::varchar)
        and (
            $after_saving::hugeint is null
            or estimated_saving_picousd < $after_saving::hugeint
            or (estimated_saving_picousd = $after_saving::hugeint and cluster_id > $after_id::varchar)
        )
    order by estimated_saving_picousd desc, cluster_id
    limit $wanted
"""
_TOTALS: Final = f"""
    select
        kind,
        count(*) as clusters,
        cast(sum(requests) as bigint) as requests,
        sum(repeat_cost_picousd) as repeat_cost_picousd,
        sum(estimated_saving_picousd) as estimated_saving_picousd
    {_MATCHING}
    group by kind
"""
_ONE: Final = "select * from mart_clusters where workspace_id = $workspace_id and cluster_id = $cluster_id"
_RELATED: Final = """
    select * from mart_clusters
    where workspace_id = $workspace_id and prompt_hash = $prompt_hash and cluster_id <> $cluster_id
    order by estimated_saving_picousd desc, cluster_id
    limit 100
"""


@dataclass(frozen=True)
class ClusterPosition:
    """A place in the order (saving descending, cluster id)."""

    saving_picousd: int
    cluster_id: str


@dataclass(frozen=True)
class ClusterPage:
    """Which page of the clusters is asked for.

    Attributes:
        limit: most rows.
        after: the last row of the page before; None for the first page.
        kind: only this kind.
    """

    limit: int = LIMIT_DEFAULT
    after: ClusterPosition | None = None
    kind: ClusterKind | None = None


def parse_kind(text: str | None) -> ClusterKind | None:
    """Return a kind of clusters; None for all.

    Raises:
        FilterError: there is no such kind.
    """
    if text is None:
        return None
    if text not in KINDS:
        raise FilterError(_KIND_REFUSAL)
    return text


def parse_cluster_cursor(text: str | None) -> ClusterPosition | None:
    """Return the position a cursor names; None for none.

    Raises:
        FilterError: the text is no cursor of ours.
    """
    if not text:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        decoded = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError):
        raise FilterError(_CURSOR_REFUSAL) from None
    found = _POSITION.fullmatch(decoded) if len(text) <= _CURSOR_LENGTH_MAX else None
    if found is None or int(found[1]) >= 2**127:
        raise FilterError(_CURSOR_REFUSAL)
    return ClusterPosition(int(found[1]), found[2])


def cluster_list(analysed: AnalysedView, page: ClusterPage) -> ClustersAnswer:
    """Return one page of the clusters seen in the view's period, the largest saving first."""
    view = analysed.view
    asked = _asked(view)
    totals = {row["kind"]: row for row in analysed.records(_TOTALS, asked)}
    found = analysed.records(
        _PAGE,
        {
            **asked,
            "kind": page.kind,
            "after_saving": page.after.saving_picousd if page.after else None,
            "after_id": page.after.cluster_id if page.after else None,
            "wanted": page.limit + 1,
        },
    )
    rows = found[: page.limit]
    cursor = _cursor(rows[-1]) if len(found) > page.limit else None
    return ClustersAnswer(
        **analysis_fields(analysed),
        period=_period(view),
        filters=filters_shown(view.filters),
        kind=page.kind,
        kinds=[_total(totals[kind]) for kind in KINDS if kind in totals],
        clusters=shown_clusters(view, rows),
        limit=page.limit,
        next_cursor=cursor,
        next_path=_next_path(view, page, cursor) if cursor else None,
    )


def one_cluster(analysed: AnalysedView, cluster_id: str) -> ClusterAnswer:
    """Return one cluster and others of its prompt.

    Raises:
        Refused: 404 the workspace has none of this id.
    """
    given = {"cluster_id": cluster_id}
    found = analysed.records(_ONE, given) if _CLUSTER_ID.fullmatch(cluster_id) else []
    if not found:
        raise not_found("cluster_not_found", "No such cluster.")
    related = analysed.records(_RELATED, {**given, "prompt_hash": found[0]["prompt_hash"]})
    shown = shown_clusters(analysed.view, [*found, *related])
    return ClusterAnswer(**analysis_fields(analysed), cluster=shown[0], related=shown[1:])


def shown_clusters(view: View, rows: Sequence[Row]) -> list[ClusterShown]:
    """Return rows of the mart as they are shown."""
    known = projects(view.engine, view.workspace_id)
    models = model_names(view.marts, sorted({(row["provider"], row["model"]) for row in rows}))
    devices = view.device_names
    return [
        ClusterShown(
            cluster_id=row["cluster_id"],
            kind=row["kind"],
            prompt_hash=row["prompt_hash"],
            project=row["project"],
            display_name=known[row["project"]].display_name if row["project"] in known else None,
            provider=row["provider"],
            model=row["model"],
            model_name=models.get((row["provider"], row["model"])),
            requests=row["requests"],
            unpriced_requests=row["unpriced_requests"],
            devices=[ClusterDevice(device_id=str(one), name=devices.get(str(one))) for one in row["device_ids"]],
            projects=row["projects"],
            first_seen_at=_instant(row["first_seen_at"]),
            last_seen_at=_instant(row["last_seen_at"]),
            cost_usd=usd_from_picousd(row["spend_picousd"]),
            repeat_cost_usd=usd_from_picousd(row["repeat_cost_picousd"]),
            estimated_saving_usd=usd_from_picousd(row["estimated_saving_picousd"]),
            evidence=msgspec.json.decode(row["evidence"]),
            sample_requests=samples(view, row["sample_request_ids"]),
            path=view.path("clusters", row["cluster_id"]),
        )
        for row in rows
    ]


def samples(view: View, ids: Sequence[uuid.UUID]) -> list[SampleRequest]:
    """Return requests to look at, with their paths."""
    # Thousands in one answer: the workspace's part of their paths is made once, and an id needs no quoting.
    traces = view.path("traces")
    return [SampleRequest(request_id=(name := str(one)), path=f"{traces}/{name}") for one in ids]


def _asked(view: View) -> dict[str, object]:
    span, filters = view.period.current, view.filters
    return {
        "starts_at": naive_utc(span.starts_at),
        "ends_at": naive_utc(span.ends_at),
        "providers": list(filters.providers),
        "models": list(filters.models),
        "projects": list(filters.projects),
        "devices": [uuid.UUID(one) for one in filters.devices],
    }


def _total(row: Row) -> ClusterKindTotal:
    return ClusterKindTotal(
        kind=row["kind"],
        clusters=row["clusters"],
        requests=row["requests"],
        repeat_cost_usd=usd_from_picousd(row["repeat_cost_picousd"]),
        estimated_saving_usd=usd_from_picousd(row["estimated_saving_picousd"]),
    )


def _period(view: View) -> PeriodShown:
    span = view.period.current
    return PeriodShown(
        first_day=span.first_day,
        last_day=span.end_day - DAY,
        starts_at=shown_instant(span.starts_at),
        ends_at=shown_instant(span.ends_at),
    )


def _cursor(row: Row) -> str:
    text = f"c1:{row['estimated_saving_picousd']}:{row['cluster_id']}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _next_path(view: View, page: ClusterPage, cursor: str) -> str:
    pairs = [("cursor", cursor)]
    if page.kind is not None:
        pairs.append(("kind", page.kind))
    if page.limit != LIMIT_DEFAULT:
        pairs.append(("limit", str(page.limit)))
    path = view.path("clusters", filters=view.filters)
    return f"{path}{'&' if '?' in path else '?'}{urlencode(pairs)}"


def _instant(value: datetime) -> str:
    return shown_instant(value.replace(tzinfo=UTC))


_KIND_REFUSAL: Final = f"kind must be one of {', '.join(cast('tuple[str, ...]', KINDS))}."
_CURSOR_REFUSAL: Final = "cursor must be the next_cursor of an earlier answer."
