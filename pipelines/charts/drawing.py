"""From rows to a chart: specifications kept as dicts, filled with a call's rows and a theme's colours.

Belongs here: the registry of charts, filling and drawing. Does not belong here: a specification (`spending` and its
neighbours).

Altair checks a specification in tens of milliseconds: each is written and checked once per process. A call puts rows
and colours into a copy, which costs microseconds.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

from pipelines.charts.settling import settle
from pipelines.charts.themes import COLOURS, Theme, config, provider_range

Row = Mapping[str, Any]
Specification = Callable[[], Any]
"""Makes an Altair chart over the named data `rows`."""
ROWS: Final = "rows"
_SUBJECTS: Final = ("spending", "planning", "documents", "reconciliation", "pricing")
"""Modules of this room that hold specifications."""


@dataclass(frozen=True, slots=True)
class _Entry:
    make: Specification
    columns: tuple[str, ...]


_CLIPS: Final = re.compile(r"""( clip-path="url\(#|<clipPath id=")(clip[0-9]+)""")
_WORDS: Final = ("ink", "quiet", "line", "line-strong", "baseline", "good", "warn", "bad")
"""What specifications write, with an `@` before it, in the place of a colour; `@series-1` and so on beside them."""
_BEYOND: Final = re.compile("[\U00010000-\U0010ffff]")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS: Final = frozenset("\u200c\u200d")
"""Needed to write Persian, Hindi and emoji; they turn nothing round."""
_OBJECTS_OWN: Final = frozenset({
    "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__", "constructor",
    "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
})  # fmt: skip
"""What every object of the engine's language has: it groups rows by their texts as names of an object."""
_registry: dict[str, _Entry] = {}


class ChartError(ValueError):
    """A chart that does not exist, or rows that do not fit it."""


def specification(name: str, *columns: str) -> Callable[[Specification], Specification]:
    """Return a decorator that registers a chart.

    Args:
        name: of the chart: lower case and dashes.
        columns: every row of it has exactly these.
    """

    def register(make: Specification) -> Specification:
        if name in _registry:
            raise ChartError(f"there are two charts called {name}")
        _registry[name] = _Entry(make, columns)
        return make

    return register


def chart_names() -> tuple[str, ...]:
    """Return the names of all charts."""
    _load()
    return tuple(sorted(_registry))


def columns_of(name: str) -> tuple[str, ...]:
    """Return the columns that rows of a chart have.

    Raises:
        ChartError: there is no such chart.
    """
    return _entry(name).columns


def chart(
    name: str, rows: Sequence[Row], theme: Theme = Theme.LIGHT, *, series: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return a chart as a Vega-Lite specification with its rows in it, ready for JSON.

    Args:
        name: of the chart.
        rows: with the chart's columns; days as `date`, money as `Decimal` or number of USD.
        theme: ground it is shown on.
        series: names of the categories in their order, for charts coloured by provider.

    Raises:
        ChartError: there is no such chart, or a row has other columns.
    """
    entry = _entry(name)
    wanted = set(entry.columns)
    for row in rows:
        if set(row) != wanted:
            raise ChartError(f"a row of the chart {name} has other columns than {', '.join(entry.columns)}")
    made: dict[str, Any] = json.loads(_themed(name, theme, tuple(series) if series is not None else None))
    if isinstance(made.get("height"), dict):
        # A fixed height for each name. Vega-Lite can do that itself, but complains of it on every reader's console.
        made["height"] = made["height"]["step"] * max(1, len({row["name"] for row in rows}))
    made["datasets"] = {ROWS: [{key: _plain(value) for key, value in row.items()} for row in rows]}
    settle(made, made["datasets"][ROWS])
    return made


def svg(
    name: str,
    rows: Sequence[Row],
    theme: Theme = Theme.LIGHT,
    *,
    width: int = 720,
    height: int | None = None,
    series: Sequence[str] | None = None,
) -> str:
    """Return a chart drawn as SVG; nothing is loaded for it, and equal rows give equal bytes.

    Args:
        name: of the chart.
        rows: as `chart` takes them.
        theme: ground it is shown on.
        width: of the plot in pixels.
        height: of the plot in pixels; the specification's own when absent.
        series: as `chart` takes them.
    """
    return drawn(sized(name, rows, theme, width=width, height=height, series=series), name)


def sized(
    name: str,
    rows: Sequence[Row],
    theme: Theme = Theme.LIGHT,
    *,
    width: int = 720,
    height: int | None = None,
    series: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return a chart as `chart` does, of a size: what `drawn` takes. Arguments as `svg` takes them."""
    made = chart(name, rows, theme, series=series)
    made["width"] = width
    if height is not None:
        made["height"] = height
    return made


def drawn(made: Mapping[str, Any], name: str) -> str:
    """Return what `sized` made as SVG.

    The engine may end the whole process over it: whoever must live lets another one call this.

    Args:
        made: the specification with its rows and its size.
        name: of the chart.

    Raises:
        ValueError: the engine cannot draw it.
    """
    try:
        return _renumbered(_engine(made), name)
    except ValueError:
        # Where a long name ends the engine may cut a letter beyond U+FFFF in two, and then refuses the half.
        plain = _BEYOND.sub("\ufffd", json.dumps(made, ensure_ascii=False))
        return _renumbered(_engine(json.loads(plain)), name)


def _engine(made: Mapping[str, Any]) -> str:
    """Draw a specification.

    Raises:
        ValueError: the engine cannot.
    """
    import vl_convert  # noqa: PLC0415 - brings a JavaScript engine along: only who draws pays for it

    # No address is allowed: a specification of ours names none, and a text of a row must never make it fetch.
    return vl_convert.vegalite_to_svg(dict(made), allowed_base_urls=[])


def _renumbered(text: str, name: str) -> str:
    """Return an SVG whose ids begin at one: the engine counts on from drawing to drawing."""
    numbers: dict[str, int] = {}

    def renamed(found: re.Match[str]) -> str:
        return f"{found[1]}{name}-{numbers.setdefault(found[2], len(numbers) + 1)}"

    return _CLIPS.sub(renamed, text)


@lru_cache(maxsize=256)
def _themed(name: str, theme: Theme, series: tuple[str, ...] | None) -> str:
    """Return a chart without rows as JSON text, its colour words replaced."""
    colours = COLOURS[theme]
    words = {f"@{word}": getattr(colours, word.replace("-", "_")) for word in _WORDS}
    words.update({f"@series-{place}": colour for place, colour in enumerate(colours.series, 1)})
    text = json.dumps(_specified(name))
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(f'"{word}"', json.dumps(words[word]))
    made = json.loads(text)
    made["config"] = config(theme)
    if series is not None:
        _colour(made, [_visible(one) for one in series], provider_range(list(series), theme))
    return json.dumps(made)


def _colour(part: Any, names: list[str], colours: list[str]) -> None:
    """Give every scale over `series` its names and colours."""
    if isinstance(part, dict):
        if part.get("field") == "series" and part.get("scale") is not None:
            part["scale"] = {**part["scale"], "domain": names, "range": colours}
        for inner in part.values():
            _colour(inner, names, colours)
    elif isinstance(part, list):
        for inner in part:
            _colour(inner, names, colours)


@lru_cache(maxsize=64)
def _specified(name: str) -> dict[str, Any]:
    made: dict[str, Any] = _entry(name).make().to_dict()
    made.pop("config", None)
    made.pop("datasets", None)
    return made


def _entry(name: str) -> _Entry:
    _load()
    if name not in _registry:
        raise ChartError("there is no such chart")
    return _registry[name]


@lru_cache(maxsize=1)
def _load() -> None:
    for subject in _SUBJECTS:
        import_module(f"pipelines.charts.{subject}")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _visible(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        # With a time: a bare day would be read as UTC midnight, and shown as the day before west of Greenwich.
        return f"{value.isoformat()}T00:00:00"
    return value


def _visible(text: str) -> str:
    """Return text as it can be drawn: what cannot be seen or turns text round is a replacement character.

    The engine writes texts into SVG, where most control characters may not stand: one of them ends the whole process.
    """
    if text in _OBJECTS_OWN:
        return f"{text}\u2060"  # a word joiner: it has no width, and makes a name of its own
    if text.isprintable():
        return text
    return "".join(
        "\ufffd" if unicodedata.category(letter) in _UNSEEN and letter not in _JOINERS else letter for letter in text
    )
