"""The private warehouse file: which build it stands at, and replacing it after a full rebuild.

Belongs here: the `builds` table, opening the warehouse, the swap. Does not belong here: its models (`dbt_project`) and
what is published from it (`pipelines.publish`).
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

import duckdb
import msgspec

from pipelines.build_inputs import BuildInputs
from pipelines.durable_files import TEMPORARY_PREFIX, move_durably, remove_leftovers
from pipelines.lake.catalog import quoted
from pipelines.lake.paths import Home

_log = logging.getLogger(__name__)

FACTS: Final = "int_requests_priced"
"""The model of all requests: a view over the segments of a build."""
_BUILDS = """
create table if not exists main.builds (build_id varchar not null, built_at timestamp not null, inputs varchar not null)
"""


class LastBuild(msgspec.Struct, frozen=True):
    """The published build the warehouse stands at, and what it was made from."""

    build_id: str
    inputs: BuildInputs


@contextmanager
def warehouse_opened(warehouse: Path, memory: str = "2GB") -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse, read-only, in a connection that can also write other files.

    The warehouse keeps the name dbt gives it, so that its views find their tables.

    Args:
        warehouse: the database file.
        memory: DuckDB memory limit.

    Yields:
        A connection that stands in the warehouse.
    """
    spill = warehouse.parent / "spill"
    config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": memory, "temp_directory": str(spill)}
    connection = duckdb.connect(config=config)
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f'attach {quoted(warehouse)} as "{warehouse.stem}" (read_only)')
        connection.execute(f'use "{warehouse.stem}"')
        yield connection
    finally:
        connection.close()


def last_build(warehouse: Path) -> LastBuild | None:
    """Return the published build the warehouse stands at.

    Returns:
        None when the file is missing, cannot be read, or was never published from.
    """
    if not warehouse.is_file():
        return None
    try:
        with warehouse_opened(warehouse) as connection:
            rows = connection.execute(
                "select build_id, inputs from main.builds order by built_at desc, build_id desc limit 1"
            ).fetchall()
    except duckdb.CatalogException:
        return None
    except duckdb.Error as fault:
        _log.warning("the warehouse cannot be read and will be rebuilt: %s", fault)
        return None
    try:
        return LastBuild(rows[0][0], msgspec.json.decode(rows[0][1], type=BuildInputs)) if rows else None
    except msgspec.DecodeError:
        return None


def record_build(warehouse: Path, build: LastBuild, built_at: datetime, facts: Sequence[Path]) -> None:
    """Write down that the warehouse was published from. Call it only once the pointer has moved.

    Args:
        warehouse: the database file.
        build: what was published, and from what.
        built_at: when, aware.
        facts: the segments it was published with, at least one; the view over them is moved to their final names.
    """
    connection = duckdb.connect(str(warehouse))
    try:
        connection.execute(_BUILDS)
        content = msgspec.json.encode(build.inputs).decode()
        moment = built_at.astimezone(UTC).replace(tzinfo=None)
        connection.execute("begin")
        connection.execute("delete from main.builds")
        connection.execute("insert into main.builds values (?, ?, ?)", [build.build_id, moment, content])
        files = ", ".join(map(quoted, facts))
        connection.execute(f"create or replace view main.{FACTS} as select * from read_parquet([{files}])")  # noqa: S608 - our own names
        connection.execute("commit")
    finally:
        connection.close()


def _unfinished_mark(home: Home) -> Path:
    return home.warehouse.with_name("unfinished")


def mark_unfinished(home: Home) -> None:
    """Note that models of the warehouse in use are about to change, and how often in a row that was begun."""
    _unfinished_mark(home).write_text(str(unfinished_attempts(home) + 1))


def mark_finished(home: Home) -> None:
    """Note that the warehouse in use is what was last published."""
    _unfinished_mark(home).unlink(missing_ok=True)


def unfinished_attempts(home: Home) -> int:
    """Return how many builds in a row began to change the warehouse in use and never ended."""
    try:
        return int(_unfinished_mark(home).read_text() or 1)
    except FileNotFoundError:
        return 0
    except ValueError:
        return 1


def fresh_warehouse(home: Home) -> Path:
    """Return the path of a new, empty warehouse beside the one in use, in a folder of its own.

    It has the same file name: dbt's views name their database by it.
    """
    folder = home.warehouse.parent / f"{TEMPORARY_PREFIX}{uuid4().hex[:12]}"
    folder.mkdir(parents=True)
    return folder / home.warehouse.name


def adopt_warehouse(home: Home, fresh: Path) -> None:
    """Put a freshly built warehouse in the place of the one in use.

    The old file's log goes first: it must never be replayed onto the new one. Killed in between, the next refresh
    finds no warehouse and rebuilds it.
    """
    drop_warehouse(home)
    move_durably(fresh, home.warehouse)
    shutil.rmtree(fresh.parent, ignore_errors=True)


def drop_warehouse(home: Home) -> None:
    """Delete the warehouse in use, if any."""
    home.warehouse.unlink(missing_ok=True)
    home.warehouse.with_name(home.warehouse.name + ".wal").unlink(missing_ok=True)


def remove_abandoned(home: Home) -> None:
    """Delete warehouses that a killed full rebuild left behind. Call it only under the refresh lock."""
    remove_leftovers(home.warehouse.parent, lambda folder: shutil.rmtree(folder, ignore_errors=True))
