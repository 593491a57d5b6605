"""The overview: headline numbers, budget, spend by day, top projects and models, sync banner.

Belongs here: what the landing page shows, from roll-ups only. Does not belong here: the list of all projects
(`projects`), HTTP (`serving`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from api.dashboards.control import Sync, projects, workspace_budget
from api.dashboards.filters import Filters
from api.dashboards.measures import NO_MONEY, Measures, Money, total
from api.dashboards.models.overview import (
    BudgetVariance,
    ChartPoint,
    Headline,
    HeadlineNumber,
    OverviewAnswer,
    ProviderSpend,
    SpendChart,
    SyncShown,
    TopModel,
    TopProject,
)
from api.dashboards.money import percent, usd_from_millicents
from api.dashboards.periods import (
    BUCKET,
    BUCKETS_PER_24_HOURS,
    DAY,
    day_start,
    days_span,
    local_day,
    month_start,
    next_month,
    previous_month,
)
from api.dashboards.queries.asking import By, Key
from api.dashboards.queries.dimensions import model_names
from api.dashboards.queries.spend import folded, money_by_month
from api.dashboards.shown import answer_fields, listed_days, ranked, spend_fields
from api.dashboards.view import View, shown_instant
from api.devices import DeviceState

TOP: Final = 5
Slot = tuple[date, datetime]
"""A chart point's local day and first instant (UTC)."""


def overview(view: View) -> OverviewAnswer:
    """Return the overview of a workspace."""
    column = By.BUCKET if view.period.current.grain == "15min" else By.DAY
    by_model, (by_slot, by_project) = view.spend_and_money(
        (By.PROVIDER, By.MODEL), (column, By.PROVIDER), (By.PROJECT,)
    )
    month = month_start(view.period.today)
    by_month = money_by_month(view.marts, view.asking, previous_month(month), month)
    return OverviewAnswer(
        **answer_fields(view, by_model.values()),
        headline=_headline(view, by_month, by_slot),
        budget=_budget(view, by_month),
        daily=_chart(view, by_slot),
        top_projects=_top_projects(view, by_project),
        top_models=_top_models(view, by_model),
        sync=sync_shown(view.sync),
    )


def sync_shown(sync: Sync) -> SyncShown:
    """Return the banner with its counts of devices."""
    return SyncShown(
        colour=sync.colour,
        devices=len(sync.states),
        active=sync.states.count(DeviceState.ACTIVE),
        degraded=sync.states.count(DeviceState.DEGRADED),
        paused=sync.states.count(DeviceState.PAUSED),
        not_configured=sync.states.count(DeviceState.NOT_CONFIGURED),
    )


def _headline(view: View, by_month: Mapping[date, Money], by_slot: Mapping[Key, Money]) -> Headline:
    today, current = view.period.today, view.period.current
    if current.grain == "day" and current.first_day <= today < current.end_day:
        running = total((sums for (day, _), sums in by_slot.items() if day == today), NO_MONEY)
    else:
        running = total(view.money(span=days_span(today, today + DAY, view.time_zone)).values(), NO_MONEY)
    return Headline(
        today=HeadlineNumber(**spend_fields(running), from_day=today, to_day=today),
        this_month=_month_number(by_month, month_start(today)),
        last_month=_month_number(by_month, previous_month(today)),
    )


def _month_number(by_month: Mapping[date, Money], month: date) -> HeadlineNumber:
    sums = by_month.get(month, NO_MONEY)
    return HeadlineNumber(**spend_fields(sums), from_day=month, to_day=next_month(month) - DAY)


def _budget(view: View, by_month: Mapping[date, Money]) -> BudgetVariance | None:
    budget = workspace_budget(view.engine, view.workspace_id)
    if budget is None:
        return None
    month = month_start(view.period.today)
    # A budget is the whole workspace's: a filter must not make it look kept.
    if view.filters.narrows:
        everything = replace(view.asking, filters=Filters())
        by_month = money_by_month(view.marts, everything, month, month)
    sums = by_month.get(month, NO_MONEY)
    spent = sums.metered_millicents
    return BudgetVariance(
        monthly_budget_usd=usd_from_millicents(budget),
        spent_usd=usd_from_millicents(spent),
        variance_usd=usd_from_millicents(spent - budget),
        used_percent=percent(spent, budget),
        variance_percent=percent(spent - budget, budget),
        unpriced_requests=sums.unpriced_requests,
    )


def _chart(view: View, current: Mapping[Key, Money]) -> SpendChart:
    by_bucket = view.period.current.grain == "15min"
    before = view.money(By.BUCKET if by_bucket else By.DAY, span=view.period.previous)
    slots = _bucket_slots(view) if by_bucket else _day_slots(view, {key[0] for key in current})
    baseline = total(before.values(), NO_MONEY).metered_millicents
    spent = total(current.values(), NO_MONEY).metered_millicents
    providers = [provider for provider, _ in ranked(folded(current, 1))]
    return SpendChart(
        bucket="15min" if by_bucket else "day",
        providers=providers,
        points=[_point(view, slot, baseline, current, before, providers) for slot, baseline in slots],
        baseline_cost_usd=usd_from_millicents(baseline),
        change_percent=percent(spent - baseline, baseline),
    )


def _point(
    view: View,
    slot: Slot,
    baseline: Slot | None,
    current: Mapping[Key, Money],
    before: Mapping[Key, Money],
    providers: list[str],
) -> ChartPoint:
    at = 1 if view.period.current.grain == "15min" else 0
    layers = [(provider, current[slot[at], provider]) for provider in providers if (slot[at], provider) in current]
    sums = total((layer for _, layer in layers), NO_MONEY)
    matched = before.get((baseline[at],), NO_MONEY) if baseline else None
    return ChartPoint(
        day=slot[0],
        starts_at=shown_instant(slot[1]),
        cost_usd=usd_from_millicents(sums.metered_millicents),
        requests=sums.requests,
        unpriced_requests=sums.unpriced_requests,
        by_provider=[
            ProviderSpend(provider=provider, cost_usd=usd_from_millicents(layer.metered_millicents))
            for provider, layer in layers
        ],
        baseline_day=baseline[0] if baseline else None,
        baseline_starts_at=shown_instant(baseline[1]) if baseline else None,
        baseline_cost_usd=usd_from_millicents(matched.metered_millicents) if matched else None,
    )


def _day_slots(view: View, days_with_requests: set[date]) -> list[tuple[Slot, Slot | None]]:
    current, previous = view.period.current, view.period.previous
    slots: list[tuple[Slot, Slot | None]] = []
    for day in listed_days(current, view.period.today, days_with_requests):
        counterpart = previous.first_day + (day - current.first_day)
        has_one = counterpart < previous.end_day
        baseline = (counterpart, day_start(counterpart, view.time_zone)) if has_one else None
        slots.append(((day, day_start(day, view.time_zone)), baseline))
    return slots


def _bucket_slots(view: View) -> list[tuple[Slot, Slot | None]]:
    def slot(begin: datetime, number: int) -> Slot:
        starts_at = begin + number * BUCKET
        return local_day(starts_at, view.time_zone), starts_at

    current, previous = view.period.current.starts_at, view.period.previous.starts_at
    return [(slot(current, number), slot(previous, number)) for number in range(BUCKETS_PER_24_HOURS)]


def _top_projects(view: View, by_project: Mapping[Key, Money]) -> list[TopProject]:
    spent = total(by_project.values(), NO_MONEY).metered_millicents
    known = projects(view.engine, view.workspace_id)
    return [
        TopProject(
            **spend_fields(sums),
            project=slug,
            display_name=known[slug].display_name if slug in known else None,
            share_percent=percent(sums.metered_millicents, spent),
            path=view.path("projects", slug, filters=view.filters.without_projects()),
        )
        for (slug,), sums in ranked(by_project)[:TOP]
    ]


def _top_models(view: View, by_model: dict[Key, Measures]) -> list[TopModel]:
    spent = total(by_model.values(), NO_MONEY).metered_millicents
    top = ranked(by_model)[:TOP]
    names = model_names(view.marts, [(provider, model) for (provider, model), _ in top])
    return [
        TopModel(
            **spend_fields(sums),
            provider=provider,
            model=model,
            display_name=names.get((provider, model)),
            share_percent=percent(sums.metered_millicents, spent),
            path=view.path("requests", filters=view.filters.only_model(provider, model)),
        )
        for (provider, model), sums in top
    ]
