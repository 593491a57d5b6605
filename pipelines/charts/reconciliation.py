"""Charts of the log held against bills.

Belongs here: their specifications. Does not belong here: colours (`themes`), rows.
"""

from __future__ import annotations

from typing import Any, Final

import altair as alt

from pipelines.charts.drawing import specification
from pipelines.charts.spending import AXIS_DOLLARS, DOLLARS, data

LOGGED: Final = "You logged"
BILLED: Final = "The provider billed"
_DAY: Final = 24 * 60 * 60 * 1_000
"""Milliseconds, as time axes count."""
_VERDICT: Final = alt.Color(
    "colour:N",
    scale=alt.Scale(domain=["green", "amber", "red", "none"], range=["@good", "@warn", "@bad", "@quiet"]),
    legend=None,
)


@specification("logged-and-billed", "at", "kind", "usd", "top", "words", "colour", "when")
def logged_and_billed() -> Any:
    """Draw what was logged beside what was billed, and the variance over each pair in its colour.

    A row for each month (`2026-05`) and kind, which is `LOGGED` or `BILLED`; `words` and `top`, the higher of both,
    stand with the logged one alone.
    """
    base = alt.Chart(data())
    x = alt.X(
        "at:N",
        title=None,
        scale=alt.Scale(paddingInner=0.3, paddingOuter=0.2),
        axis=alt.Axis(labelExpr="utcFormat(toDate(datum.value + '-01'), '%b %Y')", labelAngle=0, labelOverlap=True),
    )
    bars = base.mark_bar(cornerRadiusTopLeft=2, cornerRadiusTopRight=2).encode(
        x=x,
        xOffset=alt.XOffset("kind:N", sort=[LOGGED, BILLED], scale=alt.Scale(domain=[LOGGED, BILLED])),
        y=alt.Y("usd:Q", title=None, axis=AXIS_DOLLARS),
        color=alt.Color(
            "kind:N",
            scale=alt.Scale(domain=[LOGGED, BILLED], range=["@series-1", "@line-strong"]),
            legend=alt.Legend(title=None),
        ),
        tooltip=[
            alt.Tooltip("when:N", title="Month"),
            alt.Tooltip("kind:N", title="Amount"),
            alt.Tooltip("usd:Q", title="USD", format=DOLLARS),
        ],
    )
    # The engine gives every layer of marks a name for screen readers; one without marks would have none.
    words = (
        base.transform_filter("isValid(datum.words)")
        .mark_text(dy=-9, fontWeight=600, aria=False)
        .encode(x=x, y=alt.Y("top:Q", title=None), text="words:N", color=_VERDICT)
    )
    room = base.transform_calculate(room="datum.top * 1.12").mark_point(opacity=0, tooltip=None, aria=False)
    layers = alt.layer(bars, words, room.encode(x=x, y=alt.Y("room:Q", title=None)))
    return layers.resolve_scale(color="independent").properties(width="container", height=260)


@specification("logged-and-billed-by-day", "at", "logged_usd", "billed_usd", "variance_usd", "colour", "when")
def logged_and_billed_by_day() -> Any:
    """Draw each day's logged amount as a bar and its bill as a line across it, in the colour of the variance."""
    base = alt.Chart(data())
    x = alt.X(
        "at:O",
        title=None,
        axis=alt.Axis(labelExpr="timeFormat(toDate(datum.value), '%-d %b')", labelAngle=0, labelOverlap=True),
    )
    said = [
        alt.Tooltip("when:N", title="Day"),
        alt.Tooltip("logged_usd:Q", title="You logged", format=DOLLARS),
        alt.Tooltip("billed_usd:Q", title="The provider billed", format=DOLLARS),
        alt.Tooltip("variance_usd:Q", title="Variance", format="+$,.2f"),
    ]
    bars = base.mark_bar(color="@series-1", opacity=0.55, cornerRadiusTopLeft=2, cornerRadiusTopRight=2).encode(
        x=x, y=alt.Y("logged_usd:Q", title=None, axis=AXIS_DOLLARS), tooltip=said
    )
    ticks = (
        base.transform_filter("isValid(datum.billed_usd)")
        .mark_tick(thickness=3, aria=False, width=alt.RelativeBandSize(band=0.9))
        .encode(x=x, y=alt.Y("billed_usd:Q", title=None), color=_VERDICT, tooltip=said)
    )
    return alt.layer(bars, ticks).properties(width="container", height=220)


@specification("coverage-by-day", "at", "series", "percent", "seen", "billed", "unit", "when")
def coverage_by_day() -> Any:
    """Draw the share of what was billed that was seen, a line for each provider."""
    return (
        alt.Chart(data())
        .mark_line(point={"size": 30}, strokeWidth=2)
        .encode(
            x=alt.X(
                "at:T", title=None, axis=alt.Axis(format="%-d %b", tickCount=7, tickMinStep=_DAY, labelOverlap=True)
            ),
            y=alt.Y(
                "percent:Q",
                title=None,
                scale=alt.Scale(domain=[0, 100]),
                axis=alt.Axis(labelExpr="datum.value + ' %'", values=[0, 25, 50, 75, 100]),
            ),
            color=alt.Color("series:N", scale=alt.Scale(), sort=None, title=None),
            tooltip=[
                alt.Tooltip("when:N", title="Day"),
                alt.Tooltip("series:N", title="Provider"),
                alt.Tooltip("percent:Q", title="Seen, percent"),
                alt.Tooltip("seen:Q", title="Seen", format=","),
                alt.Tooltip("billed:Q", title="Billed", format=","),
                alt.Tooltip("unit:N", title="Unit"),
            ],
        )
        .properties(width="container", height=220)
    )
