"""Charts of prices: usage as it was priced, and as if prices had been others.

Belongs here: their specifications. Does not belong here: colours (`themes`), rows.
"""

from __future__ import annotations

from typing import Any, Final

import altair as alt

from pipelines.charts.drawing import specification
from pipelines.charts.spending import AXIS_DOLLARS, DOLLARS, FIT_WIDTH, data

_WORDS_WIDTH: Final = 90
"""Pixels that an amount takes at the end of a bar."""


@specification("repriced", "name", "now_usd", "then_usd", "words", "dearer")
def repriced() -> Any:
    """Draw each model's usage at other prices as a bar, what it cost as it was as a tick, the difference in words."""
    base = alt.Chart(data()).encode(
        y=alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelLimit=220, labelColor="@ink", labelFontSize=12.5))
    )
    said = [
        alt.Tooltip("name:N", title="Model"),
        alt.Tooltip("now_usd:Q", title="As it was", format=DOLLARS),
        alt.Tooltip("then_usd:Q", title="Repriced", format=DOLLARS),
        alt.Tooltip("words:N", title="Difference"),
    ]
    bars = base.mark_bar(height=14, cornerRadiusEnd=3).encode(
        x=alt.X("then_usd:Q", title=None, axis=AXIS_DOLLARS),
        color=alt.condition("datum.dearer", alt.value("@series-2"), alt.value("@series-1")),
        tooltip=said,
    )
    ticks = base.mark_tick(color="@ink", thickness=2.5, size=24).encode(x="now_usd:Q", tooltip=said)
    ends = base.transform_calculate(end="max(datum.now_usd, datum.then_usd)")
    words = ends.mark_text(align="left", dx=7, color="@ink").encode(x="end:Q", text="words:N")
    # An unseen layer keeps room for the words at the end of the longest bar.
    longest = alt.JoinAggregateFieldDef(op="max", field="end", **{"as": "longest"})
    room = (
        ends.transform_joinaggregate(joinaggregate=[longest])
        .transform_calculate(room=f"datum.longest * width / max(width - {_WORDS_WIDTH}, width / 3)")
        .mark_point(opacity=0, tooltip=None)
        .encode(x="room:Q")
    )
    return alt.layer(bars, ticks, words, room).properties(width="container", height=alt.Step(32), autosize=FIT_WIDTH)
