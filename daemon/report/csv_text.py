"""A report as CSV: one row a group, no total, so that a column adds up to what the report says.

Belongs here: cells no spreadsheet takes for a formula and no terminal for a command. Does not belong here: which
columns there are (`document`), grouping (`groups`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from daemon.cli.plain_text import printable
from daemon.report.document import as_row
from daemon.report.groups import GROUPINGS, Grouping, Row, rows_by
from daemon.report.reading import Report
from daemon.report.sums import Sums

# What spreadsheets take for the start of a formula, full-width twins included, with what they skip before it. Programs
# that cut cells at another delimiter than ours find a start after that, too.
_FORMULA: Final = re.compile(r"(\A|[;|])(?=[ \u3000�\"]*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def as_csv(report: Report, by: Grouping) -> str:
    """Return the groups of a report with a header, lines ending in CR LF, amounts in USD as decimal text."""
    text = io.StringIO()
    writer = csv.writer(text)
    # The header is that of an empty group, so that a report of nothing has one, too.
    writer.writerow(name for name, _ in _flat(as_row(Row(GROUPINGS[by], Sums(), None), by)))
    writer.writerows([_cell(value) for _, value in _flat(as_row(row, by))] for row in rows_by(report, by))
    return text.getvalue()


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from ((f"{name}_{inner}", one) for inner, one in value.items())
        else:
            yield name, value


def _cell(value: Any) -> Any:
    return _FORMULA.sub(r"\1'", printable(value)) if isinstance(value, str) else value
