"""What the server holds of a workspace's rows at this moment: the published build and all that landed since.

Belongs here: the queries behind `GET /v1/reconciliation/daemon-totals` and the body route's "is the row here yet".
Does not belong here: dashboards, which only ever show a published build.

A device's totals count each request id it has sent once, whichever device sent it first, so that a laptop that was
paired anew agrees with its own store. Files landed since the build are read directly and de-duplicated against it.
Requests past the workspace's retention (its horizon in the build) are not counted, built or not: a laptop that keeps
more than its workspace compares days from the horizon on.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import duckdb
from sqlalchemy import Engine, func, select

from daemon.wire.batch import DaemonTotalsRow
from pipelines.lake.catalog import SnapshotReader, quoted
from pipelines.lake.horizons import published_horizon
from pipelines.lake.ledger import landed_files, stored_files, stored_path
from pipelines.lake.paths import Home

# First copy of each id in landing order. Rows of a compacted file tell where they landed; it may hold built ones too.
_LANDED: Final = """
    landed as (
        select request_id, device_id, coalesce(project, '(not shared)') as project,
            recorded_at at time zone 'UTC' as recorded_at, input_tokens, output_tokens, cost_logged_millicents,
            coalesce(origin_file_seq, $file_seqs[list_position($files, filename)]) as file_seq,
            coalesce(origin_row_number, file_row_number) as row_number
        from read_parquet($files, union_by_name = true, filename = true, file_row_number = true)
        where workspace_id = $workspace_id and requested_at >= $retained_from and file_seq > $built
    ),
    landed_firsts as (
        select * from landed
        qualify row_number() over (partition by request_id order by file_seq, row_number) = 1
    ),
    sent as (select distinct request_id from landed where device_id = $device_id),
"""
_NOTHING_PUBLISHED: Final = """
    published as (
        select request_id, device_id, project, recorded_at, input_tokens, output_tokens, cost_logged_millicents
        from landed_firsts where false
    ),
    sighted as (select request_id from published),
"""
_PUBLISHED: Final = """
    published as (
        -- What the laptop logged: its own books know nothing of re-attributions.
        select request_id, device_id, project_as_logged as project, recorded_at, input_tokens, output_tokens,
            cost_logged_millicents
        from fct_requests where workspace_id = $workspace_id
    ),
    sighted as (
        select request_id from marts.fct_device_sightings
        where workspace_id = $workspace_id and device_id = $device_id
    ),
"""
_TOTALS: Final = """
    held as (
        select * from published
        where device_id = $device_id
            or request_id in (select request_id from sighted)
            or request_id in (select request_id from sent)
        union all by name
        select * exclude (file_seq, row_number) from landed_firsts
        semi join sent using (request_id)
        anti join published using (request_id)
    )
    select project, strftime(recorded_at, '%Y-%m-%d') as day, count(*), sum(input_tokens), sum(output_tokens),
        coalesce(sum(cost_logged_millicents), 0)
    from held
    where recorded_at >= $from_day and recorded_at < $until_day
    group by all
    order by all
"""


@dataclass(frozen=True)
class HeldRows:
    """Reads one installation's rows, published and fresh.

    Attributes:
        home: where landing lives.
        engine: the app database, for the ledger.
        snapshots: the published marts.
    """

    home: Home
    engine: Engine
    snapshots: SnapshotReader

    def totals(self, workspace_id: str, device_id: str, from_day: date, to_day: date) -> list[DaemonTotalsRow]:
        """Sum one device's rows by project and UTC day of `recorded_at`.

        Args:
            workspace_id: the device's workspace.
            device_id: whose rows; every id it sent, withheld projects included.
            from_day: first day, inclusive.
            to_day: last day, inclusive.
        """
        parameters: dict[str, Any] = {
            "device_id": device_id,
            "from_day": from_day,
            "until_day": to_day + timedelta(days=1),
        }
        return [
            DaemonTotalsRow(
                project=project,
                date=day,
                request_count=count,
                prompt_tokens=int(input_tokens),
                completion_tokens=int(output_tokens),
                cost_usd_minor_units=int(cost),
            )
            for project, day, count, input_tokens, output_tokens, cost in self._query(_TOTALS, workspace_id, parameters)
        ]

    def has_request(self, workspace_id: str, request_id: str) -> bool:
        """Tell whether a request id of this workspace has landed."""
        found = "found as (select request_id from published union all select request_id from landed) "
        query = f"{found} select 1 from found where request_id = $request_id limit 1"  # noqa: S608 - constant text
        # No device is asked for: the nil UUID is nobody's.
        parameters = {"device_id": "00000000-0000-0000-0000-000000000000", "request_id": request_id}
        return bool(self._query(query, workspace_id, parameters))

    def _query(self, query: str, workspace_id: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        snapshot = self.snapshots.current()
        bound = {**parameters, "workspace_id": workspace_id}
        if snapshot is None:
            bound |= self._landed_since(workspace_id, 0, None)
            with closing(self._landing_only()) as connection:
                return connection.execute(f"with {_LANDED} {_NOTHING_PUBLISHED} {query}", bound).fetchall()
        with snapshot, snapshot.cursor() as cursor:
            kept_from = published_horizon(snapshot, workspace_id)
            bound |= self._landed_since(workspace_id, snapshot.max_file_seq, kept_from)
            return cursor.execute(f"with {_LANDED} {_PUBLISHED} {query}", bound).fetchall()

    def _landing_only(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"temp_directory": str(self.home.serving_spill)})
        connection.execute(f"set allowed_directories = [{quoted(self.home.landing)}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        return connection

    def _landed_since(self, workspace_id: str, built: int, kept_from: date | None) -> dict[str, Any]:
        """Return what the query has to know of the rows that landed after file `built`: mostly where they are."""
        query = (
            select(stored_path, func.min(landed_files.c.file_seq))
            .select_from(stored_files)
            .where(
                landed_files.c.workspace_id == workspace_id,
                landed_files.c.file_seq > built,
                landed_files.c.dropped_at_us.is_(None),
            )
            .group_by(stored_path)
        )
        with self.engine.connect().execution_options(read_only=True) as connection:
            found = connection.execute(query).all()
        return {
            "files": [str(self.home.empty_landing_file), *(str(self.home.landing / path) for path, _ in found)],
            "file_seqs": [0, *(file_seq for _, file_seq in found)],
            "built": built,
            "retained_from": datetime.combine(kept_from or date.min, time.min, UTC),
        }
