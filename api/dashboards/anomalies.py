"""Hours that cost far more than usual.

Belongs here: the analysis' anomalies as they are shown, under the filter rail. Does not belong here: finding them
(`dbt_project`), telling people (`api.alerts`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from api.dashboards.control import projects
from api.dashboards.cursor import encode_anomaly_cursor, parse_anomaly_cursor
from api.dashboards.models.anomalies import AnomaliesAnswer, AnomalyShown, SampleRequest
from api.dashboards.money import percent, usd_from_millicents
from api.dashboards.periods import Span
from api.dashboards.queries.anomalies import AnomalyPage, AnomalyPosition
from api.dashboards.queries.conditions import naive_utc
from api.dashboards.queries.dimensions import model_names
from api.dashboards.requests import LIMIT_MAX
from api.dashboards.shown import answer_fields
from api.dashboards.view import View, shown_instant
from api.dashboards.with_analysis import AnalysisRows

Row = dict[str, Any]
# The hour a period begins or ends in is part of it.
_OF_PERIOD: Final = """
    from mart_spend_anomalies
    where workspace_id = $workspace_id
        and hour_starts_at + interval 1 hour > $starts_at and hour_starts_at < $ends_at
        and (len($providers) = 0 or list_contains($providers, provider))
        and (len($models) = 0 or list_contains($models, model))
        and (len($projects) = 0 or list_contains($projects, project))
"""
_TOTALS: Final = (
    f"select count(*) as found, sum(spent_millicents - expected_millicents)::hugeint as excess {_OF_PERIOD}"
)
_ANOMALIES: Final = f"""
    select * {_OF_PERIOD}
        and (
            $after_hour is null
            or hour_starts_at < $after_hour
            or (
                hour_starts_at = $after_hour
                and (
                    spent_millicents - expected_millicents < $after_excess
                    or (spent_millicents - expected_millicents = $after_excess and anomaly_id > $after_id)
                )
            )
        )
    order by hour_starts_at desc, spent_millicents - expected_millicents desc, anomaly_id
    limit $rows
"""


def anomaly_list(view: View, analysed: AnalysisRows, page: AnomalyPage | None = None) -> AnomaliesAnswer:
    """Return a page of the anomalies of the view's period, newest first; the first page unless another is asked for.

    An anomaly is of a project and a model on all machines; a filter by machine leaves none.
    """
    page = page or AnomalyPage()
    asked = _asked(view, view.period.current)
    found = [] if view.filters.devices else _rows(view, analysed, asked, page)
    whole = [] if view.filters.devices else analysed.of("mart_spend_anomalies", _TOTALS, view.workspace_id, asked)
    rows, more = found[: page.limit], len(found) > page.limit
    known = projects(view.engine, view.workspace_id)
    names = model_names(view.marts, sorted({(row["provider"], row["model"]) for row in rows}))
    return AnomaliesAnswer(
        **answer_fields(view),
        **analysed.fields(view.workspace_id),
        found=whole[0]["found"] if whole else 0,
        found_excess_usd=usd_from_millicents(int(whole[0]["excess"] or 0) if whole else 0),
        anomalies=[
            _shown(
                view,
                row,
                known[row["project"]].display_name if row["project"] in known else None,
                names.get((row["provider"], row["model"])),
            )
            for row in rows
        ],
        next_cursor=encode_anomaly_cursor(_position(rows[-1])) if more else None,
    )


def all_anomalies(view: View, analysed: AnalysisRows) -> Iterator[AnomalyShown]:
    """Yield the anomalies of the view's period, newest first, page by page."""
    page = AnomalyPage(LIMIT_MAX)
    while True:
        answer = anomaly_list(view, analysed, page)
        yield from answer.anomalies
        if answer.next_cursor is None:
            return
        page = AnomalyPage(LIMIT_MAX, parse_anomaly_cursor(answer.next_cursor))


def _position(row: Row) -> AnomalyPosition:
    excess = row["spent_millicents"] - row["expected_millicents"]
    return AnomalyPosition(row["hour_starts_at"].replace(tzinfo=UTC), excess, row["anomaly_id"])


def _asked(view: View, span: Span) -> dict[str, object]:
    return {
        "starts_at": naive_utc(span.starts_at),
        "ends_at": naive_utc(span.ends_at),
        "providers": list(view.filters.providers),
        "models": list(view.filters.models),
        "projects": list(view.filters.projects),
    }


def _rows(view: View, analysed: AnalysisRows, asked: dict[str, object], page: AnomalyPage) -> list[Row]:
    after = page.after
    place: dict[str, object] = {
        "after_hour": None if after is None else naive_utc(after.hour_starts_at),
        "after_excess": None if after is None else after.excess_millicents,
        "after_id": None if after is None else after.anomaly_id,
        "rows": page.limit + 1,
    }
    return analysed.of("mart_spend_anomalies", _ANOMALIES, view.workspace_id, asked | place)


def _shown(view: View, row: Row, project_name: str | None, model_name: str | None) -> AnomalyShown:
    starts_at: datetime = row["hour_starts_at"].replace(tzinfo=UTC)
    spent, expected = row["spent_millicents"], row["expected_millicents"]
    traces = view.path("traces")
    return AnomalyShown(
        anomaly_id=row["anomaly_id"],
        project=row["project"],
        display_name=project_name,
        provider=row["provider"],
        model=row["model"],
        model_name=model_name,
        hour_starts_at=shown_instant(starts_at),
        baseline=row["baseline"],
        weeks_compared=row["weeks_compared"],
        requests=row["requests"],
        unpriced_requests=row["unpriced_requests"],
        spent_usd=usd_from_millicents(spent),
        expected_usd=usd_from_millicents(expected),
        limit_usd=usd_from_millicents(row["limit_millicents"]),
        excess_usd=usd_from_millicents(spent - expected),
        excess_percent=percent(spent - expected, expected),
        # Hundreds in one answer: the workspace's part of their paths is made once, and an id needs no quoting.
        sample_requests=[
            SampleRequest(request_id=(name := str(one)), path=f"{traces}/{name}") for one in row["sample_request_ids"]
        ],
    )
