"""A cursor that only reads.

Belongs here: which statements a serving connection lets through, and fetching their answers. Does not belong here:
opening connections (`pipelines.lake.catalog`).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import duckdb
import pyarrow as pa

_TEXTS_REMEMBERED: Final = 1_000
READING_STATEMENTS: Final = frozenset({duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN})


# Texts found to be one reading statement; the parameters of a statement are not part of its text.
_known_to_read: set[str] = set()


class NotReadingError(Exception):
    """A statement on a serving connection does more than read."""


class ReadCursor:
    """One thread's way of asking a snapshot. Only statements that read are let through.

    DuckDB itself keeps the marts read-only and everything outside the home out of reach; this also refuses to write
    into the folders that must stay readable, or to change the connection for others.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> Self:
        """Run one reading statement.

        Args:
            sql: `select` or `explain`, with `?` or `$name` for every value.
            parameters: values for them.

        Raises:
            NotReadingError: it is another statement, or more than one.
            duckdb.Error: as DuckDB says.
        """
        self._connection.execute(self._only_reading(sql), parameters)
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, or None."""
        return self._connection.fetchone()

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all remaining rows."""
        return self._connection.fetchall()

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return up to `size` further rows."""
        return self._connection.fetchmany(size)

    def arrow_table(self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> pa.Table:
        """Run one reading statement and return all its rows as an Arrow table; arguments and errors as `execute`."""
        self._only_reading(sql)
        answer: Any = self._connection.sql(sql, params=parameters)
        table: pa.Table = answer.to_arrow_table()
        return table

    def arrow_batches(
        self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None, *, rows: int = 65_536
    ) -> pa.RecordBatchReader:
        """Run one reading statement and return its rows a batch at a time; arguments and errors as `execute`."""
        self._only_reading(sql)
        answer: Any = self._connection.sql(sql, params=parameters)
        batches: pa.RecordBatchReader = answer.to_arrow_reader(rows)
        return batches

    @property
    def columns(self) -> list[str]:
        """Names of the columns of the last answer."""
        return [column[0] for column in self._connection.description or ()]

    def interrupt(self) -> None:
        """Stop the statement that is running on this cursor, from another thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Give the cursor back."""
        self._connection.close()

    def _only_reading(self, sql: str) -> str:
        # What a text does depends on the text alone, and parsing it again costs as much as a small query.
        if sql in _known_to_read:
            return sql
        statements = self._connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type not in READING_STATEMENTS:
            raise NotReadingError("only one reading statement at a time is allowed on published marts")
        if len(_known_to_read) >= _TEXTS_REMEMBERED:
            _known_to_read.clear()
        _known_to_read.add(sql)
        return sql

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()
