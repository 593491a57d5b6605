"""What a command shows while somebody waits for it, on stderr.

Belongs here: a line with what is done and for how long. Does not belong here: answers (`console`), screens of their own
(`demo_screen`, `backup_screen`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def waiting(what: str) -> Generator[Callable[[int, int], None]]:
    """Show in a terminal what is waited for and how long already; a log is left alone.

    Args:
        what: is done, `Exporting`.

    Yields:
        Takes how many steps are done, of how many.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as line:
        task = line.add_task(f"{what} …", total=None)

        def told(done: int, of: int) -> None:
            line.update(task, description=f"{what} … {100 * done // max(of, 1)} %")

        yield told
