"""What a benchmark is given: a folder, sizes, and someone to tell how far it is.

Belongs here: `Context` only. Does not belong here: how figures are made (`measure`) or shown (`report`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


def _tell_nobody(_message: str) -> None:
    return


@dataclass(frozen=True)
class Context:
    """One run of one benchmark.

    Attributes:
        folder: an empty temporary folder of its own, deleted afterwards.
        rows: the size asked for on the command line; None: the benchmark's own default (see `rows_or`).
        runs: measured runs per side, at least 5 for a figure that is quoted.
        seed: of everything random.
        progress: told in a few words what is being done.
    """

    folder: Path
    rows: int | None = None
    runs: int = 5
    seed: int = 20261122
    progress: Callable[[str], None] = field(default=_tell_nobody)

    def rows_or(self, default: int) -> int:
        """Return the rows asked for, else the benchmark's own size."""
        return default if self.rows is None else self.rows

    def subfolder(self, name: str) -> Path:
        """Return a new folder below `folder`.

        Raises:
            FileExistsError: the name was used before.
        """
        path = self.folder / name
        path.mkdir()
        return path
