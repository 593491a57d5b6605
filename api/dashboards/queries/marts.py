"""Running one statement on a snapshot.

Belongs here: cursors, one per statement, and the way to what is kept of the snapshot. Does not belong here: statements.
Without a snapshot every statement has no rows, so that a workspace that has nothing yet gets honest zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.lake.catalog import Snapshot

if TYPE_CHECKING:
    from api.dashboards.queries.held import Held

Row = tuple[Any, ...]
FETCH_ROWS = 5_000


class Marts:
    """One snapshot, for the length of one answer.

    Attributes:
        snapshot: None before the first build.
        held: what is kept of builds between answers; None: nothing is, and DuckDB is asked for everything.
    """

    def __init__(self, snapshot: Snapshot | None, held: Held | None = None) -> None:
        self.snapshot = snapshot
        self.held = held

    @property
    def build_id(self) -> str | None:
        """The build read; None before the first."""
        return None if self.snapshot is None else self.snapshot.build_id

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

    def table(self, statement: str, parameters: Mapping[str, object]) -> pa.Table:
        """Return all rows of a statement as an Arrow table.

        Raises:
            ValueError: there is no snapshot, and so no columns.
        """
        if self.snapshot is None:
            raise ValueError("there is no build yet")
        with self.snapshot.cursor() as cursor:
            return cursor.arrow_table(statement, dict(parameters))

    def stream(self, statement: str, parameters: Mapping[str, object]) -> Iterator[Row]:
        """Yield rows of a statement as DuckDB produces them, `FETCH_ROWS` at a time."""
        if self.snapshot is None:
            return
        with self.snapshot.cursor() as cursor:
            cursor.execute(statement, dict(parameters))
            while chunk := cursor.fetchmany(FETCH_ROWS):
                yield from chunk
