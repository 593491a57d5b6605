"""Showing results: a table on the terminal, a JSON file for machines.

Belongs here: formats. Does not belong here: making figures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.measure import Comparison, show

_VERDICTS = {True: "[green]met[/green]", False: "[red]missed[/red]", None: "stated"}


def print_table(console: Console, results: Sequence[Comparison]) -> None:
    """Print one line per comparison."""
    table = Table(show_lines=True, expand=False)
    for title in ("work", "metric", "ours", "others (same run)", "target", ""):
        table.add_column(title, overflow="fold")
    for row in results:
        others = "\n".join(f"{name} {show(value)}{_ratio(row.ours, value)}" for name, value in row.others.items())
        work = f"{row.work}\n[dim]{row.note}[/dim]" if row.note else row.work
        table.add_row(work, row.metric, show(row.ours), others, row.target, _VERDICTS[row.met])
    console.print(table)


def write_json(path: Path, machine: dict[str, Any], results: Sequence[Comparison]) -> None:
    """Write everything, single measurements included.

    Raises:
        OSError: the file cannot be written.
    """
    content = {"machine": machine, "comparisons": [asdict(row) for row in results]}
    path.write_text(json.dumps(content, indent=2) + "\n")


def _ratio(ours: float, other: float) -> str:
    return f" (ours / it: {ours / other:.2f})" if other else ""
