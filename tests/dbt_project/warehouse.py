"""Warm dbt builds for tests: one parsed manifest, many warehouses.

Belongs here: running dbt in process and reading what it built. Does not belong here: inputs (`lake_builder`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
def _environment(home: Path) -> Iterator[None]:
    wanted = {
        "HALTON_WAREHOUSE": str(home / "warehouse.duckdb"),
        "DBT_TARGET_PATH": str(home / "dbt" / "target"),
        "DBT_LOG_PATH": str(home / "dbt" / "logs"),
        "DO_NOT_TRACK": "1",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        DuckDBConnectionManager.close_all_connections()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def invoke(home: Path, arguments: list[str], manifest: Manifest | None = None) -> dbtRunnerResult:
    """Run one dbt command against the home's warehouse."""
    with _environment(home):
        return dbtRunner(manifest=manifest).invoke([*QUIET, *arguments, *FOLDERS])


def parse(home: Path) -> Manifest:
    """Parse the project."""
    result = invoke(home, ["parse"])
    assert result.success, result.exception
    assert isinstance(result.result, Manifest)
    return result.result


@dataclass
class Warehouse:
    """One warehouse file, built from a lake.

    Attributes:
        watermark: newest file_seq of the last good build.
    """

    lake: Lake
    manifest: Manifest
    watermark: int = 0

    @property
    def path(self) -> Path:
        """The DuckDB file."""
        return self.lake.root / "warehouse.duckdb"

    def run(self, command: str, *arguments: str, since: int | None = None) -> dbtRunnerResult:
        """Run a dbt command with a build's variables, whatever comes of it."""
        variables = {
            "exports_dir": str(self.lake.root / "exports"),
            "since_file_seq": self.watermark if since is None else since,
            "keep_open": True,
        }
        return invoke(self.lake.root, [command, "--vars", json.dumps(variables), *arguments], self.manifest)

    def build(self, *, full: bool = False, tested: bool = True, since: int | None = None) -> None:
        """Export and build, as a refresh does; every model and test must succeed.

        Args:
            full: rebuild from nothing.
            tested: run the data tests too.
            since: another watermark than the last good build's.
        """
        self.lake.write_exports()
        command = ["build", "--exclude-resource-type", "unit_test"]
        if not tested:
            command += ["--exclude-resource-type", "test"]
        if full:
            command += ["--full-refresh"]
        result = self.run(*command, since=0 if full else since)
        assert result.success, failures(result)
        self.watermark = len(self.lake.files)

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Run SQL on the warehouse; rows as dicts."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def totals(self, relation: str, measure: str, *by: str) -> dict[Any, int]:
        """Sum a measure by columns; the key is a tuple, or the value of a single column."""
        rows = self.query(f"select {', '.join(by)}, sum({measure}) as total from {relation} group by all")
        return {(row[by[0]] if len(by) == 1 else tuple(row[b] for b in by)): int(row["total"]) for row in rows}


def failures(result: dbtRunnerResult) -> list[str]:
    """Say what went wrong in a run."""
    nodes = getattr(result.result, "results", None) or []
    broken = [f"{n.node.name}: {n.message}" for n in nodes if str(n.status) not in ("success", "pass", "skipped")]
    return broken or [str(result.exception)]
