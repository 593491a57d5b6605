"""Charts: each is drawn from its own columns alone, the same way every time, and legible on both grounds."""

from __future__ import annotations

import gzip
import json
import math
import re
from datetime import date
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pipelines.charts import Theme, chart, chart_names, svg
from pipelines.charts.bundle import bundle_digest, main
from pipelines.charts.drawing import ChartError, columns_of
from pipelines.charts.themes import COLOURS, PROVIDERS, provider_range

GROUNDS = {Theme.LIGHT: "#ffffff", Theme.DARK: "#1f1f1c"}
HOSTILE = '"><script src="http://127.0.0.1:9/x.js"></script><image href="http://127.0.0.1:9/x.png"/>\u202e'


def value(column: str, place: int) -> Any:
    """Return something that fits a column by its name."""
    if column in ("at", "day", "month"):
        return date(2026, 3, 1 + place)
    if column in ("part", "grown") or column.startswith("is_"):
        return place == 0
    if column.endswith("_usd"):
        return Decimal(place) + Decimal("0.25")
    if column in ("requests", "place") or column.endswith("_count"):
        return place
    return HOSTILE if column in ("name", "series") and place == 0 else f"some {place}"


def rows(name: str, count: int = 3) -> list[dict[str, Any]]:
    return [{column: value(column, place) for column in columns_of(name)} for place in range(count)]


@pytest.mark.parametrize("name", chart_names())
def test_every_chart_is_drawn_alike_twice_with_hostile_texts_as_texts(name: str):
    for count in (0, 1, 3):
        drawn = svg(name, rows(name, count), Theme.DARK)
        assert drawn.startswith("<svg")
        assert "<script" not in drawn
        assert not re.search(r"""href=["']?http""", drawn)
    assert svg(name, rows(name)) == svg(name, rows(name))


@pytest.mark.parametrize("name", chart_names())
@pytest.mark.parametrize("theme", list(Theme))
def test_a_specification_names_its_rows_and_no_word_for_a_colour_is_left(name: str, theme: Theme):
    made = chart(name, rows(name), theme)
    assert made["datasets"] == {"rows": json.loads(json.dumps(made["datasets"]["rows"]))}
    assert len(made["datasets"]["rows"]) == 3
    assert made["width"] == "container"
    assert not re.search(r'"@[a-z]', json.dumps({**made, "datasets": {}}))
    assert "url" not in made.get("data", {})


def test_rows_of_other_columns_and_charts_that_are_none_are_refused():
    with pytest.raises(ChartError):
        chart("shares", [{"name": "a"}])
    with pytest.raises(ChartError):
        chart("nothing", [])


def test_a_day_is_no_instant_that_moves_with_its_readers_zone():
    (row, *_) = chart("spend-over-time", rows("spend-over-time"))["datasets"]["rows"]
    assert row["at"] == "2026-03-01T00:00:00"


def test_a_provider_keeps_its_colour_and_no_two_are_alike():
    for theme in Theme:
        shades = provider_range(["OpenAI", "Anthropic", "groq", "xAI", "Gemini"], theme)
        assert len(set(shades)) == 5
        assert provider_range(["Anthropic"], theme) == [shades[1]]
    made = json.dumps(chart("spend-by-provider", [], series=["OpenAI", "Anthropic"]))
    assert f'"range": {json.dumps(provider_range(["OpenAI", "Anthropic"], Theme.LIGHT))}' in made
    assert len(set(PROVIDERS.values())) == len(PROVIDERS) - 1  # gemini and google are one


def linear(colour: str) -> list[float]:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", list(Theme))
def test_series_stand_out_from_their_ground_and_words_can_be_read(theme: Theme):
    colours, ground = COLOURS[theme], GROUNDS[theme]
    for shade in (*colours.series, colours.baseline, colours.good, colours.warn, colours.bad):
        assert contrast(shade, ground) >= 3, shade
    for words in (colours.ink, colours.quiet):
        assert contrast(words, ground) >= 4.5, words


BLIND = {
    "nothing": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "green": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "red": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
}
"""What eyes that lack a kind of cone make of linear light (Machado 2009, full severity)."""


def seen(colour: str, blind_to: str) -> tuple[float, ...]:
    """Return a colour in OKLab as such an eye sees it: there, distances are differences one sees."""
    light = linear(colour)
    r, g, b = (max(0.0, sum(w * part for w, part in zip(row, light, strict=True))) for row in BLIND[blind_to])
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


@pytest.mark.parametrize("theme", list(Theme))
@pytest.mark.parametrize("blind_to", sorted(BLIND))
def test_the_four_providers_are_told_apart_by_every_eye(theme: Theme, blind_to: str):
    shades = provider_range(["Anthropic", "OpenAI", "Gemini", "xAI"], theme)
    for one, other in combinations(shades, 2):
        apart = math.dist(seen(one, blind_to), seen(other, blind_to))
        assert apart > 0.13, (one, other)


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_a_provider_has_the_same_hue_on_either_ground(provider: str):
    hues = [
        math.degrees(math.atan2(blueness, redness))
        for _, redness, blueness in (seen(provider_range([provider], theme)[0], "nothing") for theme in Theme)
    ]
    apart = abs(hues[0] - hues[1]) % 360
    assert min(apart, 360 - apart) < 30


def of_nothing(name: str, count: int) -> list[dict[str, Any]]:
    """Return rows in which every amount is zero and nobody is named."""
    return [
        {
            column: f"2026-0{3 + place}"
            if (name, column) == ("logged-and-billed", "at")
            else 0
            if column.endswith("_usd") or column in ("usd", "top", "requests", "percent", "seen", "billed", "place")
            else None
            if column in ("series", "label", "budget_label", "words")
            else value(column, place)
            for column in columns_of(name)
        }
        for place in range(count)
    ]


@pytest.mark.parametrize("name", chart_names())
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_chart_of_nothing_has_a_size_and_stands_on_its_axis(name: str, count: int):
    series = [] if "series" in columns_of(name) else None
    drawn = svg(name, of_nothing(name, count), series=series)
    assert not re.search(r"Infinity|NaN|undefined", drawn)
    found = re.search(r'<svg[^>]* width="([0-9.]+)" height="([0-9.]+)"', drawn)
    assert found, drawn[:300]
    assert 300 < float(found[1]) < 1_200
    assert 0 < float(found[2]) < 500


def test_a_period_before_of_nothing_lies_on_the_ground_not_in_mid_air():
    made = chart("spend-by-provider", of_nothing("spend-by-provider", 3), series=[])
    (layers, line, _) = made["layer"]
    assert (layers["encoding"]["y"]["scale"]["domain"], line["encoding"]["y"]["scale"]["domain"]) == ([0, 1], [0, 1])
    assert layers["encoding"]["color"]["legend"] is None
    some = chart("spend-by-provider", rows("spend-by-provider"), series=["some 1"])
    assert "domain" not in some["layer"][0]["encoding"]["y"].get("scale", {})
    assert "legend" not in some["layer"][0]["encoding"]["color"]


def test_a_single_day_is_seen():
    one = {**rows("spend-by-provider", 2)[1], "series": "OpenAI", "baseline_usd": None}
    drawn = svg("spend-by-provider", [one], series=["OpenAI"])
    assert drawn.count(f'fill="{provider_range(["OpenAI"], Theme.LIGHT)[0]}"') >= 2, "a point beside the legend"


def test_the_amount_over_the_first_bar_keeps_away_from_the_axis():
    days = rows("spend-over-time", 3)
    bars = [{**day, "cost_usd": cost} for day, cost in zip(days, (14.54, 1, 2), strict=True)]
    drawn = svg("spend-over-time", bars, width=60)
    (place,) = re.findall(r'translate\(([0-9.]+),[-0-9.]+\)"[^>]*>\$14\.54<', drawn)
    assert float(place) >= 28


def test_the_bundle_has_our_script_and_is_named_by_what_it_is_made_of(tmp_path: Path):
    main(str(tmp_path / "charts.js.gz"))
    text = gzip.decompress((tmp_path / "charts.js.gz").read_bytes()).decode()
    assert "data-chart" in text
    assert "The chart could not be drawn" in text
    assert re.fullmatch(r"[0-9a-f]{16}", bundle_digest())


@pytest.mark.parametrize(
    "name",
    ["\x1b[31m", "a\x00\x08\x9b", "\ufffe\uffff", "\u202ex\u2066", "constructor", "__proto__", "\U0001f308" * 120],
)
def test_whatever_something_is_called_it_is_drawn_and_the_process_lives(name: str) -> None:
    row = {"at": date(2026, 3, 1), "cost_usd": 1, "baseline_usd": None, "requests": 1, "when": name, "place": 0}
    stacked = svg("spend-by-provider", [{**row, "series": one} for one in (name, "openai")], series=[name, "openai"])
    listed = svg(
        "cost-centres", [{"name": name, "cost_usd": 1, "share": name}, {"name": "b", "cost_usd": 2, "share": "b"}]
    )
    for drawn in (stacked, listed):
        said = "".join(ET.fromstring(drawn).itertext())  # noqa: S314 - our own: whether it is well-formed is asked
        assert name.isprintable() or name not in said
    assert "openai" in stacked
    assert listed.count("<text") == 4, "a name and its words, twice"
