"""Checks of the published marts against what was recomputed from landing.

Belongs here: reading each published table and comparing it. Does not belong here: the recomputation (`recompute`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final

import polars as pl

from pipelines.lake.catalog import Snapshot
from pipelines.lake.paths import Home
from pipelines.lake.row_files import RowFileError, rows_name
from pipelines.row_file_checks import check_row_file
from pipelines.segments import Segment
from pipelines.verify.attribution import Reattribution, Reattributions
from pipelines.verify.ledger_checks import Ledger
from pipelines.verify.plain_rows import plain_rows
from pipelines.verify.recompute import DIMENSIONS, IDENTITY, MEASURES, Recomputed, Withholding
from pipelines.verify.report import VerifyReport

_UUID_COLUMNS: Final = frozenset({"workspace_id", "request_id", "device_id", "batch_key"})
_ROW_COLUMNS: Final = (
    "device_id", "project", "project_as_logged", "provider", "model", "requested_at", "recorded_at", "received_at",
    "status", "spend_kind", "withheld_reason", "row_index", "batch_key", "file_seq", "file_row_number", *MEASURES[4:],
)  # fmt: skip


def read_withholding(snapshot: Snapshot) -> dict[tuple[str, str], Withholding]:
    """Return the build's withheld projects by (workspace id in hex, project)."""
    columns = "workspace_id, project, withheld_since, withheld_reason"
    query = f"select {columns} from dim_projects where withheld_since is not null"  # noqa: S608 - constant text
    return {
        (workspace, project): Withholding(since, reason)
        for workspace, project, since, reason in plain_rows(snapshot, query)
    }


def read_reattributions(snapshot: Snapshot) -> Reattributions:
    """Return the decisions the build moved requests by; a build of an earlier release knows of none."""
    known = "select count(*) from duckdb_views() where view_name = 'dim_reattributions'"
    if plain_rows(snapshot, known) == [(0,)]:
        return Reattributions(())
    columns = "workspace_id, decision_number, from_project, to_project, device_id, starts_at, ends_at"
    query = f"select {columns} from dim_reattributions"  # noqa: S608 - constant text
    return Reattributions(Reattribution(*row) for row in plain_rows(snapshot, query))


def read_models(snapshot: Snapshot) -> dict[tuple[str, str], str | None]:
    """Return the build's models: (provider, model) to the priced model's name."""
    rows = plain_rows(snapshot, "select provider, model, model_ref from dim_models")
    return {(provider, model): ref for provider, model, ref in rows}


def read_time_zones(snapshot: Snapshot) -> dict[str, str]:
    """Return each workspace's reporting zone by workspace id in hex."""
    return dict(plain_rows(snapshot, "select workspace_id, time_zone from dim_workspaces"))


def check_row_files(home: Home, snapshot: Snapshot, report: VerifyReport) -> None:
    """Check that row files hold the rows of their segments; one that is missing has not been made yet."""
    for row in plain_rows(snapshot, "select name, sha256, row_count, level from segments where row_count > 0"):
        segment = Segment(*row)
        if not (home.segments / rows_name(segment.name)).is_file():
            continue
        report.count("row files")
        try:
            for _ in check_row_file(home, segment):
                pass
        except RowFileError as fault:
            report.differs(str(fault))


def check_requests(snapshot: Snapshot, computed: Recomputed, report: VerifyReport) -> None:
    """Compare `fct_requests` with the recomputed requests, row by row."""
    published = _frame(snapshot, f"select {_select([*IDENTITY, *_ROW_COLUMNS])} from fct_requests")  # noqa: S608
    own = computed.requests.select([*IDENTITY, *_ROW_COLUMNS])
    aligned = published.cast({name: own.schema[name] for name in own.columns}, strict=False)
    report.count("fct_requests", published.height)
    if published.height != own.height:
        report.differs(f"fct_requests: {published.height} rows published, {own.height} recomputed")
    wrong = own.join(aligned, on=own.columns, how="anti", nulls_equal=True)
    for row in wrong.head(20).select(IDENTITY).iter_rows():
        report.differs(f"fct_requests: request {row[1]} of workspace {row[0]} is missing or differs")
    extra = aligned.join(own, on=IDENTITY, how="anti")
    for row in extra.head(20).select(IDENTITY).iter_rows():
        report.differs(f"fct_requests: request {row[1]} of workspace {row[0]} is in no landed file")


def check_rollups(snapshot: Snapshot, computed: Recomputed, report: VerifyReport) -> None:
    """Compare the 15-minute, daily and monthly roll-ups with sums over the recomputed requests."""
    zones = read_time_zones(snapshot)
    local = _with_local_days(computed.requests, zones)
    for table, time_column in (
        ("mart_spend_15min", "bucket_starts_at"),
        ("mart_spend_daily", "local_day"),
        ("mart_spend_monthly", "local_month"),
    ):
        keys = [time_column, *DIMENSIONS]
        sums = local.group_by(keys).agg(pl.col(list(MEASURES)).cast(pl.Int128).sum())
        expected = _by_key(sums.select([*keys, *MEASURES]).iter_rows(), len(keys))
        query = f"select {', '.join([*keys, *MEASURES])} from {table}"  # noqa: S608 - constant names
        rows = plain_rows(snapshot, query)
        found = _by_key(rows, len(keys))
        if len(found) != len(rows):
            report.differs(f"{table}: {len(rows) - len(found)} rows are there more than once")
        report.compare(table, expected, found)


def check_accounts(snapshot: Snapshot, ledger: Ledger, computed: Recomputed, report: VerifyReport) -> None:
    """Compare each batch's final account with the ledger's, plus what the landed copies show."""
    copies = computed.repeats.group_by("batch_key").agg(
        pl.col("is_conflict").sum().alias("conflicts"), (~pl.col("is_conflict")).sum().alias("repeats")
    )
    later = {key: (conflicts, repeats) for key, conflicts, repeats in copies.iter_rows()}
    dropped = {row["file_seq"] for row in ledger.files if row["dropped_at_us"] is not None}
    counts = "landed_count, duplicate_count, quarantined_count, received_count, expired_count"
    query = f"select batch_key, {counts} from fct_batches"  # noqa: S608 - constant text
    found = _by_key(plain_rows(snapshot, query), 1)
    expected: dict[Hashable, tuple[int, ...]] = {}
    for batch in ledger.batches:
        key = (batch["batch_key"].replace("-", ""),)
        conflicts, repeats = later.get(key[0], (0, 0))
        built = batch["file_seq"] is not None and batch["file_seq"] <= snapshot.max_file_seq
        if built or key in found:
            expected[key] = (
                batch["landed_count"] - conflicts - repeats,
                batch["duplicate_count"] + repeats,
                batch["quarantined_count"] + conflicts,
                batch["received_count"],
                # Every row of a dropped file is past the horizon.
                batch["landed_count"] if batch["file_seq"] in dropped else computed.expired.get(key[0], 0),
            )
    report.compare("fct_batches", expected, found)


def _with_local_days(requests: pl.DataFrame, zones: dict[str, str]) -> pl.DataFrame:
    parts = [
        part.with_columns(
            pl.col("requested_at").dt.convert_time_zone(zones.get(str(key[0]), "UTC")).dt.date().alias("local_day")
        )
        for key, part in requests.partition_by("workspace_id", as_dict=True).items()
    ]
    days = pl.concat(parts) if parts else requests.with_columns(pl.lit(None, dtype=pl.Date).alias("local_day"))
    return days.with_columns(pl.col("local_day").dt.month_start().alias("local_month"))


def _by_key(rows: Iterable[Sequence[Any]], key_length: int) -> dict[Hashable, tuple[int, ...]]:
    return {tuple(row[:key_length]): tuple(int(v or 0) for v in row[key_length:]) for row in rows}


def _select(columns: Sequence[str]) -> str:
    return ", ".join(f"replace({c}::varchar, '-', '') as {c}" if c in _UUID_COLUMNS else c for c in columns)


def _frame(snapshot: Snapshot, query: str) -> pl.DataFrame:
    with snapshot.cursor() as cursor:
        frame = pl.DataFrame(cursor.arrow_table(query))
    instants = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(pl.col(instants).dt.replace_time_zone("UTC"))
