"""A table that fits: which columns a terminal has room for, and their lines.

Belongs here: widths in terminal cells, cutting, padding, choosing. Does not belong here: what is in the columns
(`screen`, `live`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

GAP: Final = 2
"""Blanks between columns."""
_MEASURES: Final = Console(file=io.StringIO(), width=80)  # rich asks for one to break lines, and prints nothing on it


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        title: its heading.
        cells: one text a row, safe to print.
        rank: the lower, the sooner it gets room; rank 0 is always there.
        right: whether its cells end together.
        style: of its cells, as rich writes styles.
        styles: of single cells, over `style`; as many as cells, or none.
    """

    title: str
    cells: Sequence[str]
    rank: int
    right: bool = True
    style: str = ""
    styles: Sequence[str] = ()

    @property
    def width(self) -> int:
        """Terminal cells it would like."""
        return max(map(cell_len, (self.title, *self.cells)))


@dataclass(frozen=True, kw_only=True)
class Elastic:
    """A column that takes the width it gets.

    Attributes:
        drawn: cells for a width, in terminal cells, at most that wide.
        least: narrowest that makes sense.
        most: widest that makes sense.
    """

    title: str
    drawn: Callable[[int], Sequence[str]]
    least: int
    most: int
    rank: int
    style: str = ""

    @property
    def width(self) -> int:
        """Terminal cells it asks for."""
        return max(self.least, cell_len(self.title))


def lines(columns: Sequence[Column | Elastic], width: int, *, ruled: Sequence[int] = ()) -> list[Text]:
    """Return a heading and a line a row, none wider than `width` terminal cells.

    Args:
        columns: left to right; the first is the name, which is cut where nothing else can give.
        width: of the terminal.
        ruled: numbers of rows that have a rule above them.
    """
    name = columns[0]
    least = min(name.width, _least_name(width))
    kept: list[Column | Elastic] = [name]
    used = least
    for column in sorted(columns[1:], key=lambda one: one.rank):
        needed = GAP + column.width
        if column.rank and used + needed > width:
            break  # what matters less does not come in its place
        kept.append(column)
        used += needed
    placed = [column for column in columns if column in kept]
    spare = max(width - used, 0)
    widths: list[int] = []
    for column in placed:
        wanted = column.width if column is not name else least
        most = column.most if isinstance(column, Elastic) else column.width
        given = min(most - wanted, spare)
        spare -= given
        widths.append(wanted + given)
    drawn = [_fixed(column, given) for column, given in zip(placed, widths, strict=True)]
    shown = [_line(drawn, widths, None)]
    for number in range(len(drawn[0].cells)):
        if number in ruled:
            shown.append(Text("─" * min(sum(widths) + GAP * (len(widths) - 1), width), style="dim"))
        shown.append(_line(drawn, widths, number))
    for line in shown:
        line.truncate(width, overflow="ellipsis")  # a sum that is cut says so
    return shown


def fitted(text: str, cells: int, *, right: bool = False, mark: Literal["…", ""] = "…") -> str:
    """Return text exactly `cells` terminal cells wide: cut with an ellipsis, or padded."""
    if cell_len(text) > cells:
        kept = ""
        room = cells - cell_len(mark)
        for one in text:
            room -= cell_len(one)
            if room < 0:
                break
            kept += one
        text = kept + mark if cells > 0 else ""
    blanks = " " * (cells - cell_len(text))
    return blanks + text if right else text + blanks


def wrapped(text: Text, width: int) -> list[Text]:
    """Return a paragraph in lines no wider than `width`, further ones indented."""
    if text.cell_len <= width:
        return [text]
    first, *rest = text.wrap(_MEASURES, max(width - GAP, 1))
    for line in (first, *rest):
        line.rstrip()
    return [first, *(Text.assemble(" " * GAP, line) for line in rest)]


def _least_name(width: int) -> int:
    return max(8, min(width // 4, 24))


def _fixed(column: Column | Elastic, width: int) -> Column:
    if isinstance(column, Column):
        return column
    return Column(title=column.title, cells=column.drawn(width), rank=column.rank, right=False, style=column.style)


def _line(columns: Sequence[Column], widths: Sequence[int], row: int | None) -> Text:
    line = Text()
    for number, (column, width) in enumerate(zip(columns, widths, strict=True)):
        text = column.title if row is None else column.cells[row]
        style = "dim" if row is None else (column.styles[row] if column.styles else column.style)
        if number:
            line.append(" " * GAP)
        line.append(fitted(text, width, right=column.right), style=style)
    line.rstrip()
    return line
