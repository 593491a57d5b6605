"""Recommendations, the catalogue of checks, and what accepted ones saved.

Belongs here: these marts of the analysis as they are shown, with what was decided since. Does not belong here: finding
and measuring (`dbt_project`, `models/analysis/optimisation`), deciding (`api.optimisation`).

A decision taken after the analysis holds at once: what was silenced is left out here, before the next analysis does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec

from api.dashboards.analysed import AnalysedView, analysis_fields
from api.dashboards.clusters import samples
from api.dashboards.control import projects
from api.dashboards.models.optimisation import (
    CatalogAnswer,
    CheckShown,
    CheckWindow,
    DecisionShown,
    FindingShown,
    OptimisationAnswer,
    SavingsAnswer,
    SavingShown,
)
from api.dashboards.money import known_usd_from_picousd, usd_from_picousd
from api.dashboards.shown import filters_shown
from api.dashboards.view import View, shown_instant
from api.db.models import OptimisationDecision
from api.db.session import reading
from api.optimisation.decisions import About, DecisionKind, list_decisions, silences
from pipelines.lake.clock import from_micros, iso_utc

Row = dict[str, Any]
_FINDINGS: Final = """
    select * from mart_optimisation_findings
    where workspace_id = $workspace_id
    order by saving_30d_picousd desc, check_id, finding_id
"""
_ONE: Final = "select * from mart_optimisation_findings where workspace_id = $workspace_id and finding_id = $finding_id"
_HISTORY: Final = """
    select * from mart_optimisation_history
    where workspace_id = $workspace_id
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


def findings(analysed: AnalysedView) -> OptimisationAnswer:
    """Return the recommendations, the largest saving first.

    A recommendation is about a project and a model on all machines; a filter by machine leaves none.
    """
    view = analysed.view
    standing = [one for one in _decisions(view) if one.withdrawn_at_us is None]
    told = [row for row in analysed.records(_FINDINGS) if not any(silences(one, about(row)) for one in standing)]
    accepted = _accepted(told, standing)
    counted = _counted(told, accepted)
    rows = [row for row in told if _matches(view, row)]
    names = projects(view.engine, view.workspace_id)
    return OptimisationAnswer(
        **analysis_fields(analysed),
        filters=filters_shown(view.filters),
        saving_30d_usd=usd_from_picousd(sum(counted[row["finding_id"]] for row in rows)),
        findings=[
            _finding(
                view,
                row,
                names[row["project"]].display_name if row["project"] in names else None,
                accepted.get(row["finding_id"]),
                counted[row["finding_id"]],
            )
            for row in rows
        ],
    )


def find_finding(analysed: AnalysedView, finding_id: str) -> About | None:
    """Return what a recommendation of the present analysis is about; None when there is no such one."""
    found = analysed.records(_ONE, {"finding_id": finding_id})
    return about(found[0]) if found else None


def catalog(analysed: AnalysedView) -> CatalogAnswer:
    """Return every check that fired, with its history and what was decided about it, the latter however long ago.

    A filter narrows the history to its projects, providers and models; a filter by machine leaves none.
    """
    decided = _decisions(analysed.view)
    history: dict[str, list[Row]] = {}
    for row in analysed.records(_HISTORY):
        if _matches(analysed.view, row):
            history.setdefault(row["check_id"], []).append(row)
    named = {rows[0]["check_id"]: rows[0] for rows in history.values()}
    # What fired before the windows that are looked at is known by what was decided about it.
    for row in analysed.analysis.of("mart_optimisation_decided", _DECIDED, analysed.view.workspace_id):
        if _matches(analysed.view, row):
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
    rows = [row for row in analysed.records(_SAVINGS) if _matches(analysed.view, row)]
    return SavingsAnswer(
        **analysis_fields(analysed),
        filters=filters_shown(analysed.view.filters),
        realised_usd=usd_from_picousd(sum(row["realised_picousd"] for row in rows)),
        regressed=sum(row["state"] == "regressed" and row["decision_id"] == row["counted_with"] for row in rows),
        savings=[_saving(row) for row in rows],
    )


def about(row: Row) -> About:
    """Return what a row of the findings is about, as decisions name it."""
    return About(
        check_id=row["check_id"],
        project=row["project"],
        provider=row["provider"],
        model=row["model"],
        other_model=row["other_model"],
        finding_id=row["finding_id"],
        quoted_saving_picousd=row["saving_30d_picousd"],
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


def _decisions(view: View) -> Sequence[OptimisationDecision]:
    with reading(view.engine) as session:
        return list_decisions(session, view.workspace_id)


def _accepted(rows: Iterable[Row], standing: Sequence[OptimisationDecision]) -> dict[str, str]:
    """Return the decision that accepted each accepted finding, by finding."""
    by_finding = {one.finding_id: one.id for one in standing if one.kind == DecisionKind.ACCEPT and one.finding_id}
    told: set[str] = {row["finding_id"] for row in rows}
    return {finding_id: by_finding[finding_id] for finding_id in told & by_finding.keys()}


def _counted(rows: Iterable[Row], accepted: dict[str, str]) -> dict[str, int]:
    """Return each open finding's part in the total: of one project and model, the largest alone."""
    largest: dict[tuple[str | None, ...], str] = {}
    counted: dict[str, int] = {}
    for row in rows:  # the largest first
        scope = row["project"], row["provider"], row["model"]
        finding_id: str = row["finding_id"]
        is_open = finding_id not in accepted
        if is_open:
            largest.setdefault(scope, finding_id)
        counted[finding_id] = row["saving_30d_picousd"] if is_open and largest[scope] == finding_id else 0
    return counted


def _matches(view: View, row: Row) -> bool:
    wanted = view.filters
    return (
        not wanted.devices
        and (not wanted.projects or row["project"] in wanted.projects)
        and (not wanted.providers or row["provider"] in wanted.providers)
        and (not wanted.models or row["model"] in wanted.models)
    )


def _finding(view: View, row: Row, display_name: str | None, decision_id: str | None, counted: int) -> FindingShown:
    return FindingShown(
        finding_id=row["finding_id"],
        check_id=row["check_id"],
        title=row["title"],
        sentence=row["sentence"],
        state="open" if decision_id is None else "accepted",
        decision_id=decision_id,
        project=row["project"],
        display_name=display_name,
        provider=row["provider"],
        model=row["model"],
        other_model=row["other_model"],
        requests=row["requests"],
        window_from=row["window_from"],
        window_until=row["window_until"],
        cost_usd=usd_from_picousd(row["spend_picousd"]),
        saving_30d_usd=usd_from_picousd(row["saving_30d_picousd"]),
        counted_saving_usd=usd_from_picousd(counted),
        overlaps_with=row["overlaps_with"],
        confidence=row["confidence"],
        confidence_reason=row["confidence_reason"],
        evidence=msgspec.json.decode(row["evidence"]),
        sample_requests=samples(view, row["sample_request_ids"]),
    )


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
        history=[_window(list(found)) for _, found in groupby(rows, key=itemgetter("window_number"))],
        decisions=[decision_shown(one) for one in mine],
    )


def _window(rows: Sequence[Row]) -> CheckWindow:
    return CheckWindow(
        window_from=rows[0]["window_from"],
        window_until=rows[0]["window_until"],
        findings=len(rows),
        projects=len({row["project"] for row in rows} - {None}),
        requests=sum(row["requests"] for row in rows),
        cost_usd=usd_from_picousd(sum(row["spend_picousd"] for row in rows)),
        saving_usd=usd_from_picousd(sum(row["saving_picousd"] for row in rows)),
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
