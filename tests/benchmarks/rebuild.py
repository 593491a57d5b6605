"""Benchmark `rebuild`: all marts anew from landed files, repeats removed over all time.

Belongs here: the sides and their comparison. Does not belong here: what a side does (`rebuild_worker`, `rivals`).

Ours is a whole `refresh(full=True)`: digests of every landing file checked, rows de-duplicated, priced and tested,
three roll-ups, segments and snapshot published. The rivals de-duplicate and roll up twice, and that is all they do.
PostgreSQL needs minutes for ten million rows, so its comparison is made at a tenth of the size, ours measured at that
size too; HALTON_BENCHMARK_POSTGRES_ROWS asks for another size.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.benchmarks.context import Context
from tests.benchmarks.dataset import Dataset
from tests.benchmarks.homes import copy_of, landed_home
from tests.benchmarks.measure import Comparison, alternate, compare, show
from tests.benchmarks.rivals.clickhouse import ClickHouse
from tests.benchmarks.rivals.missing import RivalMissing
from tests.benchmarks.rivals.postgres_mirror_cluster import running_cluster
from tests.benchmarks.rivals.postgres_tables import Tables, write_csv
from tests.benchmarks.totals import check_equal, our_totals, zones_of

ROWS: Final = 10_000_000
POSTGRES_ROWS: Final = "HALTON_BENCHMARK_POSTGRES_ROWS"
FLOOR, CLICKHOUSE, POSTGRES = "bare scan", "ClickHouse", "PostgreSQL"


def run(context: Context) -> list[Comparison]:
    """Compare full rebuilds with the floor and with the rivals."""
    rows = context.rows_or(ROWS)
    against_floor = _against_floor_and_clickhouse(context, rows)
    smaller = int(os.environ.get(POSTGRES_ROWS, max(2_000, rows // 10)))
    return [*against_floor, _against_postgres(context, smaller)]


def measured_apart(work: str, home: Path) -> dict[str, Any]:
    """Run `rebuild_worker` and return what it says."""
    command = [sys.executable, "-m", "tests.benchmarks.rebuild_worker", work, str(home)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    return json.loads(done.stdout)


def _against_floor_and_clickhouse(context: Context, rows: int) -> list[Comparison]:
    data = copy_of(landed_home(context, rows), context.folder / "rebuilt")
    sides: dict[str, Callable[[], dict[str, Any]]] = {
        "ours": lambda: measured_apart("refresh", data.home.root),
        FLOOR: lambda: measured_apart("scan", data.home.root),
    }
    missing = ""
    clickhouse: ClickHouse | None = None
    try:
        clickhouse = ClickHouse(context.subfolder("clickhouse"))
        sides[CLICKHOUSE] = lambda: _clickhouse_once(clickhouse, data)
    except RivalMissing as fault:
        missing = str(fault)
    found = alternate(context.runs, sides, context.progress)
    if clickhouse is not None:
        with clickhouse:
            check_equal(our_totals(data.home), clickhouse.totals())
    return [*_judged(found, rows), *([] if not missing else [_left_out(CLICKHOUSE, missing)])]


def _judged(found: dict[str, list[dict[str, Any]]], rows: int) -> list[Comparison]:
    dbt = {"ours": [one["dbt_seconds"] for one in found["ours"]]}
    scans = {FLOOR: [one["scan_seconds"] for one in found[FLOOR]]}
    memory = f"our peak {median(one['peak_mib'] for one in found['ours']):,.0f} MiB"
    work = f"full rebuild of {rows:,} rows"
    judged = [
        compare(
            f"{work}, dbt's work with its tests", "seconds", dbt | scans, target="<= 6x the bare scan",
            met=lambda one: one["ours"] <= 6 * one[FLOOR], note=memory,
        ),
        compare(
            f"{work}, the whole refresh", "seconds",
            {"ours": [one["refresh_seconds"] for one in found["ours"]]} | scans, note=memory,
        ),
    ]  # fmt: skip
    if CLICKHOUSE in found:
        theirs = {CLICKHOUSE: [one["seconds"] for one in found[CLICKHOUSE]]}
        note = f"{memory}, ClickHouse's {found[CLICKHOUSE][-1]['peak_mib']:,.0f} MiB; equal totals"
        judged.append(
            compare(
                f"{work}, dbt's work with its tests", "seconds", dbt | theirs, target=">= 1.5x ClickHouse",
                met=lambda one: one["ours"] * 1.5 <= one[CLICKHOUSE], note=note,
            )
        )  # fmt: skip
    return judged


def _against_postgres(context: Context, rows: int) -> Comparison:
    data = copy_of(landed_home(context, rows), context.folder / "rebuilt-beside-postgres")
    context.progress(f"writing {rows:,} rows as CSV for PostgreSQL")
    csv = context.folder / "raw.csv"
    write_csv(data.home, csv, deduplicated=False)
    with running_cluster() as uri:
        tables = Tables(uri, zones_of(data.home))
        try:
            found = alternate(
                context.runs,
                {
                    "ours": lambda: float(measured_apart("refresh", data.home.root)["dbt_seconds"]),
                    POSTGRES: lambda: tables.rebuild(csv),
                },
                context.progress,
            )
            check_equal(our_totals(data.home), tables.totals())
        finally:
            tables.close()
    csv.unlink()
    per_row = {name: median(values) / rows * 1e6 for name, values in found.items()}
    return compare(
        f"full rebuild of {rows:,} rows, dbt's work with its tests", "seconds", found, target=">= 10x PostgreSQL",
        met=lambda one: one["ours"] * 10 <= one[POSTGRES],
        note="microseconds a row: " + ", ".join(f"{name} {show(one)}" for name, one in per_row.items())
        + "; equal totals; a fixed part of about five seconds is ours at any size",
    )  # fmt: skip


def _clickhouse_once(clickhouse: ClickHouse, data: Dataset) -> dict[str, Any]:
    seconds = clickhouse.rebuild(data.home.landing, zones_of(data.home))
    return {"seconds": seconds, "peak_mib": clickhouse.peak_mib}


def _left_out(rival: str, reason: str) -> Comparison:
    return Comparison(f"full rebuild, {rival}", "seconds", float("nan"), {}, f">= 1.5x {rival}", None, reason)
