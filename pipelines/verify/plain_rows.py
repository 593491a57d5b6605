"""Rows of a published table in plain Python values.

Belongs here: asking a snapshot and undoing DuckDB's types. Does not belong here: what is asked.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from pipelines.lake.catalog import Snapshot


def plain_rows(snapshot: Snapshot, query: str) -> list[tuple[Any, ...]]:
    """Run a query; UUIDs come as 32 hex digits, instants as aware UTC."""
    with closing(snapshot.cursor()) as cursor:
        return [tuple(_plain(value) for value in row) for row in cursor.execute(query).fetchall()]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return value.hex if hasattr(value, "hex") and hasattr(value, "fields") else value
