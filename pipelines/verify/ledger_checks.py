"""Checks of the record itself: landed files against their ledger rows, and the chain of batches.

Belongs here: presence, digests, counts, sums and chain links. Does not belong here: anything published.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, func, select

from pipelines.lake.ledger import chain_hash, landed_batches, landed_files, metadata, quarantined_rows
from pipelines.lake.paths import Home
from pipelines.verify.report import VerifyReport

_SUMMED = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")


@dataclass(frozen=True)
class Ledger:
    """The ledger at one instant.

    Attributes:
        files: rows of `landed_files` by file_seq.
        batches: rows of `landed_batches` in chain order, workspace by workspace.
        quarantined: quarantined rows per batch key.
        heads: (chain position, head) per workspace.
    """

    files: list[Mapping[str, Any]]
    batches: list[Mapping[str, Any]]
    quarantined: dict[str, int]
    heads: dict[str, tuple[int, str]]


def read_ledger(engine: Engine) -> Ledger:
    """Read the whole ledger in one transaction."""
    with engine.connect().execution_options(read_only=True) as connection:
        return Ledger(
            files=_rows(connection, select(landed_files).order_by(landed_files.c.file_seq)),
            batches=_rows(
                connection,
                select(landed_batches).order_by(landed_batches.c.workspace_id, landed_batches.c.chain_position),
            ),
            quarantined={row["batch_key"]: row["rows"] for row in _rows(connection, _quarantined_per_batch())},
            heads=_heads(connection),
        )


def _quarantined_per_batch() -> Any:
    return select(quarantined_rows.c.batch_key, func.count().label("rows")).group_by(quarantined_rows.c.batch_key)


def _heads(connection: Connection) -> dict[str, tuple[int, str]]:
    workspaces = metadata.tables["workspaces"]
    columns = (workspaces.c.id, workspaces.c.batch_chain_position, workspaces.c.batch_chain_head)
    return {row[0]: (row[1], row[2]) for row in connection.execute(select(*columns))}


def _rows(connection: Connection, query: Any) -> list[Mapping[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in connection.execute(query).mappings()]


def check_files(home: Home, ledger: Ledger, report: VerifyReport) -> set[int]:
    """Check every landed file against its ledger row, and look for files that stand twice.

    Returns:
        file_seq of the files that are whole.
    """
    whole: set[int] = set()
    known: dict[str, str] = {}
    for row in ledger.files:
        report.count("landed_files")
        known[row["sha256"]] = row["relative_path"]
        fault = _file_fault(home.landing / row["relative_path"], row)
        if fault:
            report.differs(f"landing file {row['relative_path']}: {fault}")
        else:
            whole.add(row["file_seq"])
    recorded = {row["relative_path"] for row in ledger.files}
    for path in sorted(home.landing.glob("*/*/*.parquet")):
        relative = str(path.relative_to(home.landing))
        if relative not in recorded and (original := known.get(_sha256(path))):
            report.differs(f"landing file {relative}: a copy of {original} that the ledger does not know")
    return whole


def _file_fault(path: Path, row: Mapping[str, Any]) -> str | None:
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != row["byte_count"] or _sha256(path) != row["sha256"]:
        return "its bytes are not those that were acknowledged (SHA-256 differs)"
    sums = pl.read_parquet(path, columns=[*_SUMMED, "cost_logged_millicents"]).select(
        pl.len().alias("row_count"),
        *[pl.col(name).sum() for name in _SUMMED],
        pl.col("cost_logged_millicents").sum(),
        pl.col("cost_logged_millicents").null_count().alias("unpriced_rows"),
    )
    found = sums.row(0, named=True)
    wrong = [name for name, value in found.items() if value != row[name]]
    return f"the ledger's {', '.join(wrong)} differ from its rows" if wrong else None


def check_batches(ledger: Ledger, report: VerifyReport) -> None:
    """Check that each batch adds up, that each chain is unbroken, and that files hold what their batches landed."""
    digests = {row["file_seq"]: row["sha256"] for row in ledger.files}
    landed_in_file: defaultdict[int, int] = defaultdict(int)
    last: dict[str, tuple[int, str]] = {}
    for batch in ledger.batches:
        report.count("landed_batches")
        name = f"batch {batch['batch_key']}"
        accounted = batch["landed_count"] + batch["duplicate_count"] + batch["quarantined_count"]
        if accounted != batch["received_count"]:
            report.differs(f"{name}: received {batch['received_count']} records, accounts for {accounted}")
        if ledger.quarantined.get(batch["batch_key"], 0) != batch["quarantined_count"]:
            report.differs(f"{name}: its quarantined rows are not {batch['quarantined_count']}")
        if batch["file_seq"] is not None:
            landed_in_file[batch["file_seq"]] += batch["landed_count"]
        position, head = last.get(batch["workspace_id"], (0, "0" * 64))
        expected = (position + 1, head, chain_hash(batch, digests.get(batch["file_seq"], "")))
        if expected != (batch["chain_position"], batch["previous_chain_hash"], batch["chain_hash"]):
            report.differs(f"{name}: its link in the chain of batches does not hold")
        last[batch["workspace_id"]] = (batch["chain_position"], batch["chain_hash"])
    for workspace_id, head in ledger.heads.items():
        report.count("batch_chains")
        if last.get(workspace_id, (0, "0" * 64)) != head:
            report.differs(f"workspace {workspace_id}: its chain of batches is cut or continued")
    for row in ledger.files:
        if landed_in_file[row["file_seq"]] != row["row_count"]:
            report.differs(f"landing file {row['relative_path']}: its batches landed another number of rows")


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
