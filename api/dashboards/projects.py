"""All projects, and one project.

Belongs here: the list and the project view, from roll-ups, with the newest requests beside. Does not belong here:
renaming or archiving (`api.projects`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final

from api.dashboards.control import projects
from api.dashboards.measures import NO_MONEY, Measures, Money, total
from api.dashboards.models.projects import (
    DayPoint,
    DaysPoint,
    DeviceShare,
    ModelShare,
    ProjectAnswer,
    ProjectsAnswer,
    ProjectShown,
    ProjectState,
    ProjectSummary,
    SpendOverTime,
)
from api.dashboards.money import percent, usd_from_millicents
from api.dashboards.periods import DAY, days_span, month_start, week_start
from api.dashboards.queries.asking import By, Key
from api.dashboards.queries.dimensions import model_names, project_known
from api.dashboards.queries.spend import last_active_days
from api.dashboards.requests import newest
from api.dashboards.shown import answer_fields, cost_per_request, listed_days, ranked, spend_fields, token_kinds
from api.dashboards.view import View
from api.db.models import Project
from api.errors import not_found
from pipelines.lake.clock import from_micros, iso_utc
from pipelines.lake.row_lookup import NO_PROJECT

RECENT_REQUESTS: Final = 100
WEEK: Final = 7 * DAY


def project_list(view: View) -> ProjectsAnswer:
    """Return every project of the workspace, those without spend in the period included."""
    current, previous = view.money(By.PROJECT), view.money(By.PROJECT, span=view.period.previous)
    withheld: dict[str, int] = {}
    for rows in view.withheld():
        withheld[rows.project] = withheld.get(rows.project, 0) + rows.requests
    known = projects(view.engine, view.workspace_id)
    active = last_active_days(view.marts, view.asking)
    named = {*known, *withheld, *active, *(key[0] for key in [*current, *previous])}
    if view.filters.projects:
        named &= set(view.filters.projects)
    spent = total(current.values(), NO_MONEY).metered_millicents
    shown = ranked({slug: current.get((slug,), NO_MONEY) for slug in named})
    return ProjectsAnswer(
        **answer_fields(view),
        projects=[
            _summary(view, slug, known.get(slug), sums, previous.get((slug,), NO_MONEY), spent, withheld, active)
            for slug, sums in shown
        ],
    )


def _summary(
    view: View,
    slug: str,
    project: Project | None,
    sums: Money,
    before: Money,
    spent: int,
    withheld: Mapping[str, int],
    active: Mapping[str, date],
) -> ProjectSummary:
    change = sums.metered_millicents - before.metered_millicents
    return ProjectSummary(
        **spend_fields(sums),
        project=slug,
        display_name=project.display_name if project else None,
        client_name=project.client_name if project else None,
        state=_state(slug, project),
        withheld_requests=withheld.get(slug, 0),
        previous_cost_usd=usd_from_millicents(before.metered_millicents),
        change_usd=usd_from_millicents(change),
        change_percent=percent(change, before.metered_millicents),
        share_percent=percent(sums.metered_millicents, spent),
        last_active_day=active.get(slug),
        path=view.path("projects", slug, filters=view.filters.without_projects()),
    )


def _state(slug: str, project: Project | None) -> ProjectState:
    if project is None:
        return "not_shared" if slug == NO_PROJECT else "active"
    if project.archived_at_us is not None:
        return "archived"
    return "over_ceiling" if project.over_ceiling else "active"


def project_view(view: View, slug: str, *, recent: int = RECENT_REQUESTS) -> ProjectAnswer:
    """Return everything about one project; the view's filter is already on it.

    Args:
        view: what it is read from.
        slug: of the project.
        recent: most of its newest requests; 0 leaves them out.

    Raises:
        Refused: 404 `project_not_found`.
    """
    project = projects(view.engine, view.workspace_id).get(slug)
    if project is None and not project_known(view.marts, view.workspace_id, slug):
        raise not_found("project_not_found", "No such project.")
    by_day, by_model = view.money(By.DAY), view.spend(By.PROVIDER, By.MODEL)
    sums = total(by_day.values(), NO_MONEY)
    before = total(view.money(span=view.period.previous).values(), NO_MONEY).metered_millicents
    return ProjectAnswer(
        **answer_fields(view, by_model.values()),
        project=_project_shown(slug, project),
        previous_cost_usd=usd_from_millicents(before),
        change_percent=percent(sums.metered_millicents - before, before),
        spend_over_time=_over_time(view, by_day),
        by_device=_by_device(view, sums.metered_millicents),
        by_model=_by_model(view, by_model, sums.metered_millicents),
        recent_requests=newest(view, recent) if recent else [],
    )


def _project_shown(slug: str, project: Project | None) -> ProjectShown:
    archived_at_us = project.archived_at_us if project else None
    return ProjectShown(
        project=slug,
        display_name=project.display_name if project else None,
        client_name=project.client_name if project else None,
        state=_state(slug, project),
        first_seen_at=iso_utc(from_micros(project.first_seen_at_us)) if project else None,
        archived_at=iso_utc(from_micros(archived_at_us)) if archived_at_us is not None else None,
    )


def _over_time(view: View, by_day: dict[Key, Money]) -> SpendOverTime:
    sums = {day: part for (day,), part in by_day.items()}
    days = listed_days(view.period.current, view.period.today, sums)

    def points(start: Callable[[date], date]) -> list[DaysPoint]:
        groups: dict[date, list[date]] = {}
        for day in days:
            groups.setdefault(start(day), []).append(day)
        return [_days_point(starts_on, group, sums) for starts_on, group in groups.items()]

    return SpendOverTime(
        daily=[_day_point(day, sums.get(day, NO_MONEY)) for day in days],
        weekly=points(week_start),
        monthly=points(month_start),
    )


def _day_point(day: date, sums: Money) -> DayPoint:
    return DayPoint(**spend_fields(sums), cost_per_request_usd=cost_per_request(sums), day=day)


def _days_point(starts_on: date, days: list[date], by_day: Mapping[date, Money]) -> DaysPoint:
    sums = total((by_day[day] for day in days if day in by_day), NO_MONEY)
    return DaysPoint(
        **spend_fields(sums),
        cost_per_request_usd=cost_per_request(sums),
        starts_on=starts_on,
        first_day=days[0],
        last_day=days[-1],
    )


def _by_device(view: View, spent: int) -> list[DeviceShare]:
    end = view.period.today + DAY
    current = view.money(By.DEVICE)
    week = view.money(By.DEVICE, span=days_span(end - WEEK, end, view.time_zone))
    week_before = view.money(By.DEVICE, span=days_span(end - 2 * WEEK, end - WEEK, view.time_zone))
    names = view.device_names
    seen: Iterable[str] = {key[0] for sums in (current, week, week_before) for key in sums}
    shown = ranked({device: current.get((device,), NO_MONEY) for device in seen}, names)

    def share(device: str, sums: Money) -> DeviceShare:
        this = week.get((device,), NO_MONEY).metered_millicents
        last = week_before.get((device,), NO_MONEY).metered_millicents
        return DeviceShare(
            **spend_fields(sums),
            device_id=device,
            name=names.get(device),
            share_percent=percent(sums.metered_millicents, spent),
            last_7_days_usd=usd_from_millicents(this),
            previous_7_days_usd=usd_from_millicents(last),
            week_over_week_usd=usd_from_millicents(this - last),
            week_over_week_percent=percent(this - last, last),
        )

    return [share(device, sums) for device, sums in shown]


def _by_model(view: View, by_model: dict[Key, Measures], spent: int) -> list[ModelShare]:
    names = model_names(view.marts, [(provider, model) for provider, model in by_model])
    return [
        ModelShare(
            **spend_fields(sums),
            provider=provider,
            model=model,
            display_name=names.get((provider, model)),
            share_percent=percent(sums.metered_millicents, spent),
            cost_per_request_usd=cost_per_request(sums),
            tokens=token_kinds(sums),
        )
        for (provider, model), sums in ranked(by_model)
    ]
