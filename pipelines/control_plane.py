"""Control-plane data crossing into the warehouse: app database rows written as Parquet exports.

Belongs here: the queries, the schemas of the exports, and the rule that says which project's rows are withheld. Does
not belong here: prices (`pipelines.rates`), calendars (`pipelines.calendar`), and anything that changes the app
database.

Everything is read in one read-only transaction, so that the exports agree with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Connection, Engine, text

from pipelines.durable_files import write_if_changed
from pipelines.export_tables import encoded, table_digest, table_of
from pipelines.lake.paths import Home
from pipelines.lake.rate_book import Rate
from pipelines.lake.schema import INSTANT
from pipelines.lake.schema import UUID as UUID_TYPE
from pipelines.landed_export import LANDED_SCHEMA, LANDED_SQL, LandedFileRow, exported_file, landed_file
from pipelines.negotiated_rates import read_negotiated_rates
from pipelines.retention import horizon

WITHHELD_OVER_CEILING: Final = "plan_project_ceiling"
WITHHELD_ARCHIVED: Final = "project_archived"
REATTRIBUTIONS: Final = "reattributions"


@dataclass(frozen=True)
class ControlPlane:
    """One consistent reading of the app database.

    Attributes:
        tables: export name to Arrow table.
        landed: every committed landing file, in commit order.
        time_zones: workspace id to IANA zone.
        negotiated: the workspaces' own prices that are not withdrawn.
        horizons: workspace id to the first UTC day (ISO date) whose requests are kept, where not all are.
        newest_file_seq: the newest number given to a landing file, also when that one was purged since.
    """

    tables: dict[str, pa.Table]
    landed: list[LandedFileRow] = field(default_factory=list[LandedFileRow])
    time_zones: dict[str, str] = field(default_factory=dict[str, str])
    negotiated: tuple[Rate, ...] = ()
    horizons: dict[str, str] = field(default_factory=dict[str, str])
    newest_file_seq: int = 0

    @property
    def max_file_seq(self) -> int:
        """The newest file committed so far, purged ones included; 0 when nothing has landed."""
        return max(self.newest_file_seq, self.landed[-1].file_seq if self.landed else 0)

    @property
    def row_count(self) -> int:
        """Rows landed so far, repeats included."""
        return sum(one.row_count for one in self.landed)

    def digests(self) -> dict[str, str]:
        """Return a digest per export, independent of where the home lies."""
        return {name: table_digest(table) for name, table in self.tables.items()}


@dataclass(frozen=True)
class _Export:
    """How one table is read and written: SQL whose columns stand in the order of `schema`."""

    name: str
    sql: str
    schema: pa.Schema
    convert: Callable[[Sequence[Any], date], Sequence[Any]] | None = None


def withheld(archived_at_us: int | None, *, over_ceiling: bool) -> tuple[int | None, str | None]:
    """Return since when (microseconds, by `received_at`) a project's rows are withheld, and why; (None, None) if not.

    A project above the plan's ceiling is withheld whole; an archived one from its archiving on.
    """
    if over_ceiling:
        return 0, WITHHELD_OVER_CEILING
    if archived_at_us is not None:
        return archived_at_us, WITHHELD_ARCHIVED
    return None, None


def _workspace(row: Sequence[Any], today: date) -> Sequence[Any]:
    *shown, retention_days = row
    return (*shown, horizon(today, retention_days))


def _project(row: Sequence[Any], _today: date) -> Sequence[Any]:
    *shown, first_seen, archived_at_us, over_ceiling, version = row
    return (*shown, first_seen, *withheld(archived_at_us, over_ceiling=bool(over_ceiling)), version)


_TEXT: Final = pa.string()
_COUNT: Final = pa.int64()
_DAY: Final = pa.date32()
_EXPORTS: Final = (
    _Export(
        "workspaces",
        "select id, slug, name, plan, time_zone, retention_days from workspaces",
        pa.schema([
            ("workspace_id", UUID_TYPE), ("slug", _TEXT), ("name", _TEXT), ("plan", _TEXT), ("time_zone", _TEXT),
            ("retained_from", _DAY),
        ]),
        _workspace,
    ),
    _Export(
        "projects",
        "select p.workspace_id, p.slug, p.display_name, p.client_name, c.slug, c.name, p.first_seen_at_us,"
        " p.archived_at_us, p.over_ceiling, p.visibility_version"
        " from projects p left join cost_centres c on c.id = p.cost_centre_id",
        pa.schema([
            ("workspace_id", UUID_TYPE), ("project", _TEXT), ("display_name", _TEXT), ("client_name", _TEXT),
            ("cost_centre", _TEXT), ("cost_centre_name", _TEXT), ("first_seen_at", INSTANT),
            ("withheld_since", INSTANT), ("withheld_reason", _TEXT), ("visibility_version", _COUNT),
        ]),
        _project,
    ),
    _Export(
        REATTRIBUTIONS,
        "select workspace_id, position, id, from_slug, to_slug, device_id, from_us, until_us from reattributions"
        " where withdrawn_at_us is null",
        pa.schema([
            ("workspace_id", UUID_TYPE), ("decision_number", _COUNT), ("reattribution_id", UUID_TYPE),
            ("from_project", _TEXT), ("to_project", _TEXT), ("device_id", UUID_TYPE),
            ("starts_at", INSTANT), ("ends_at", INSTANT),
        ]),
    ),
    _Export(
        "devices",
        "select workspace_id, id, hostname, display_name, platform, daemon_version, paired_at_us, revoked_at_us"
        " from devices",
        pa.schema([
            ("workspace_id", UUID_TYPE), ("device_id", UUID_TYPE), ("hostname", _TEXT), ("display_name", _TEXT),
            ("platform", _TEXT), ("daemon_version", _TEXT), ("paired_at", INSTANT), ("revoked_at", INSTANT),
        ]),
    ),
    _Export(
        "landed_batches",
        "select batch_key, batch_id, workspace_id, device_id, file_seq, received_at_us, received_count, landed_count,"
        " duplicate_count, quarantined_count from landed_batches",
        pa.schema([
            ("batch_key", UUID_TYPE), ("batch_id", _TEXT), ("workspace_id", UUID_TYPE), ("device_id", UUID_TYPE),
            ("file_seq", _COUNT), ("received_at", INSTANT), ("received_count", _COUNT), ("landed_count", _COUNT),
            ("duplicate_count", _COUNT), ("quarantined_count", _COUNT),
        ]),
    ),
)  # fmt: skip

EXPORT_NAMES: Final = (*(one.name for one in _EXPORTS), "landed_files")
"""Names of the exports this module writes, without `.parquet`."""


def read_control_plane(engine: Engine, home: Home, today: date) -> ControlPlane:
    """Read everything the warehouse needs from the app database, as of one instant.

    Args:
        engine: the app database, SQLite or PostgreSQL.
        home: gives landing files their absolute paths.
        today: the UTC day that horizons of retention are counted from.

    Returns:
        The tables and the ledger's files.
    """
    isolation = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect() as plain:
        connection = plain.execution_options(read_only=True, **isolation)
        with connection.begin():
            tables = {one.name: _read(connection, one, today) for one in _EXPORTS}
            files = connection.execute(text(LANDED_SQL)).all()
            newest = connection.execute(text("select coalesce(max(value), 0) from landing_sequence")).scalar_one()
            negotiated = read_negotiated_rates(connection)
    workspaces = tables["workspaces"].to_pylist()
    horizons: dict[str, date | None] = {str(one["workspace_id"]): one["retained_from"] for one in workspaces}
    landed = [landed_file(row) for row in files]
    rows = [exported_file(home, one, row[1], horizons) for one, row in zip(landed, files, strict=True)]
    tables["landed_files"] = table_of(LANDED_SCHEMA, rows)
    return ControlPlane(
        tables=tables,
        landed=landed,
        time_zones={str(one["workspace_id"]): str(one["time_zone"]) for one in workspaces},
        negotiated=negotiated,
        horizons={workspace: first.isoformat() for workspace, first in horizons.items() if first is not None},
        newest_file_seq=int(newest),
    )


def write_control_plane(control_plane: ControlPlane, home: Home) -> dict[str, Path]:
    """Write the exports, each atomically, leaving equal files alone.

    Returns:
        Export name to the file that now holds it.

    Raises:
        OSError: an export could not be made durable; the earlier one stays.
    """
    paths = {name: home.exports / f"{name}.parquet" for name in control_plane.tables}
    for name, path in paths.items():
        write_if_changed(path, encoded(control_plane.tables[name]))
    return paths


def _read(connection: Connection, export: _Export, today: date) -> pa.Table:
    found: Sequence[Sequence[Any]] = connection.execute(text(export.sql)).all()
    if export.convert is not None:
        found = [export.convert(row, today) for row in found]
    # Sorted here: two databases may order text by different rules.
    return table_of(export.schema, sorted(found, key=itemgetter(0, 1)))
