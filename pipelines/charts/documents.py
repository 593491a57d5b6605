"""Charts of printed documents.

Belongs here: their specifications. Does not belong here: colours (`themes`), rows.
"""

from __future__ import annotations

import altair as alt

from pipelines.charts.drawing import specification
from pipelines.charts.spending import data


@specification("printed-spend", "place", "label", "cost_usd")
def printed_spend() -> alt.Chart:
    """Draw spend as a bar per day, week or month, in the order of `place`; `label` stands below."""
    return (
        alt.Chart(data())
        .mark_bar(color="@good", cornerRadiusTopLeft=1.5, cornerRadiusTopRight=1.5)
        .encode(
            x=alt.X(
                "place:O",
                title=None,
                scale=alt.Scale(paddingInner=0.28, paddingOuter=0.1),
                axis=alt.Axis(
                    labelExpr="data('rows')[datum.value] ? data('rows')[datum.value].label : ''",
                    labelAngle=0,
                    labelOverlap="greedy",
                    labelFontSize=10,
                ),
            ),
            y=alt.Y("cost_usd:Q", title=None, axis=alt.Axis(format="$,~r", tickCount=4, labelFontSize=10)),
        )
        .properties(width="container", height=150)
    )
