"""Of two workspaces with a row in every table, one is deleted to the last row and the other keeps each of its own."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from sqlalchemy import Column, Engine, Table, insert, select

from api.db.models import Base
from api.purge.rows import KEPT, delete_rows

ONE_NUMBER = "landing_sequence"
"""Nobody's: it has one row for all."""
TABLES = [table for table in Base.metadata.sorted_tables if table.name not in KEPT | {ONE_NUMBER}]


def workspace_id_of(slug: str) -> str:
    return str(uuid5(NAMESPACE_DNS, slug))


def made_up(table: Table, column: Column[Any], slug: str) -> Any:
    """Return a value that no other workspace's row has, and that leads to the workspace where it should."""
    if "workspace_id" in (column.name, f"{table.name[:-1]}_{column.name}"):
        return workspace_id_of(slug)
    named = {"next_path": f"/{slug}/overview", "plan": "team", "role": "member"}
    if column.name in named:
        return named[column.name]
    kind, length = column.type.python_type, getattr(column.type, "length", None)
    if kind is str:
        return str(uuid5(NAMESPACE_DNS, f"{table.name} {slug}")) if length == 36 else slug[:length]
    return {int: len(slug), bool: True, bytes: slug.encode()}[kind]


def fill(engine: Engine, slug: str) -> dict[str, Any]:
    """Write one row into every table, for one workspace and one person; return them by table."""
    rows: dict[str, Any] = {}
    with engine.begin() as connection:
        for table in TABLES:
            row: dict[str, Any] = {}
            for column in table.c:
                keys = [key.column for key in column.foreign_keys]
                row[column.name] = rows[keys[0].table.name][keys[0].name] if keys else made_up(table, column, slug)
            connection.execute(insert(table).values(row))
            rows[table.name] = row
    return rows


def stored(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    with engine.connect() as connection:
        return {table.name: [dict(row) for row in connection.execute(select(table)).mappings()] for table in TABLES}


def test_no_table_keeps_a_row_of_it_and_every_table_keeps_the_others(engine: Engine) -> None:
    fill(engine, "going")
    kept = fill(engine, "staying")
    assert {len(rows) for rows in stored(engine).values()} == {2}
    with engine.begin() as connection:
        delete_rows(connection, workspace_id_of("going"))
    assert stored(engine) == {table: [row] for table, row in kept.items()}
