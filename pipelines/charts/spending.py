"""Charts of spend over time and by what it was spent on.

Belongs here: their specifications. Does not belong here: colours (`themes`), rows.
"""

from __future__ import annotations

from typing import Any, Final

import altair as alt

from pipelines.charts.drawing import ROWS, specification

DOLLARS: Final = "$,.2f"
# `~s` alone would write half a dollar as "$500m".
_SHORT: Final = "abs(datum.value) >= 1000 ? format(datum.value, '$,.3~s') : format(datum.value, '$,.2~f')"
AXIS_DOLLARS: Final = alt.Axis(labelExpr=_SHORT, tickCount=5, title=None)
FIT_WIDTH: Final = alt.AutoSizeParams(type="fit-x", contains="padding")
"""For charts with a bar of fixed height for each row."""
_WORDS_WIDTH: Final = 150
"""Pixels that an amount and a percentage take at the end of a bar."""
_COUNTS: Final = "datum.value >= 1000 ? format(datum.value, ',.3~s') : format(datum.value, ',.0f')"
_HALF_AMOUNT: Final = 32
"""Pixels that half an amount over a bar takes."""
_MIDDLE: Final = "(scale('x', datum.at) + bandwidth('x') / 2)"
_KEPT_INSIDE: Final = f"clamp({_MIDDLE}, {_HALF_AMOUNT}, max(width - {_HALF_AMOUNT}, {_HALF_AMOUNT})) - {_MIDDLE}"
"""How far words over a bar are moved, so that those of the first do not touch the axis' own."""
# Fewer words where the axis is an hour's: midnight says the day, other instants the time.
_DAYS: Final = (
    "hours(datum.value) + minutes(datum.value) > 0 ? timeFormat(datum.value, '%H:%M') : "
    "timeFormat(datum.value, '%-d %b')"
)


def data() -> alt.NamedData:
    """Return the rows that a call puts in."""
    return alt.NamedData(name=ROWS)


@specification("spend-by-provider", "at", "series", "cost_usd", "baseline_usd", "requests", "when", "place")
def spend_by_provider() -> Any:
    """Draw spend by day (or quarter of an hour) stacked by provider, the period before as a dashed line over it.

    Rows with a `series` have `cost_usd` and the series' `place`, the lowest layer first; those of the period before
    have `baseline_usd` and no series.
    """
    base = alt.Chart(data())
    x = alt.X("at:T", title=None, axis=alt.Axis(labelExpr=_DAYS, tickCount=7, labelOverlap=True))
    layers = (
        base.transform_filter("isValid(datum.series)")
        .mark_area(opacity=0.85, interpolate="monotone", line={"strokeWidth": 1})
        .encode(
            x=x,
            y=alt.Y("cost_usd:Q", title=None, stack="zero", axis=AXIS_DOLLARS),
            color=alt.Color("series:N", scale=alt.Scale(), sort=None, title=None),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("when:N", title="When"),
                alt.Tooltip("series:N", title="Provider"),
                alt.Tooltip("cost_usd:Q", title="Spend", format=DOLLARS),
                alt.Tooltip("requests:Q", title="Requests of all", format=","),
            ],
        )
    )
    before = base.transform_filter("!isValid(datum.series) && isValid(datum.baseline_usd)")
    line = before.mark_line(
        color="@baseline", strokeDash=[5, 4], strokeWidth=1.75, interpolate="monotone", tooltip=True
    ).encode(
        x=x,
        y="baseline_usd:Q",
        tooltip=[
            alt.Tooltip("when:N", title="When"),
            alt.Tooltip("baseline_usd:Q", title="Period before", format=DOLLARS),
        ],
    )
    # A single day has no line to be drawn along: it is points, in their layers' heights.
    single = (
        base.transform_joinaggregate(instants="distinct(at)")
        .transform_filter("datum.instants == 1 && isValid(datum.series)")
        .mark_point(filled=True, size=70, opacity=1, aria=False)
        .encode(
            x=x,
            y=alt.Y("cost_usd:Q", stack="zero"),
            color=alt.Color("series:N", scale=alt.Scale(), sort=None),
            order=alt.Order("place:Q"),
        )
    )
    return alt.layer(layers, line, single).properties(width="container", height=260)


@specification("spend-over-time", "at", "cost_usd", "requests", "when", "part")
def spend_over_time() -> Any:
    """Draw spend by day, week or month as bars; `part` marks a week or month that lies in the period in part."""
    base = alt.Chart(data())
    bars = base.mark_bar(cornerRadiusTopLeft=2, cornerRadiusTopRight=2, color="@series-1").encode(
        x=alt.X("at:O", title=None, axis=_bands()),
        y=alt.Y("cost_usd:Q", title=None, axis=AXIS_DOLLARS),
        opacity=alt.condition("datum.part", alt.value(0.5), alt.value(0.95)),
        tooltip=[
            alt.Tooltip("when:N", title="When"),
            alt.Tooltip("cost_usd:Q", title="Spend", format=DOLLARS),
            alt.Tooltip("requests:Q", title="Requests", format=","),
        ],
    )
    # The highest bar says what it is: with it the eye reads the others.
    peak = (
        base.transform_window(place="row_number()", sort=[alt.SortField("cost_usd", order="descending")])
        .transform_filter("datum.place == 1 && datum.cost_usd > 0")
        .mark_text(dx={"expr": _KEPT_INSIDE}, dy=-8, fontWeight=600, color="@ink")
        .encode(x="at:O", y="cost_usd:Q", text=alt.Text("cost_usd:Q", format=DOLLARS))
    )
    return alt.layer(bars, peak).properties(width="container", height=220)


@specification("requests-and-cost", "at", "requests", "cost_usd", "per_request_usd", "when")
def requests_and_cost() -> Any:
    """Draw requests by day as bars with the cost line over them, each on an axis of its own colour."""
    base = alt.Chart(data())
    said = [
        alt.Tooltip("when:N", title="When"),
        alt.Tooltip("requests:Q", title="Requests", format=","),
        alt.Tooltip("cost_usd:Q", title="Spend", format=DOLLARS),
        alt.Tooltip("per_request_usd:Q", title="Per request", format="$,.6f"),
    ]
    x = alt.X("at:O", title=None, axis=_bands())
    volume = base.mark_bar(color="@line-strong", cornerRadiusTopLeft=2, cornerRadiusTopRight=2).encode(
        x=x,
        y=alt.Y("requests:Q", axis=alt.Axis(title="Requests", labelExpr=_COUNTS, tickCount=5, **_above("left"))),
        tooltip=said,
    )
    cost = base.mark_line(color="@series-2", strokeWidth=2.25, point={"size": 22, "color": "@series-2"}).encode(
        x=x,
        y=alt.Y(
            "cost_usd:Q",
            axis=alt.Axis(
                title="Spend",
                titleColor="@series-2",
                labelColor="@series-2",
                labelExpr=_SHORT,
                tickCount=5,
                grid=False,
                **_above("right"),
            ),
        ),
        tooltip=said,
    )
    return alt.layer(volume, cost).resolve_scale(y="independent").properties(width="container", height=220)


@specification("shares", "name", "cost_usd", "share")
def shares() -> Any:
    """Draw what parts a sum has: a bar each, largest first, with its amount and share written at its end."""
    base = alt.Chart(data()).encode(
        y=alt.Y(
            "name:N",
            title=None,
            sort=None,
            axis=alt.Axis(labelLimit=180, labelColor="@ink", labelFontSize=12.5),
        ),
        x=alt.X("cost_usd:Q", title=None, axis=None),
    )
    tooltip = [alt.Tooltip("name:N", title="Name"), alt.Tooltip("cost_usd:Q", title="Spend", format=DOLLARS)]
    bars = base.mark_bar(color="@series-1", height=16, cornerRadiusEnd=3).encode(tooltip=tooltip)
    words = base.mark_text(align="left", dx=6, color="@ink").encode(text="share:N")
    return alt.layer(bars, words, _room(base, "cost_usd")).properties(
        width="container", height=alt.Step(30), autosize=FIT_WIDTH
    )


@specification("week-over-week", "name", "this_usd", "before_usd", "words", "grown")
def week_over_week() -> Any:
    """Draw the last seven days of each developer as a bar, the seven before as a tick, the change in words."""
    base = alt.Chart(data()).encode(
        y=alt.Y(
            "name:N",
            title=None,
            sort=None,
            axis=alt.Axis(labelLimit=180, labelColor="@ink", labelFontSize=12.5),
        )
    )
    axis = alt.Axis(labelExpr=_SHORT, tickCount=4, grid=True, title=None)
    said = [
        alt.Tooltip("name:N", title="Developer"),
        alt.Tooltip("this_usd:Q", title="Last 7 days", format=DOLLARS),
        alt.Tooltip("before_usd:Q", title="7 days before", format=DOLLARS),
    ]
    bars = base.mark_bar(height=14, cornerRadiusEnd=3).encode(
        x=alt.X("this_usd:Q", axis=axis),
        color=alt.condition("datum.grown", alt.value("@series-2"), alt.value("@series-1")),
        tooltip=said,
    )
    ticks = base.mark_tick(color="@ink", thickness=2.5, size=24).encode(x="before_usd:Q", tooltip=said)
    words = base.transform_calculate(end="max(datum.this_usd, datum.before_usd)").mark_text(
        align="left", dx=7, color="@ink"
    )
    words = words.encode(x="end:Q", text="words:N")
    return alt.layer(bars, ticks, words, _room(base, "this_usd", "before_usd")).properties(
        width="container", height=alt.Step(32), autosize=FIT_WIDTH
    )


def _room(base: alt.Chart, *fields: str) -> alt.Chart:
    """Return an unseen layer that keeps room for the words at the end of the longest bar."""
    longest = [alt.JoinAggregateFieldDef(op="max", field=field, **{"as": f"max_{field}"}) for field in fields]
    end = ", ".join(f"datum.max_{field}" for field in fields)
    return (
        base.transform_joinaggregate(joinaggregate=longest)
        .transform_calculate(room=f"max({end}, 0) * width / max(width - {_WORDS_WIDTH}, width / 3)")
        .mark_point(opacity=0, tooltip=None)
        .encode(x="room:Q")
    )


def _above(side: str) -> dict[str, Any]:
    """Return how an axis has its title: upright above it, as people read."""
    return {"titleAngle": 0, "titleAlign": side, "titleY": -14, "titleX": -34 if side == "left" else 34}


def _bands() -> alt.Axis:
    return alt.Axis(
        labelExpr="timeFormat(toDate(datum.value), '%-d %b')",
        labelOverlap=True,
        labelAngle=0,
        labelSeparation=14,
        title=None,
    )
