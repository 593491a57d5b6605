"""Running one statement on a snapshot.

Belongs here: cursors, one per statement. Does not belong here: statements. Without a snapshot every statement has no
rows, so that a workspace that has nothing yet gets honest zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.lake.catalog import Snapshot

Row = tuple[Any, ...]
FETCH_ROWS = 5_000


class Marts:
    """One snapshot, for the length of one answer.

    Attributes:
        snapshot: None before the first build.
    """

    def __init__(self, snapshot: Snapshot | None) -> None:
        self.snapshot = snapshot

    def rows(self, statement: str, parameters: Mapping[str, object]) -> list[Row]:
        """Return all rows of a statement."""
        if self.snapshot is None:
            return []
        with self.snapshot.cursor() as cursor:
            return cursor.execute(statement, dict(parameters)).fetchall()

    def records(self, statement: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Return all rows of a statement as dictionaries by column name."""
        if self.snapshot is None:
            return []
        with self.snapshot.cursor() as cursor:
            rows = cursor.execute(statement, dict(parameters)).fetchall()
            return [dict(zip(cursor.columns, row, strict=True)) for row in rows]

    def stream(self, statement: str, parameters: Mapping[str, object]) -> Iterator[Row]:
        """Yield rows of a statement as DuckDB produces them, `FETCH_ROWS` at a time."""
        if self.snapshot is None:
            return
        with self.snapshot.cursor() as cursor:
            cursor.execute(statement, dict(parameters))
            while chunk := cursor.fetchmany(FETCH_ROWS):
                yield from chunk
