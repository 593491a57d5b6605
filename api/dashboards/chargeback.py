"""What cost centres and clients are charged for their projects.

Belongs here: spend with each project's mark-up, rolled up by cost centre. Does not belong here: setting mark-ups and
rates (`api.projects.settings`).

A mark-up is rounded once per project and period; sums are of the rounded amounts, so that a statement adds up. What an
hourly rate comes to depends on hours nobody here knows: the rate is shown, and how many hours of it the spend is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from api.cost_centres.centres import list_cost_centres
from api.currencies import amount_text
from api.dashboards.control import projects
from api.dashboards.cost_centres import WITHOUT_CENTRE
from api.dashboards.measures import NO_MONEY, Money, total
from api.dashboards.models.executive import ChargebackAnswer, ChargedCentre, ChargedProject, RateShown
from api.dashboards.money import divide_half_even, percent, usd_from_millicents
from api.dashboards.queries.asking import By
from api.dashboards.shown import answer_fields, ranked, spend_fields
from api.dashboards.view import View
from api.db.models import Project
from api.db.session import reading
from api.projects.settings import hourly_rate

WHOLE: Final = 10_000
"""Basis points of the whole."""


@dataclass(frozen=True, slots=True)
class _Charged:
    slug: str
    project: Project | None
    sums: Money
    markup_millicents: int


def chargeback(view: View) -> ChargebackAnswer:
    """Return every cost centre with spend in the period, and its projects with what they are charged on at."""
    known = projects(view.engine, view.workspace_id)
    with reading(view.engine) as session:
        centres = {centre.id: centre for centre in list_cost_centres(session, view.workspace_id)}
    members: dict[str | None, list[_Charged]] = {}
    for (slug,), sums in ranked(view.money(By.PROJECT)):
        project = known.get(slug)
        centre = project.cost_centre_id if project else None
        markup = markup_millicents(sums.metered_millicents, project.markup_basis_points if project else None)
        members.setdefault(centre if centre in centres else None, []).append(_Charged(slug, project, sums, markup))
    of = {key: total((one.sums for one in group), NO_MONEY) for key, group in members.items()}
    spent = total(of.values(), NO_MONEY).metered_millicents
    names: Mapping[str | None, str | None] = {key: centre.name for key, centre in centres.items()}
    everything = [one for group in members.values() for one in group]
    return ChargebackAnswer(
        **answer_fields(view),
        markup_usd=usd_from_millicents(_markups(everything)),
        charge_usd=usd_from_millicents(spent + _markups(everything)),
        cost_centres=[
            ChargedCentre(
                **spend_fields(sums),
                cost_centre=centres[key].slug if key else None,
                name=centres[key].name if key else WITHOUT_CENTRE,
                share_percent=percent(sums.metered_millicents, spent),
                markup_usd=usd_from_millicents(_markups(members[key])),
                charge_usd=usd_from_millicents(sums.metered_millicents + _markups(members[key])),
                projects=[_shown(view, one) for one in members[key]],
            )
            for key, sums in ranked(of, names)
        ],
    )


def markup_millicents(cost_millicents: int, basis_points: int | None) -> int:
    """Return what a mark-up adds to a cost, rounded half-even to whole millicents."""
    return divide_half_even(cost_millicents * basis_points, WHOLE) if basis_points else 0


def _markups(charged: Iterable[_Charged]) -> int:
    return sum(one.markup_millicents for one in charged)


def _shown(view: View, one: _Charged) -> ChargedProject:
    project, spent = one.project, one.sums.metered_millicents
    basis_points = project.markup_basis_points if project else None
    return ChargedProject(
        **spend_fields(one.sums),
        project=one.slug,
        display_name=project.display_name if project else None,
        client_name=project.client_name if project else None,
        basis=_basis(project),
        markup_percent=None if basis_points is None else percent(basis_points, WHOLE),
        markup_usd=usd_from_millicents(one.markup_millicents),
        charge_usd=usd_from_millicents(spent + one.markup_millicents),
        hourly_rate=_rate(project, spent),
        path=view.path("projects", one.slug, filters=view.filters.without_projects()),
    )


def _basis(project: Project | None) -> Literal["markup", "hourly_rate", "at_cost"]:
    if project is not None and project.markup_basis_points is not None:
        return "markup"
    return "hourly_rate" if project is not None and hourly_rate(project) is not None else "at_cost"


def _rate(project: Project | None, spent: int) -> RateShown | None:
    rate = hourly_rate(project) if project else None
    if rate is None:
        return None
    hours = None
    if rate.currency == "USD" and rate.millicents > 0:
        hundredths = divide_half_even(spent * 100, rate.millicents)
        hours = f"{hundredths // 100}.{hundredths % 100:02}"
    return RateShown(amount=amount_text(rate.millicents), currency=rate.currency, hours_of_cost=hours)
