"""Charts of where spend is going and of what was saved: the month's end, unusual hours, cost centres, savings.

Belongs here: their specifications. Does not belong here: colours (`themes`), rows.
"""

from __future__ import annotations

from typing import Any, Final

import altair as alt

from pipelines.charts.drawing import specification
from pipelines.charts.spending import AXIS_DOLLARS, DOLLARS, FIT_WIDTH, data, shares

_DAYS: Final = "timeFormat(datum.value, '%-d %b')"
_DAYS_OR_HOURS: Final = "timeFormat(datum.value, hours(datum.value) == 0 ? '%-d %b' : '%H:%M')"
_JUST_BELOW: Final = "(datum.budget_usd >= datum.expected_usd && datum.budget_usd < datum.expected_usd * 1.2)"
"""Where the budget's line would go through words over what is expected: they stand below the interval then."""
_PER_THOUSAND: Final = "$,.4~f"


@specification(
    "month-forecast",
    "at",
    "when",
    "actual_usd",
    "expected_usd",
    "low_usd",
    "high_usd",
    "budget_usd",
    "label",
    "budget_label",
)
def month_forecast() -> Any:
    """Draw a month's spend by the end of each day: what it was, what is expected with its interval, and the budget.

    A day that is over has `actual_usd`, one that is not the other three; `label` stands at the last day, `budget_label`
    at the first.
    """
    base = alt.Chart(data())
    x = alt.X("at:T", title=None, axis=alt.Axis(labelExpr=_DAYS, tickCount=8, labelOverlap=True, grid=False))
    said = [alt.Tooltip("when:N", title="By the end of")]
    spent = (
        base.transform_filter("isValid(datum.actual_usd)")
        .mark_area(color="@series-1", opacity=0.25, line={"color": "@series-1", "strokeWidth": 2.5})
        .encode(
            x=x,
            y=alt.Y("actual_usd:Q", title=None, axis=AXIS_DOLLARS),
            tooltip=[*said, alt.Tooltip("actual_usd:Q", title="Spent", format=DOLLARS)],
        )
    )
    ahead = base.transform_filter("isValid(datum.expected_usd)")
    tooltip = [
        *said,
        alt.Tooltip("expected_usd:Q", title="Expected", format=DOLLARS),
        alt.Tooltip("low_usd:Q", title="At least (80 %)", format=DOLLARS),
        alt.Tooltip("high_usd:Q", title="At most (80 %)", format=DOLLARS),
    ]
    band = ahead.mark_area(color="@series-2", opacity=0.2).encode(x=x, y="low_usd:Q", y2="high_usd:Q", tooltip=tooltip)
    line = ahead.mark_line(color="@series-2", strokeWidth=2.25, strokeDash=[6, 4], tooltip=True).encode(
        x=x, y="expected_usd:Q", tooltip=tooltip
    )
    words = [
        base.transform_filter(f"isValid(datum.label) && {where}")
        .mark_text(align="right", dx=-4, dy=dy, fontWeight=600, color="@ink")
        .encode(x=x, y=y, text="label:N")
        for where, y, dy in ((f"!({_JUST_BELOW})", "expected_usd:Q", -12), (_JUST_BELOW, "low_usd:Q", 14))
    ]
    limit = (
        base.transform_filter("isValid(datum.budget_usd)")
        .mark_line(color="@bad", strokeWidth=1.5)
        .encode(x=x, y="budget_usd:Q")
    )
    limit_words = (
        base.transform_filter("isValid(datum.budget_label)")
        .mark_text(align="left", dx=2, dy=-8, color="@bad", fontWeight=600)
        .encode(x=x, y="budget_usd:Q", text="budget_label:N")
    )
    return alt.layer(spent, band, line, limit, *words, limit_words).properties(width="container", height=260)


@specification("unusual-hours", "at", "when", "name", "spent_usd", "expected_usd", "limit_usd")
def unusual_hours() -> Any:
    """Draw each unusual hour as a point over what it would have cost as usual, joined by a line.

    Rows of which only `at` is known are the ends of the period.
    """
    every = alt.Chart(data())
    base = every.transform_filter("isValid(datum.spent_usd)")
    x = alt.X("at:T", title=None, axis=alt.Axis(labelExpr=_DAYS_OR_HOURS, tickCount=8, labelOverlap=True, grid=False))
    period = every.mark_point(opacity=0, size=0, aria=False, tooltip=None).encode(x=x)
    said = [
        alt.Tooltip("when:N", title="Hour"),
        alt.Tooltip("name:N", title="Project and model"),
        alt.Tooltip("spent_usd:Q", title="Spent", format=DOLLARS),
        alt.Tooltip("expected_usd:Q", title="Usual", format=DOLLARS),
        alt.Tooltip("limit_usd:Q", title="Usual at most", format=DOLLARS),
    ]
    stem = base.mark_rule(color="@warn", strokeWidth=2).encode(
        x=x, y=alt.Y("expected_usd:Q", title=None, axis=AXIS_DOLLARS), y2="spent_usd:Q"
    )
    usual = base.mark_tick(color="@quiet", thickness=2, size=12).encode(x=x, y="expected_usd:Q", tooltip=said)
    peak = base.mark_point(color="@warn", filled=True, size=90, opacity=1).encode(x=x, y="spent_usd:Q", tooltip=said)
    return alt.layer(period, stem, usual, peak).properties(width="container", height=220)


@specification("cost-centres", "name", "cost_usd", "share")
def cost_centres() -> Any:
    """Draw what cost centres spent, as `shares` does."""
    return shares()


@specification("savings-per-thousand", "name", "low_usd", "high_usd", "saved_usd", "is_regressed")
def savings_per_thousand() -> Any:
    """Draw what each accepted recommendation saves per 1,000 with its 95 % interval, and the line of no saving."""
    proof = "datum.is_regressed ? 'dearer' : datum.low_usd > 0 ? 'saves' : 'chance'"
    base = (
        alt.Chart(data())
        .transform_calculate(proof=proof)
        .encode(
            y=alt.Y(
                "name:N", title=None, sort=None, axis=alt.Axis(labelLimit=260, labelColor="@ink", labelFontSize=12.5)
            ),
            color=alt.Color(
                "proof:N",
                scale=alt.Scale(domain=["dearer", "saves", "chance"], range=["@bad", "@good", "@quiet"]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("name:N", title="Recommendation"),
                alt.Tooltip("saved_usd:Q", title="Saved per 1,000", format=_PER_THOUSAND),
                alt.Tooltip("low_usd:Q", title="At least (95 %)", format=_PER_THOUSAND),
                alt.Tooltip("high_usd:Q", title="At most (95 %)", format=_PER_THOUSAND),
            ],
        )
    )
    axis = alt.Axis(format="$,.3~f", tickCount=6, title=None)
    interval = base.mark_rule(strokeWidth=5, opacity=0.45).encode(x=alt.X("low_usd:Q", axis=axis), x2="high_usd:Q")
    middle = base.mark_point(filled=True, size=95, opacity=1).encode(x="saved_usd:Q")
    none = alt.Chart(data()).mark_rule(color="@ink", strokeWidth=1, aria=False).encode(x=alt.datum(0))
    return alt.layer(none, interval, middle).properties(width="container", height=alt.Step(34), autosize=FIT_WIDTH)
