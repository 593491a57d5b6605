"""What `backup` and `restore` show in the terminal, on stderr.

Belongs here: bars, the table of a drill and wording. Does not belong here: getting the numbers (`api.backup`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.backup.drill import DrillReport
from api.backup.take import Progress as Told

_WORDS: Final = {
    "tables": "Reading tables",
    "landed files": "Keeping landed files",
    "files": "Bringing files back",
    "rows": "Filling tables",
    "digests": "Checking digests",
    "rebuild": "Rebuilding the marts from landing",
    "recompute": "Recomputing every total",
}


class BackupScreen:
    """A terminal, or a plain log where there is none."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)

    @contextmanager
    def progress(self) -> Generator[Told]:
        """Show one bar per step."""
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        tasks: dict[str, TaskID] = {}
        with Progress(*columns, console=self._console) as bars:

            def told(step: str, done: int, total: int) -> None:
                if step not in tasks:
                    tasks[step] = bars.add_task(_WORDS[step], total=total)
                bars.update(tasks[step], completed=done, total=total)

            yield told

    def say(self, sentence: str) -> None:
        """Say one thing."""
        self._console.print(f"● {escape(sentence)}", soft_wrap=True)

    def drilled(self, report: DrillReport) -> None:
        """Show what a drill compared, and every difference."""
        table = Table(title="Restored beside the backup")
        for column in ("", "backup", "restored", ""):
            table.add_column(column, justify="right" if column else "left")
        for one in report.comparisons:
            mark = "[green]✔[/green]" if one.equal else "[red]✘[/red]"
            table.add_row(escape(one.what), _shown(one.expected), _shown(one.found), mark)
        if report.comparisons:
            table.add_section()
        for name, count in report.checked.items():
            table.add_row(f"recomputed: {name}", "", f"{count:,}", "")
        self._console.print(table)
        for difference in report.differences:
            self._console.print(f"[red]✘[/red] {escape(difference)}", soft_wrap=True)
        if not report.differences:
            self._console.print("[green]✔[/green] this backup can be restored; 0 differences")


def _shown(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else value[:16]
