"""What a page shows, read out of its document: tables, headline numbers, chips; and where its JSON has the same.

Belongs here: reading, and holding tables against CSV and JSON. Does not belong here: opening pages (`staging`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from playwright.sync_api import Page

from api.pages.dashboard import source_of_table
from api.pages.tables import Column

_READ: Final = """() => {
  const text = one => one ? one.textContent.replace(/\\s+/g, ' ').trim() : '';
  const cell = td => {
    const inner = td.querySelector(':scope > span') || td;
    const main = inner.querySelector('a > bdi, :scope > bdi, :scope > code, :scope > span[title], :scope > progress');
    const said = inner.querySelector('[title]');
    const words = main && main.tagName === 'PROGRESS' ? text(inner) : text(main || inner);
    return [td.dataset.label || '', words, said ? said.title : null, inner.querySelector('a')?.getAttribute('href')];
  };
  const tables = {};
  for (const one of document.querySelectorAll('section.table-card[id], details.more[id]')) {
    const table = one.querySelector('table');
    if (!table) continue;
    tables[one.id] = {
      csv: one.querySelector('a[download]')?.getAttribute('href') || null,
      rows: [...table.querySelectorAll('tbody tr')].map(tr => [...tr.children].map(cell)),
    };
  }
  const stats = [...document.querySelectorAll('.stat')].map(one => [
    text(one.querySelector('.stat-name')), text(one.querySelector('.stat-figure')),
    text(one.querySelector('.stat-note')),
  ]);
  const foot = Object.fromEntries([...document.querySelectorAll('.foot dl > div')].map(
    one => [text(one.querySelector('dt')), text(one.querySelector('dd'))]));
  const chips = [...document.querySelectorAll('.chips li a:not(.clear)')].map(text);
  return {tables, stats, foot, chips};
}"""
_NUMBERS: Final = frozenset({"number", "percent", "meter", "change"})
_MONEY: Final = frozenset({"money", "change_money", "precise", "signed"})


@dataclass(frozen=True)
class Cell:
    """A cell: what it says, the exact value behind it if it is rounded, where it leads."""

    words: str
    exact: str | None
    link: str | None

    @property
    def usd(self) -> Decimal:
        """The exact amount behind a rounded one."""
        assert self.exact is not None
        return Decimal(self.exact.removesuffix(" USD"))


@dataclass(frozen=True)
class Shown:
    """What a page shows.

    Attributes:
        tables: rows by table; a cell by its column's heading.
        csv: path of a table's CSV by table.
        stats: headline numbers by what they are called; figure and note.
        foot: what the foot says.
        chips: active filters.
    """

    tables: Mapping[str, Sequence[Mapping[str, Cell]]]
    csv: Mapping[str, str]
    stats: Mapping[str, tuple[str, str]]
    foot: Mapping[str, str]
    chips: Sequence[str]


def shown_on(page: Page) -> Shown:
    """Read a page."""
    read: Any = page.evaluate(_READ)
    return Shown(
        tables={
            name: [{label: Cell(words, exact, link) for label, words, exact, link in row} for row in one["rows"]]
            for name, one in read["tables"].items()
        },
        csv={name: one["csv"] for name, one in read["tables"].items() if one["csv"]},
        stats={name: (figure, note) for name, figure, note in read["stats"]},
        foot=read["foot"],
        chips=[re.sub("^Remove | \u00d7$", "", one) for one in read["chips"]],
    )


def csv_rows(text: str) -> list[dict[str, str]]:
    """Return a CSV's rows by column."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def disagreements(name: str, shown: Sequence[Mapping[str, Cell]], sent: Sequence[Mapping[str, str]]) -> list[str]:
    """Return where a page's table and its CSV differ: rows, their order, or any number in them.

    Args:
        name: of the table.
        shown: its rows on the page.
        sent: its rows in the CSV.
    """
    found = source_of_table(name)
    assert found is not None, name
    if len(shown) != len(sent):
        return [f"{name}: {len(shown)} rows on the page, {len(sent)} in the CSV"]
    faults: list[str] = []
    for number, (row, line) in enumerate(zip(shown, sent, strict=True)):
        faults += [
            f"{name} {number} {column.key}: {row[column.words]} on the page, {line[column.key]!r} in the CSV"
            for column in found[0].columns
            if column.words in row and not _agree(column, row[column.words], line[column.key])
        ]
    return faults


def _agree(column: Column, cell: Cell, sent: str) -> bool:
    if column.kind in _MONEY:
        if not sent:
            return (cell.words, cell.exact) == ("\u2014", None)
        rounded = column.kind not in ("money", "change_money") or cell.words.lstrip("+-\u2212") == dollars(
            sent, signed=False
        )
        return rounded and cell.exact == f"{sent} USD"
    if column.kind in _NUMBERS:
        return number_of(cell.words) == (Decimal(sent) if sent else None)
    if column.kind == "instant":
        return cell.exact == sent
    if column.kind in ("text", "code"):
        return cell.words in (sent.removeprefix("'"), sent or "\u2014") or column.more is not None
    return bool(cell.words)


def dollars(amount: str, *, signed: bool = True) -> str:
    """Return an exact amount as pages round it: half-even to the cent."""
    cents = Decimal(amount).quantize(Decimal("0.01"))
    return f"{'-' if signed and cents < 0 else ''}${abs(cents):,}"


def number_of(words: str) -> Decimal | None:
    """Return the number a cell says; None for a dash."""
    digits = words.replace(",", "").replace("\u2212", "-").removesuffix(" %").strip()
    return None if digits == "\u2014" else Decimal(digits)


def differences(sent: Sequence[Mapping[str, str]], answered: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return where a CSV and the JSON of the same rows differ, in any number that both have by the same name.

    Raises:
        AssertionError: they have no number in common.
    """
    if len(sent) != len(answered):
        return [f"{len(sent)} rows in the CSV, {len(answered)} in the JSON"]
    compared, faults = 0, list[str]()
    for number, (line, one) in enumerate(zip(sent, answered, strict=True)):
        for key in one.keys() & line.keys():
            if not _is_number(one[key]) or not _is_number(line[key] or None):
                continue  # words, which may be other ones in the CSV
            compared += 1
            if _value(line[key] or None) != _value(one[key]) and not _is_unknown(key, line, one):
                faults.append(f"row {number} {key}: {line[key]!r} in the CSV, {one[key]!r} in the JSON")
    assert compared or not answered, "nothing was compared"
    return faults


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | list | dict):
        return False
    return value is None or bool(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", str(value)))


def _value(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _is_unknown(key: str, line: Mapping[str, str], one: Mapping[str, Any]) -> bool:
    """Tell whether a row has no amount where the JSON has a sum of nothing, because it says nothing of the row."""
    unpriced = key == "cost_usd" and one.get("unpriced_requests") == one.get("requests")
    return not line[key] and (unpriced or (key == "markup_usd" and one.get("basis") != "markup"))


def flattened(parts: Iterable[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """Return the rows that stand within rows."""
    return [row for part in parts for row in part[name]]


Rows = Sequence[Mapping[str, Any]]
TABLES: dict[str, tuple[str, str, dict[str, Callable[[Any], Rows]]]] = {
    "overview": (
        "overview",
        "overview",
        {
            "top-projects": lambda one: one["top_projects"],
            "top-models": lambda one: one["top_models"],
            "spend-by-day": lambda one: one["daily"]["points"],
        },
    ),
    "projects": ("projects", "projects", {"projects": lambda one: one["projects"]}),
    "project": (
        "projects/webshop",
        "projects/webshop",
        {
            "by-model": lambda one: one["by_model"],
            "by-developer": lambda one: one["by_device"],
            "spend-over-time": lambda one: one["spend_over_time"]["daily"],
        },
    ),
    "months": (
        "reconciliation",
        "reconciliation",
        {
            "reconciled-months": lambda one: one["months"],
            "reconciled-providers": lambda one: flattened(one["months"], "providers"),
        },
    ),
    "month": (
        "reconciliation/2026-10",
        "reconciliation/2026-10",
        {
            "reconciled-days": lambda one: one["days"],
            "reconciled-month-providers": lambda one: one["month"]["providers"],
            "spend-by-method": lambda one: one["month"]["tiers"],
        },
    ),
    "centres": ("cost-centers", "cost-centers", {"cost-centres": lambda one: one["cost_centres"]}),
    "charged": (
        "cost-centers",
        "chargeback",
        {"chargeback": lambda one: flattened(one["cost_centres"], "projects")},
    ),
    "anomalies": ("anomalies", "anomalies", {"anomalies": lambda one: one["anomalies"]}),
}
"""Where a page, its JSON, and the rows of its tables in that JSON are."""
