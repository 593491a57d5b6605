"""Publishing generated requests as the pipelines would.

Tables get the columns of the dbt models' contracts, so that a change of a contract shows here; their content is
computed in Python.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import yaml

from pipelines.lake.paths import Home
from tests.api.dashboards.facts import (
    ARCHIVED_AT,
    KIND_TOKENS,
    MODELS,
    NOT_SHARED,
    NOW,
    PROJECTS,
    TOKENS,
    ZONES,
    RequestFact,
    device_id,
    identifier,
    workspace_id,
)

CONTRACTS = Path(__file__).parents[3] / "dbt_project" / "models"


@cache
def contracts() -> dict[str, dict[str, str]]:
    """Return column names and types of every dbt model, from their contracts."""
    described = [
        model
        for path in sorted(CONTRACTS.rglob("*.yml"))
        for model in yaml.load(path.read_text(), yaml.CSafeLoader).get("models", ())
    ]
    return {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for model in described
        if "columns" in model
    }


MEASURES: dict[str, Callable[[list[RequestFact]], int]] = {
    "requests": len,
    "unpriced_requests": lambda rows: sum(row["cost_logged_millicents"] is None for row in rows),
    "unrated_requests": lambda rows: sum(row["cost_priced_picousd"] is None for row in rows),
    "error_requests": lambda rows: sum(row["status"] != "success" for row in rows),
    "cost_logged_millicents": lambda rows: sum(row["cost_logged_millicents"] or 0 for row in rows),
    "cost_priced_picousd": lambda rows: sum(row["cost_priced_picousd"] or 0 for row in rows),
}
GRAIN = ("workspace_id", "project", "provider", "model", "device_id", "spend_kind", "withheld_reason")


def rolled_up(rows: Iterable[RequestFact], period: Callable[[RequestFact], dict[str, Any]]) -> list[dict[str, Any]]:
    groups: defaultdict[tuple[Any, ...], list[RequestFact]] = defaultdict(list)
    for row in rows:
        groups[*(row[name] for name in GRAIN), *period(row).items()].append(row)
    return [
        {
            **dict(zip(GRAIN, key, strict=False)),
            **dict(key[len(GRAIN) :]),
            **{name: measure(group) for name, measure in MEASURES.items()},
            **{name: sum(row[name] for row in group) for name in (*TOKENS, *KIND_TOKENS.values())},
            "last_file_seq": 3,
            "visibility_version": 1,
            "rates_digest": "x",
        }
        for key, group in groups.items()
    ]


def publish(home: Home, rows: list[RequestFact], zones: dict[str, str], build_id: str) -> None:
    """Write a snapshot of the rows as the pipelines lay one out, and point `CURRENT` to it."""
    home.segments.mkdir(parents=True, exist_ok=True)
    file = home.marts / f"marts-{build_id}.duckdb"
    zone_of = {workspace_id(slug): zone for slug, zone in zones.items()}
    with duckdb.connect(str(file)) as connection:
        for table, content in _tables(rows, zones, zone_of).items():
            _create(connection, table, content)
        _write_segment(connection, home, rows, f"{build_id}.parquet")
        newest = max((row["received_at"] for row in rows), default=None)
        newest_file = max(3, *(row["file_seq"] for row in rows)) if rows else 3
        connection.execute(
            "create table build_info as select ? build_id, ?::timestamp built_at, ?::timestamp data_as_of,"
            " ?::bigint max_file_seq, ?::bigint rows_total, '2026-04-01' rate_book_version",
            [build_id, NOW.replace(tzinfo=None), newest and newest.replace(tzinfo=None), newest_file, len(rows)],
        )
    home.current_pointer.write_text(json.dumps({"build_id": build_id, "file": file.name}))


def _tables(rows: list[RequestFact], zones: dict[str, str], zone_of: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    def bucket(row: RequestFact) -> dict[str, Any]:
        at = row["requested_at"]
        starts_at = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0, tzinfo=None)
        return {"bucket_starts_at": starts_at, "utc_day": starts_at.date()}

    def day(row: RequestFact) -> dict[str, Any]:
        zone = zone_of[row["workspace_id"]]
        return {"local_day": row["requested_at"].astimezone(ZoneInfo(zone)).date(), "time_zone": zone}

    def month(row: RequestFact) -> dict[str, Any]:
        dated = day(row)
        return {"local_month": dated["local_day"].replace(day=1), "time_zone": dated["time_zone"]}

    return {
        "mart_spend_15min": rolled_up(rows, bucket),
        "mart_spend_daily": rolled_up(rows, day),
        "mart_spend_monthly": rolled_up(rows, month),
        "dim_workspaces": [
            {"workspace_id": workspace_id(slug), "slug": slug, "name": slug, "plan": "team", "time_zone": zone}
            for slug, zone in zones.items()
        ],
        "dim_projects": [
            {
                "workspace_id": workspace_id(slug),
                "project": name,
                "first_seen_at": NOW.replace(tzinfo=None),
                "withheld_since": _withheld_since(name),
                "withheld_reason": {"archived": "project_archived", "ceiling": "plan_project_ceiling"}.get(name),
                "visibility_version": 1,
            }
            for slug in ZONES
            for name in PROJECTS
            if name is not None
        ],
        "dim_devices": [],
        "dim_models": [
            {"provider": provider, "model": model, "model_ref": model, "display_name": model.title()}
            for provider, model in MODELS
        ],
        "fct_batches": [
            {
                "batch_key": key,
                "batch_id": f"sent-{key}",
                "workspace_id": owner,
                "device_id": device,
                "received_at": received_at.replace(tzinfo=None),
                "received_count": 50,
                "landed_count": 50,
                "duplicate_count": 0,
                "quarantined_count": 0,
                "conflict_count": 0,
                "file_seq": 1,
            }
            for key, owner, device, received_at in {
                row["batch_key"]: (row["batch_key"], row["workspace_id"], row["device_id"], row["received_at"])
                for row in sorted(rows, key=lambda row: row["received_at"])  # the newest of a batch stays
            }.values()
        ],
        "fct_request_conflicts": [_conflict(row) for row in rows if row["request_id"] == identifier("request", 5)],
        "fct_device_sightings": [_sighting(row) for row in rows if row["request_id"] == identifier("request", 5)],
    }


def _withheld_since(project: str) -> datetime | None:
    since = {"archived": ARCHIVED_AT, "ceiling": datetime(1970, 1, 1, tzinfo=UTC)}.get(project)
    return since and since.replace(tzinfo=None)


def _conflict(row: RequestFact) -> dict[str, Any]:
    return {
        **_sighting(row),
        "batch_key": row["batch_key"],
        "row_index": 49,
        "received_at": NOW.replace(tzinfo=None),
        "code": "conflicting_duplicate",
        "differing_fields": ["output_tokens"],
        "file_seq": 9,
        "file_row_number": 1,
    }


def _sighting(row: RequestFact) -> dict[str, Any]:
    slug = next(slug for slug in ZONES if workspace_id(slug) == row["workspace_id"])
    return {
        "workspace_id": row["workspace_id"],
        "request_id": row["request_id"],
        "device_id": device_id(slug, 2),
        "first_device_id": row["device_id"],
        "first_file_seq": row["file_seq"],
        "first_file_row_number": row["file_row_number"],
        "first_received_at": NOW.replace(tzinfo=None),
        "first_sighting_file_seq": 9,
    }


def _create(connection: duckdb.DuckDBPyConnection, table: str, content: list[dict[str, Any]]) -> None:
    columns = contracts()[table]
    connection.execute(f"create table {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
    if content:
        given = pa.Table.from_pylist(content)
        casts = ", ".join(
            f"cast({name} as {columns[name]}) as {name}" for name in given.column_names if name in columns
        )
        connection.register("given", given)
        connection.execute(f"insert into {table} by name select {casts} from given")
        connection.unregister("given")


def _write_segment(connection: duckdb.DuckDBPyConnection, home: Home, rows: list[RequestFact], name: str) -> None:
    ids = ("request_id", "workspace_id", "device_id", "batch_key")
    instants = ("received_at", "requested_at", "recorded_at")
    facts = [
        {
            **{key: value for key, value in row.items() if key != "withheld_reason"},
            "project": None if row["project"] == NOT_SHARED else row["project"],
            **{key: row[key].replace(tzinfo=None) for key in instants},
        }
        for row in rows
    ] or [dict.fromkeys([*ids, *instants, "project"])]
    connection.register("facts", pa.Table.from_pylist(facts))
    casts = ", ".join(f"cast({key} as uuid) as {key}" for key in ids)
    where = "" if rows else "where false"
    connection.execute(
        f"copy (select * replace ({casts}) from facts {where} order by workspace_id, requested_at)"
        f" to '{home.segments / name}' (format parquet)"
    )
    connection.unregister("facts")
    connection.execute("create table segments (name varchar, sha256 varchar, row_count bigint, level integer)")
    connection.execute("insert into segments values (?, '', ?, 0)", [name, len(rows)])
