"""Recommendations: what to change, and what that would have saved.

Belongs here: the findings of the analysis as they are shown, with what was decided since, in pages. Does not belong
here: finding them (`dbt_project`, `models/analysis/optimisation`), the catalogue and savings (`optimisation`), deciding
(`api.optimisation`).

A decision taken after the analysis holds at once: what was silenced is left out here, before the next analysis does.
The total is of all of them; only a page of them is read whole.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from api.dashboards.analysed import AnalysedView, analysis_fields
from api.dashboards.clusters import samples
from api.dashboards.control import projects
from api.dashboards.filters import FilterError
from api.dashboards.models.optimisation import FindingShown, OptimisationAnswer
from api.dashboards.money import usd_from_picousd
from api.dashboards.optimisation import decisions_of, matches
from api.dashboards.requests import LIMIT_DEFAULT
from api.dashboards.shown import filters_shown
from api.dashboards.view import View
from api.db.models import OptimisationDecision
from api.optimisation.decisions import About, DecisionKind, silences

Row = dict[str, Any]
_POSITION: Final = re.compile(r"f1:(-?\d{1,39}):([a-z0-9_]{1,64}):([0-9a-f]{64})", re.ASCII)
_CURSOR_LENGTH_MAX: Final = 300
_FINDINGS: Final = """
    select finding_id, check_id, project, provider, model, other_model, saving_30d_picousd
    from mart_optimisation_findings
    where workspace_id = $workspace_id
    order by saving_30d_picousd desc, check_id, finding_id
"""
_WHOLE: Final = """
    select * from mart_optimisation_findings
    where workspace_id = $workspace_id and list_contains($finding_ids::varchar[], finding_id)
"""


@dataclass(frozen=True)
class FindingPosition:
    """A place in the order (saving descending, check, finding)."""

    saving_picousd: int
    check_id: str
    finding_id: str

    @classmethod
    def of(cls, row: Row) -> FindingPosition:
        """Return a row's place."""
        return cls(row["saving_30d_picousd"], row["check_id"], row["finding_id"])

    def is_before(self, row: Row) -> bool:
        """Return whether a row comes later."""
        mine = (-self.saving_picousd, self.check_id, self.finding_id)
        return mine < (-row["saving_30d_picousd"], row["check_id"], row["finding_id"])


@dataclass(frozen=True)
class FindingPage:
    """Which page of the recommendations is asked for.

    Attributes:
        limit: most of them; None for all.
        after: the last one of the page before; None for the first page.
    """

    limit: int | None = LIMIT_DEFAULT
    after: FindingPosition | None = None


def parse_finding_cursor(text: str | None) -> FindingPosition | None:
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
        raise FilterError(_REFUSAL) from None
    found = _POSITION.fullmatch(decoded) if len(text) <= _CURSOR_LENGTH_MAX else None
    if found is None:
        raise FilterError(_REFUSAL)
    return FindingPosition(int(found[1]), found[2], found[3])


def findings(analysed: AnalysedView, page: FindingPage | None = None) -> OptimisationAnswer:
    """Return a page of the recommendations, the largest saving first; the first page unless another is asked for.

    A recommendation is about a project and a model on all machines; a filter by machine leaves none.
    """
    page, view = page or FindingPage(), analysed.view
    standing = [one for one in decisions_of(view) if one.withdrawn_at_us is None]
    told = [row for row in analysed.records(_FINDINGS) if not any(silences(one, about(row)) for one in standing)]
    accepted = _accepted(told, standing)
    counted = _counted(told, accepted)
    rows = [row for row in told if matches(view, row)]
    later = rows if page.after is None else [row for row in rows if page.after.is_before(row)]
    shown = later if page.limit is None else later[: page.limit]
    of_page = [row["finding_id"] for row in shown]
    whole = {row["finding_id"]: row for row in analysed.records(_WHOLE, {"finding_ids": of_page})} if of_page else {}
    names = {slug: one.display_name for slug, one in projects(view.engine, view.workspace_id).items()}
    return OptimisationAnswer(
        **analysis_fields(analysed),
        filters=filters_shown(view.filters),
        saving_30d_usd=usd_from_picousd(sum(counted[row["finding_id"]] for row in rows)),
        open_findings=sum(row["finding_id"] not in accepted for row in rows),
        accepted_findings=sum(row["finding_id"] in accepted for row in rows),
        findings=[_finding(view, whole[one], names, accepted.get(one), counted[one]) for one in of_page],
        limit=len(rows) if page.limit is None else page.limit,
        next_cursor=_cursor(shown[-1]) if len(later) > len(shown) else None,
    )


def find_finding(analysed: AnalysedView, finding_id: str) -> About | None:
    """Return what a recommendation of the present analysis is about; None when there is no such one."""
    found = analysed.records(_WHOLE, {"finding_ids": [finding_id]})
    return about(found[0]) if found else None


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


def _cursor(row: Row) -> str:
    place = FindingPosition.of(row)
    text = f"f1:{place.saving_picousd}:{place.check_id}:{place.finding_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _finding(
    view: View, row: Row, names: Mapping[str, str | None], decision_id: str | None, counted: int
) -> FindingShown:
    return FindingShown(
        finding_id=row["finding_id"],
        check_id=row["check_id"],
        title=row["title"],
        sentence=row["sentence"],
        state="open" if decision_id is None else "accepted",
        decision_id=decision_id,
        project=row["project"],
        display_name=names.get(row["project"]),
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


_REFUSAL: Final = "cursor must be the next_cursor of an earlier answer."
