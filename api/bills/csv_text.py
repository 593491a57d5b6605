"""An invoice file as rows of text: decoded, split, and within limits.

Belongs here: encodings, delimiters, limits, finding the line of column names, and text that is safe to look at. Does
not belong here: what a cell means (`csv_values`), which column is which (`csv_mapping`).

Nothing of a file is ever run, opened or followed: cells are text, and a formula is the characters it is written in.
"""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Final

from api.errors import Refused, invalid

UPLOAD_BYTES_MAX: Final = 10 * 1024 * 1024
ROWS_MAX: Final = 50_000
COLUMNS_MAX: Final = 200
CELL_LENGTH_MAX: Final = 5_000
_DELIMITERS: Final = (",", ";", "\t", "|")
_LOOKED_AT: Final = 200
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_REPLACEMENT: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class CsvText:
    """A file as rows.

    Attributes:
        encoding: it was read in.
        delimiter: between its cells.
        rows: every row that is not empty, with the number of the row in the file, from 1.
    """

    encoding: str
    delimiter: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_csv(content: bytes, *, delimiter: str | None = None) -> CsvText:
    """Return a file's rows.

    Args:
        content: the bytes as uploaded.
        delimiter: between cells; found out when None.

    Raises:
        Refused: 413 too large; 422 it is no text, or no table within the limits.
    """
    if len(content) > UPLOAD_BYTES_MAX:
        raise Refused(413, "bill_file_too_large", f"The file is larger than {UPLOAD_BYTES_MAX // 1024**2} MiB.")
    text, encoding = _decoded(content)
    if "\x00" in text:
        raise _unusable("The file is not text.")
    if delimiter is None:
        delimiter = _guessed_delimiter(text)
    elif delimiter not in _DELIMITERS:
        raise _unusable("The delimiter must be a comma, a semicolon, a tab or a vertical bar.")
    rows = tuple(_split(text, delimiter))
    if not rows:
        raise _unusable("The file has no rows.")
    return CsvText(encoding, delimiter, rows)


def guessed_header(text: CsvText) -> int:
    """Return the number of the row that most likely names the columns: the first as wide as most rows are."""
    looked = text.rows[:_LOOKED_AT]
    widths = Counter(len(cells) for _, cells in looked if len(cells) > 1)
    if not widths:
        return looked[0][0]
    width = max(widths, key=lambda one: (widths[one], one))
    return next(number for number, cells in looked if len(cells) == width)


def visible(text: str, longest: int) -> str:
    """Return text that looks like what it says: no control, direction or invisible character, at most so long."""
    shown = "".join(one if one.isprintable() else _REPLACEMENT for one in unicodedata.normalize("NFC", text).strip())
    return shown[:longest]


def _decoded(content: bytes) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding), encoding
            except UnicodeDecodeError:
                raise _unusable("The file says that it is Unicode, and is not.") from None
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        raise _unusable("The file's characters are neither UTF-8 nor Windows-1252.") from None


def _guessed_delimiter(text: str) -> str:
    """Return the delimiter that cuts the most rows into the same number of cells, two at least."""
    best, best_score = ",", (0, 0)
    head = text[: 64 * 1024]
    for delimiter in _DELIMITERS:
        try:
            rows = list(islice(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), _LOOKED_AT))
        except csv.Error:
            continue
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if widths:
            width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
            if (count, width) > best_score:
                best, best_score = delimiter, (count, width)
    return best


def _split(text: str, delimiter: str) -> list[tuple[int, tuple[str, ...]]]:
    rows: list[tuple[int, tuple[str, ...]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if not any(cell.strip() for cell in cells):
                continue
            if len(rows) >= ROWS_MAX:
                raise _unusable(f"The file has more than {ROWS_MAX} rows.")
            if len(cells) > COLUMNS_MAX:
                raise _unusable(f"Row {number} has more than {COLUMNS_MAX} cells.")
            if any(len(cell) > CELL_LENGTH_MAX for cell in cells):
                raise _unusable(f"Row {number} has a cell of more than {CELL_LENGTH_MAX} characters.")
            rows.append((number, tuple(cells)))
    except csv.Error:
        raise _unusable(f"Row {number + 1} is not CSV: a quote does not end, or a cell is huge.") from None
    return rows


def _unusable(message: str) -> Refused:
    return invalid(message, code="bill_file_unusable")
