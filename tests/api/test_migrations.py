"""The migrated schema is the models' schema, on both databases, however many processes start at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from api.db.migrate import MIGRATIONS, NEWEST_REVISION, downgrade, upgrade
from api.db.models import Base
from pipelines.lake.database import open_database


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


def test_an_upgrade_that_fails_half_way_leaves_nothing(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE quarantined_rows (id INTEGER)"))  # the last table is in the way
    with pytest.raises(Exception, match="already exists"):
        upgrade(empty)
    assert inspect(empty).get_table_names() == ["quarantined_rows"]
