"""Colours and type of all charts, on light and on dark ground.

Belongs here: what every chart looks like. Does not belong here: what one of them shows.

Colours of series are near those of Okabe and Ito, in shades that keep three to one against their ground; the four
providers' were searched for as far apart as they can be to every kind of eye (the tests measure it). A provider keeps
its colour wherever it is shown, and its hue on either ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

FONT: Final = (
    'ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Helvetica Neue", '
    '"DejaVu Sans", "Liberation Sans", sans-serif'
)


class Theme(StrEnum):
    """Which ground a chart stands on."""

    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours by what they mean.

    Attributes:
        ink: words.
        quiet: words of axes.
        line: grid.
        line_strong: what stands behind something else.
        baseline: what is compared with.
        good: within bounds.
        warn: near a bound.
        bad: beyond it.
        series: of categories, in the order they are taken.
    """

    ink: str
    quiet: str
    line: str
    line_strong: str
    baseline: str
    good: str
    warn: str
    bad: str
    series: tuple[str, ...]


COLOURS: Final = {
    Theme.LIGHT: Colours(
        ink="#1d1c1a",
        quiet="#5d5a52",
        line="#e6e2d8",
        line_strong="#c9c3b4",
        baseline="#6b675d",
        good="#1f7a55",
        warn="#a86a00",
        bad="#b5332a",
        series=("#0072b2", "#b84a00", "#6a7d00", "#5b2a7a", "#17a589", "#3d8fc4", "#6b675d", "#c46fb0"),
    ),
    Theme.DARK: Colours(
        ink="#f0eee8",
        quiet="#b3afa4",
        line="#34332e",
        line_strong="#55534b",
        baseline="#b3afa4",
        good="#6cc79b",
        warn="#f0c466",
        bad="#f4a59d",
        series=("#2f8fdc", "#cc531f", "#f2dc7a", "#f6d4fa", "#2fbd9c", "#8ac9f0", "#b3afa4", "#b99af0"),
    ),
}
PROVIDERS: Final = {"anthropic": 1, "openai": 0, "gemini": 4, "google": 4, "xai": 3, "bedrock": 5, "azure": 2}
"""Place of each known provider's colour among `Colours.series`."""


def config(theme: Theme) -> dict[str, Any]:
    """Return the Vega-Lite configuration of a theme."""
    colours = COLOURS[theme]
    words = {"labelFont": FONT, "titleFont": FONT, "labelColor": colours.quiet, "titleColor": colours.quiet}
    return {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "range": {"category": list(colours.series)},
        "axis": {
            **words,
            "domain": False,
            "ticks": False,
            "gridColor": colours.line,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelPadding": 8,
        },
        "axisX": {"grid": False, "domain": True, "domainColor": colours.line, "labelFlush": True},
        "legend": {
            **words,
            "orient": "top",
            "title": None,
            "labelFontSize": 12,
            "symbolType": "square",
            "symbolSize": 90,
            "labelLimit": 260,
            "columnPadding": 18,
            # One line where there is room for it.
            "columns": {"expr": "width < 420 ? 3 : 0"},
            "offset": 4,
        },
        "text": {"color": colours.ink, "font": FONT, "fontSize": 12},
        "rule": {"color": colours.baseline},
        "title": {"color": colours.ink, "font": FONT, "anchor": "start", "fontSize": 14},
        "header": {**words, "title": None},
        # Words in a specification that stand for colours of the theme are replaced in `drawing`.
    }


def provider_range(providers: list[str], theme: Theme) -> list[str]:
    """Return the colours of providers in their order; an unknown one takes the first that is free."""
    series = COLOURS[theme].series
    known = {one: PROVIDERS[one.lower()] for one in providers if one.lower() in PROVIDERS}
    taken = set(known.values())
    free = [place for place in range(len(series)) if place not in taken] or [len(series) - 1]
    chosen: list[str] = []
    for one in providers:
        if one in known:
            chosen.append(series[known[one]])
        else:
            chosen.append(series[free.pop(0) if len(free) > 1 else free[0]])
    return chosen
