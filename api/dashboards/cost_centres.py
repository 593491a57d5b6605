"""Spend per cost centre.

Belongs here: rolling the projects' sums up by the centre each is assigned to now. Does not belong here: creating and
assigning centres (`api.cost_centres`, `api.projects.settings`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final, TypedDict

from api.cost_centres.centres import list_cost_centres
from api.dashboards.control import projects
from api.dashboards.measures import NO_MONEY, Money, total
from api.dashboards.models.cost_centres import CentreProject, CostCentresAnswer, CostCentreSpend
from api.dashboards.money import percent, usd_from_millicents
from api.dashboards.queries.asking import By
from api.dashboards.shown import answer_fields, ranked, spend_fields
from api.dashboards.view import View
from api.db.models import Project
from api.db.session import reading

WITHOUT_CENTRE: Final = "Without a cost centre"


def cost_centre_list(view: View) -> CostCentresAnswer:
    """Return every cost centre of the workspace, those without spend included; archived ones only with projects."""
    known = projects(view.engine, view.workspace_id)
    with reading(view.engine) as session:
        centres = {centre.id: centre for centre in list_cost_centres(session, view.workspace_id)}
    current, previous = (
        {key[0]: sums for key, sums in view.money(By.PROJECT, span=span).items()}
        for span in (view.period.current, view.period.previous)
    )
    members: defaultdict[str | None, list[str]] = defaultdict(list)
    for slug in {*known, *current, *previous}:
        project = known.get(slug)
        members[project.cost_centre_id if project else None].append(slug)
    wanted = [one.id for one in centres.values() if one.archived_at_us is None or one.id in members]
    of = {key: _sum(members[key], current) for key in (*wanted, *([None] if members.get(None) else []))}
    spent = total(current.values(), NO_MONEY).metered_millicents
    names: dict[str | None, str | None] = {key: centre.name for key, centre in centres.items()}
    return CostCentresAnswer(
        **answer_fields(view),
        cost_centres=[
            CostCentreSpend(
                **spend_fields(sums),
                **_compared(sums.metered_millicents, _sum(members[key], previous).metered_millicents),
                cost_centre=centres[key].slug if key else None,
                name=centres[key].name if key else WITHOUT_CENTRE,
                archived=key is not None and centres[key].archived_at_us is not None,
                share_percent=percent(sums.metered_millicents, spent),
                projects=_members(view, {slug: current.get(slug, NO_MONEY) for slug in members[key]}, known),
            )
            for key, sums in ranked(of, names)
        ],
    )


def _sum(slugs: list[str], sums: Mapping[str, Money]) -> Money:
    return total((sums[slug] for slug in slugs if slug in sums), NO_MONEY)


class _Compared(TypedDict):
    previous_cost_usd: str
    change_usd: str
    change_percent: str | None


def _compared(spent: int, before: int) -> _Compared:
    return _Compared(
        previous_cost_usd=usd_from_millicents(before),
        change_usd=usd_from_millicents(spent - before),
        change_percent=percent(spent - before, before),
    )


def _members(view: View, sums: Mapping[str, Money], known: Mapping[str, Project]) -> list[CentreProject]:
    return [
        CentreProject(
            **spend_fields(part),
            project=slug,
            display_name=known[slug].display_name if slug in known else None,
            path=view.path("projects", slug, filters=view.filters.without_projects()),
        )
        for slug, part in ranked(sums)
    ]
