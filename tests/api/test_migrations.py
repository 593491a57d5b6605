"""The migrated schema is the models' schema, on both databases, however many processes start at once.

While a new release takes over, servers of the previous one go on writing and reading on the new schema. Their tables
are taken from their own revision, column by column, which is what their models had.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    and_,
    delete,
    insert,
    inspect,
    select,
    text,
    update,
)

from api.db.migrate import MIGRATIONS, NEWEST_REVISION, downgrade, upgrade, upgrade_within
from api.db.models import Base
from pipelines.lake.database import open_database

PREVIOUS_RELEASE = "0002"
REVISIONS = ("base", "0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
OWN_WORDS = {"plan": "team", "role": "owner"}
"""Columns that take certain words only."""
DELETED_BY_THE_PREVIOUS_RELEASE = {"pairing_sessions", "landed_files", "compacted_files", "quarantined_rows"}

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}"
        return
    server = request.getfixturevalue("postgres")
    url = server.new_database(template="template1")
    yield url
    server.drop_database(url)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    engine = open_database(empty_url)
    yield engine
    engine.dispose()


def shape(engine: Engine) -> dict[str, Any]:
    """Everything the database says of its tables, constraint names included."""
    inspector = inspect(engine)
    return {
        table: {
            "columns": {c["name"]: (str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)},
            "key": inspector.get_pk_constraint(table),
            "foreign": sorted(
                (str(k["name"]), k["constrained_columns"], k["referred_table"])
                for k in inspector.get_foreign_keys(table)
            ),
            "unique": sorted((str(u["name"]), u["column_names"]) for u in inspector.get_unique_constraints(table)),
            "checks": sorted(str(c["name"]) for c in inspector.get_check_constraints(table)),
            "indexes": sorted((str(i["name"]), i["column_names"]) for i in inspector.get_indexes(table)),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def test_the_newest_revision_is_the_models_schema(empty: Engine) -> None:
    upgrade(empty)
    with empty.connect() as connection:
        options = {"compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []
    migrated = shape(empty)
    downgrade(empty, "base")
    assert shape(empty) == {}
    Base.metadata.create_all(empty)
    assert migrated == shape(empty)


def test_the_newest_revision_is_the_one_the_server_looks_for(empty: Engine) -> None:
    upgrade(empty)
    with empty.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == NEWEST_REVISION
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [NEWEST_REVISION]


def test_the_landing_counter_has_its_row(empty: Engine) -> None:
    upgrade(empty)
    with empty.connect() as connection:
        assert connection.execute(text("SELECT id, value FROM landing_sequence")).all() == [(1, 0)]


def test_several_processes_may_upgrade_at_once(empty_url: str) -> None:
    def start(_number: int) -> None:
        engine = open_database(empty_url)
        try:
            upgrade(engine)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(start, range(6)))
    engine = open_database(empty_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM landing_sequence")).scalar() == 1
    engine.dispose()


def test_a_release_that_is_older_than_the_schema_goes_on_with_it(
    empty: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    upgrade(empty)
    assert "schema 9999 of a newer release" in caplog.text
    with empty.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
        assert connection.execute(text("SELECT count(*) FROM landing_sequence")).scalar_one() == 1


def test_an_upgrade_that_fails_half_way_leaves_nothing(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE quarantined_rows (id INTEGER)"))  # the last table is in the way
    with pytest.raises(Exception, match="already exists"):
        upgrade(empty)
    assert inspect(empty).get_table_names() == ["quarantined_rows"]


def at_revision(empty: Engine, revision: str) -> tuple[dict[str, Any], list[Table]]:
    """Upgrade to a revision; return its shape, and its tables, those that others refer to first."""
    metadata = MetaData()
    if revision != "base":
        with empty.begin() as connection:
            upgrade_within(connection, revision)
            metadata.reflect(connection)
    return shape(empty), [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def value(column: Column[Any], number: int) -> Any:
    """Return what fits a column, another for every number."""
    if column.name in OWN_WORDS:
        return OWN_WORDS[column.name]
    for key in column.foreign_keys:
        return value(key.column, number)
    if isinstance(column.type, Boolean):
        return number % 2 == 0
    if isinstance(column.type, LargeBinary):
        return bytes([number, 0, 255])
    if isinstance(column.type, Integer):
        return number
    return f"{column.table.name}.{column.name} {number}"[-(getattr(column.type, "length", None) or 100) :]


def rows_for(table: Table) -> list[dict[str, Any]]:
    """Return a row with every column filled, and one with those only that must be."""
    if table.name == "landing_sequence":  # the schema itself brings its one row
        return [{"id": 1, "value": 0}]
    return [
        {c.name: value(c, number) if number == 1 or not c.nullable else None for c in table.columns}
        for number in (1, 2)
    ]


def fill(engine: Engine, tables: list[Table]) -> None:
    """Insert rows, naming the columns of these tables only, as servers do that know no others."""
    with engine.begin() as connection:
        for table in tables:
            if table.name != "landing_sequence":
                connection.execute(insert(table), rows_for(table))


def read(engine: Engine, tables: list[Table]) -> Rows:
    """Return the columns of these tables as servers read them that know no others."""
    with engine.connect() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]
            for table in tables
        }


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_revision_can_be_upgraded_gone_back_to_and_upgraded_again_with_its_rows(
    empty: Engine, revision: str
) -> None:
    assert REVISIONS[-1] == NEWEST_REVISION
    before, tables = at_revision(empty, revision)
    fill(empty, tables)
    rows = {table.name: rows_for(table) for table in tables}
    upgrade(empty)
    assert _without_what_is_derived(read(empty, tables)) == _without_what_is_derived(rows)
    downgrade(empty, revision)
    assert shape(empty) == before
    assert _without_what_is_derived(read(empty, tables)) == _without_what_is_derived(rows)
    upgrade(empty)
    assert _without_what_is_derived(read(empty, tables)) == _without_what_is_derived(rows)


def _without_what_is_derived(rows: Rows) -> Rows:
    """Leave out what going back forgets and an upgrade finds again by other columns."""
    return {
        table: [
            {name: value for name, value in row.items() if (table, name) != ("sync_tokens", "instance")} for row in of
        ]
        for table, of in rows.items()
        if table != "device_instances"
    }


def test_every_table_of_the_previous_release_takes_and_refuses_what_it_did(empty: Engine) -> None:
    older, tables = at_revision(empty, PREVIOUS_RELEASE)
    upgrade(empty)
    newer, inspector = shape(empty), inspect(empty)
    for table in tables:
        was, now = older[table.name], newer[table.name]
        for part in ("key", "foreign", "unique", "checks"):
            assert now[part] == was[part], (table.name, part)
        assert {name: kind for name, kind in now["columns"].items() if name in was["columns"]} == was["columns"]
        for added in inspector.get_columns(table.name):
            if added["name"] not in was["columns"]:
                assert added["nullable"] or added["default"] is not None, (table.name, added["name"])
        for index in inspector.get_indexes(table.name):
            assert not index["unique"] or (str(index["name"]), index["column_names"]) in was["indexes"], index
    for name in newer.keys() - older.keys():  # a row of a new table must not keep an old one from going
        referred = {str(key["referred_table"]) for key in inspector.get_foreign_keys(name)}
        assert not referred & DELETED_BY_THE_PREVIOUS_RELEASE, name


def test_what_the_previous_release_says_to_the_database_works_on_the_newest_schema(empty: Engine) -> None:
    _, tables = at_revision(empty, PREVIOUS_RELEASE)
    upgrade(empty)
    fill(empty, tables)
    assert read(empty, tables) == {table.name: rows_for(table) for table in tables}
    for table in tables:
        free = [c for c in table.columns if not c.primary_key and not c.foreign_keys and c.name not in OWN_WORDS]
        first = rows_for(table)[0]
        whose = and_(*[key == first[key.name] for key in table.primary_key])
        with empty.begin() as connection:
            for changes in ({c.name: None for c in free if c.nullable}, {c.name: value(c, 3) for c in free}):
                if changes:
                    assert connection.execute(update(table).where(whose).values(changes)).rowcount == 1
                    told = connection.execute(select(table).where(whose)).mappings().one()
                    assert dict(told) == first | changes, table.name
                    first |= changes
    with empty.begin() as connection:
        for table in reversed(tables):
            connection.execute(delete(table))
    assert {name: rows for name, rows in read(empty, tables).items() if rows} == {}
