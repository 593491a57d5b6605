"""Warm dbt builds for tests: one parsed manifest, many warehouses.

Belongs here: running dbt in process and reading what it built. Does not belong here: inputs (`lake_builder`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from tests.dbt_project.lake_builder import Lake

PROJECT = Path(__file__).parents[2] / "dbt_project"
FOLDERS = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
QUIET = ["--quiet", "--no-write-json", "--log-level-file", "none"]


@contextmanager
def _environment(file: Path) -> Iterator[None]:
    wanted = {
        "HALTON_WAREHOUSE": str(file),
        "DBT_TARGET_PATH": str(file.parent / "dbt" / "target"),
        "DBT_LOG_PATH": str(file.parent / "dbt" / "logs"),
        "DO_NOT_TRACK": "1",
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        DuckDBConnectionManager.close_all_connections()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def invoke(file: Path, arguments: list[str], manifest: Manifest | None = None) -> dbtRunnerResult:
    """Run one dbt command against a warehouse file."""
    with _environment(file):
        return dbtRunner(manifest=manifest).invoke([*QUIET, *arguments, *FOLDERS])


def parse(folder: Path) -> Manifest:
    """Parse the project; the manifest serves every warehouse whose file is named like the one parsed against."""
    result = invoke(folder / "warehouse.duckdb", ["parse"])
    assert result.success, result.exception
    assert isinstance(result.result, Manifest)
    return result.result


@dataclass
class Warehouse:
    """One warehouse file, built from a lake.

    Attributes:
        name: tells warehouses over the same lake apart.
        watermark: newest file_seq of the last good build.
        segments: files with the facts of the last good build.
        builds: how many runs were begun.
        variables: further variables of every run.
    """

    lake: Lake
    manifest: Manifest
    name: str = "warehouse"
    watermark: int = 0
    segments: list[str] = field(default_factory=list)
    builds: int = 0
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The DuckDB file."""
        return self.lake.root / self.name / "warehouse.duckdb"

    def run(self, command: str, *arguments: str, since: int | None = None) -> dbtRunnerResult:
        """Run a dbt command with a build's variables, whatever comes of it."""
        self.builds += 1
        variables = {
            "exports_dir": str(self.lake.root / "exports"),
            "since_file_seq": self.watermark if since is None else since,
            "segments_dir": str(self.path.parent),
            "new_segments_prefix": f"{self.builds}-",
            "base_segments": self.segments,
            "keep_open": True,
            **self.variables,
        }
        return invoke(self.path, [command, "--vars", json.dumps(variables), *arguments], self.manifest)

    def build(self, *, full: bool = False, tested: bool = True, since: int | None = None) -> None:
        """Export and build, as a refresh does; every model and test must succeed.

        Args:
            full: rebuild from nothing.
            tested: run the data tests too.
            since: another watermark than the last good build's.
        """
        self.lake.write_exports()
        if full:
            self.segments = []
        command = ["build", "--exclude-resource-type", "unit_test", "--exclude", "tag:analysis"]
        if not tested:
            command += ["--exclude-resource-type", "test"]
        if full:
            command += ["--full-refresh"]
        result = self.run(*command, since=0 if full else since)
        assert result.success, failures(result)
        self.watermark = len(self.lake.files)
        self.segments += map(str, self.path.parent.glob(f"{self.builds}-*-new.parquet"))

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Run SQL on the warehouse; rows as dicts."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def failures(result: dbtRunnerResult) -> list[str]:
    """Say what went wrong in a run."""
    nodes = getattr(result.result, "results", None) or []
    broken = [f"{n.node.name}: {n.message}" for n in nodes if str(n.status) not in ("success", "pass", "skipped")]
    return broken or [str(result.exception)]


def differences(one: Warehouse, other: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Compare two warehouses row for row; the rows that are in one alone, by relation."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one.path}' as one (read_only)")
        connection.execute(f"attach '{other.path}' as other (read_only)")
        sql = "select table_name from information_schema.tables where table_catalog = ? and table_type = 'BASE TABLE'"
        tables = {
            catalog: {row[0] for row in connection.execute(sql, [catalog]).fetchall()} for catalog in ("one", "other")
        }
        assert tables["one"] == tables["other"]
        found = {table: connection.execute(_difference(table)).fetchall() for table in sorted(tables["one"])}
    return {table: rows for table, rows in found.items() if rows}


def _difference(table: str) -> str:
    sides = [(a, b) for a, b in (("one", "other"), ("other", "one"))]
    halves = [
        f"(select '{a}', * from (select * from {a}.main.{table} except all select * from {b}.main.{table}))"
        for a, b in sides
    ]
    return " union all ".join(halves)
