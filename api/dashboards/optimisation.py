"""The catalogue of checks, and what accepted recommendations saved.

Belongs here: these marts of the analysis as they are shown, with what was decided since. Does not belong here:
recommendations (`findings`), finding and measuring (`dbt_project`, `models/analysis/optimisation`), deciding
(`api.optimisation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from operator import itemgetter
from typing import Any, Final

from api.dashboards.analysed import AnalysedView, analysis_fields
from api.dashboards.models.optimisation import (
    CatalogAnswer,
    CheckShown,
    CheckWindow,
    DecisionShown,
    SavingsAnswer,
    SavingShown,
)
from api.dashboards.money import known_usd_from_picousd, usd_from_picousd
from api.dashboards.shown import filters_shown
from api.dashboards.view import View, shown_instant
from api.db.models import OptimisationDecision
from api.db.session import reading
from api.optimisation.decisions import DecisionKind, list_decisions
from pipelines.lake.clock import from_micros, iso_utc

Row = dict[str, Any]
# Added up where they lie: a large workspace has thousands of rows here.
_HISTORY: Final = """
    select
        check_id, any_value(title) as title, any_value(what) as what, window_number,
        any_value(window_from) as window_from, any_value(window_until) as window_until,
        count(*) as findings, count(distinct project) as projects, cast(sum(requests) as bigint) as requests,
        cast(sum(spend_picousd) as hugeint) as spend_picousd, cast(sum(saving_picousd) as hugeint) as saving_picousd
    from mart_optimisation_history
    where workspace_id = $workspace_id
        and len($devices::varchar[]) = 0
        and (len($providers::varchar[]) = 0 or list_contains($providers::varchar[], provider))
        and (len($models::varchar[]) = 0 or list_contains($models::varchar[], model))
        and (len($projects::varchar[]) = 0 or list_contains($projects::varchar[], project))
    group by check_id, window_number
    order by title, check_id, window_number
"""
_DECIDED: Final = """
    select * from mart_optimisation_decided
    where workspace_id = $workspace_id
    order by title, check_id
"""
_SAVINGS: Final = """
    select * from mart_savings_realised
    where workspace_id = $workspace_id
    order by decided_at desc, decision_id
"""


def catalog(analysed: AnalysedView) -> CatalogAnswer:
    """Return every check that fired, with its history and what was decided about it, the latter however long ago.

    A filter narrows the history to its projects, providers and models; a filter by machine leaves none.
    """
    decided = decisions_of(analysed.view)
    history: dict[str, list[Row]] = {}
    for row in analysed.records(_HISTORY, _asked(analysed.view)):
        history.setdefault(row["check_id"], []).append(row)
    named = {rows[0]["check_id"]: rows[0] for rows in history.values()}
    # What fired before the windows that are looked at is known by what was decided about it.
    for row in analysed.analysis.of("mart_optimisation_decided", _DECIDED, analysed.view.workspace_id):
        if matches(analysed.view, row):
            named.setdefault(row["check_id"], row)
    return CatalogAnswer(
        **analysis_fields(analysed),
        filters=filters_shown(analysed.view.filters),
        checks=[
            _check(row, history.get(row["check_id"], []), decided)
            for row in sorted(named.values(), key=itemgetter("title", "check_id"))
        ],
    )


def savings(analysed: AnalysedView) -> SavingsAnswer:
    """Return what each accepted recommendation came to, the newest first."""
    rows = [row for row in analysed.records(_SAVINGS) if matches(analysed.view, row)]
    return SavingsAnswer(
        **analysis_fields(analysed),
        filters=filters_shown(analysed.view.filters),
        realised_usd=usd_from_picousd(sum(row["realised_picousd"] for row in rows)),
        regressed=sum(row["state"] == "regressed" and row["decision_id"] == row["counted_with"] for row in rows),
        savings=[_saving(row) for row in rows],
    )


def decision_shown(decision: OptimisationDecision) -> DecisionShown:
    """Return a decision as it is shown."""
    withdrawn = decision.withdrawn_at_us
    return DecisionShown(
        decision_id=decision.id,
        kind=DecisionKind(decision.kind).value,
        check_id=decision.check_id,
        project=decision.project,
        provider=decision.provider,
        model=decision.model,
        other_model=decision.other_model,
        finding_id=decision.finding_id,
        quoted_saving_usd=known_usd_from_picousd(decision.quoted_saving_picousd),
        reason=decision.reason,
        decided_by=decision.decided_by,
        decided_at=iso_utc(from_micros(decision.decided_at_us)),
        withdrawn_by=decision.withdrawn_by,
        withdrawn_at=None if withdrawn is None else iso_utc(from_micros(withdrawn)),
    )


def decisions_of(view: View) -> Sequence[OptimisationDecision]:
    """Return every decision of the view's workspace, newest first."""
    with reading(view.engine) as session:
        return list_decisions(session, view.workspace_id)


def matches(view: View, row: Row) -> bool:
    """Return whether the view's filter lets a row of a project and model through."""
    wanted = view.filters
    return (
        not wanted.devices
        and (not wanted.projects or row["project"] in wanted.projects)
        and (not wanted.providers or row["provider"] in wanted.providers)
        and (not wanted.models or row["model"] in wanted.models)
    )


def _asked(view: View) -> dict[str, object]:
    wanted = view.filters
    return {
        "providers": list(wanted.providers),
        "models": list(wanted.models),
        "projects": list(wanted.projects),
        "devices": list(wanted.devices),
    }


def _check(named: Row, rows: Sequence[Row], decided: Sequence[OptimisationDecision]) -> CheckShown:
    mine = [one for one in decided if one.check_id == named["check_id"]]
    return CheckShown(
        check_id=named["check_id"],
        title=named["title"],
        what=named["what"],
        fires_now=bool(rows) and rows[0]["window_number"] == 0,
        is_suppressed=any(
            one.withdrawn_at_us is None and one.kind == DecisionKind.SUPPRESS and one.project is None for one in mine
        ),
        history=[_window(row) for row in rows],
        decisions=[decision_shown(one) for one in mine],
    )


def _window(row: Row) -> CheckWindow:
    return CheckWindow(
        window_from=row["window_from"],
        window_until=row["window_until"],
        findings=row["findings"],
        projects=row["projects"],
        requests=row["requests"],
        cost_usd=usd_from_picousd(row["spend_picousd"]),
        saving_usd=usd_from_picousd(row["saving_picousd"]),
    )


def _saving(row: Row) -> SavingShown:
    return SavingShown(
        decision_id=str(row["decision_id"]),
        check_id=row["check_id"],
        project=row["project"],
        provider=row["provider"],
        model=row["model"],
        other_model=row["other_model"],
        decided_at=shown_instant(row["decided_at"].replace(tzinfo=UTC)),
        quoted_saving_usd=known_usd_from_picousd(row["quoted_saving_picousd"]),
        state=row["state"],
        unit=row["unit"],
        counted_with=None if row["counted_with"] == row["decision_id"] else str(row["counted_with"]),
        before_from=row["before_from"],
        before_until=row["before_until"],
        after_from=row["after_from"],
        after_until=row["after_until"],
        requests_before=row["requests_before"],
        requests_after=row["requests_after"],
        units_after=row["units_after"],
        units_compared=row["units_compared"],
        before_per_1000_usd=known_usd_from_picousd(row["before_per_1000_picousd"]),
        after_per_1000_usd=known_usd_from_picousd(row["after_per_1000_picousd"]),
        saving_low_per_1000_usd=known_usd_from_picousd(row["saving_low_per_1000_picousd"]),
        saving_high_per_1000_usd=known_usd_from_picousd(row["saving_high_per_1000_picousd"]),
        realised_usd=usd_from_picousd(row["realised_picousd"]),
    )
