"""Checks of the record itself: files against their ledger rows, and the chain of batches.

Belongs here: presence, digests, counts, sums and chain links. Does not belong here: anything published.

A landing file's rows are in the file itself or, once compacted, in another, and answer to the same ledger row. Files
dropped by retention have no bytes to check; their ledger rows and batches still have to hold together.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, Engine, func, select

from pipelines.lake.ledger import chain_hash, compacted_files, landed_batches, landed_files, metadata, quarantined_rows
from pipelines.lake.paths import Home
from pipelines.lake.schema import ORIGIN_COLUMNS
from pipelines.verify.report import VerifyReport

_SUMMED = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")
_COST = "cost_logged_millicents"
_MEASURED = [*_SUMMED, _COST]
_SUMS = [
    pl.len().alias("row_count"),
    *[pl.col(name).sum() for name in _MEASURED],
    pl.col(_COST).null_count().alias("unpriced_rows"),
]
_LEDGER_SUMS = ("row_count", *_MEASURED, "unpriced_rows")


@dataclass(frozen=True)
class Ledger:
    """The ledger at one instant.

    Attributes:
        files: rows of `landed_files` by file_seq.
        compacted: rows of `compacted_files`, replaced ones included.
        batches: rows of `landed_batches` in chain order, workspace by workspace.
        quarantined: quarantined rows per batch key.
        heads: (chain position, head) per workspace.
    """

    files: list[Mapping[str, Any]]
    compacted: list[Mapping[str, Any]]
    batches: list[Mapping[str, Any]]
    quarantined: dict[str, int]
    heads: dict[str, tuple[int, str]]

    @property
    def kept(self) -> list[Mapping[str, Any]]:
        """The rows of `landed_files` that retention has not dropped."""
        return [row for row in self.files if row["dropped_at_us"] is None]


def read_ledger(engine: Engine) -> Ledger:
    """Read the whole ledger in one transaction."""
    with engine.connect().execution_options(read_only=True) as connection:
        return Ledger(
            files=_rows(connection, select(landed_files).order_by(landed_files.c.file_seq)),
            compacted=_rows(connection, select(compacted_files).order_by(compacted_files.c.first_file_seq)),
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
    """Check every landed file against its ledger row, wherever its rows are, and look for files that stand twice.

    Returns:
        file_seq of the files that are whole.
    """
    whole: set[int] = set()
    holders = {row["file_id"]: row for row in ledger.compacted}
    held: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    report.count("dropped_files", len(ledger.files) - len(ledger.kept))
    for row in ledger.kept:
        report.count("landed_files")
        if row["compacted_file_id"] is not None:
            held[row["compacted_file_id"]].append(row)
        elif fault := _file_fault(home.landing / row["relative_path"], row):
            report.differs(f"landing file {row['relative_path']}: {fault}")
        else:
            whole.add(row["file_seq"])
    for file_id, rows in held.items():
        report.count("compacted_files")
        faults = _compacted_faults(home, holders.get(file_id), rows)
        for fault in faults:
            report.differs(f"compacted file {file_id}: {fault}")
        whole |= set() if faults else {row["file_seq"] for row in rows}
    for row in ledger.compacted:
        if row["superseded_at_us"] is None and row["file_id"] not in held:
            report.differs(f"compacted file {row['relative_path']}: is said to be in use, but no landing file is in it")
    _check_copies(home, ledger, report)
    return whole


def _check_copies(home: Home, ledger: Ledger, report: VerifyReport) -> None:
    known = {row["sha256"]: row["relative_path"] for row in (*ledger.files, *ledger.compacted)}
    recorded = set(known.values()) | {row["relative_path"] for row in (*ledger.files, *ledger.compacted)}
    for path in sorted(home.landing.glob("*/*/*.parquet")):
        relative = str(path.relative_to(home.landing))
        if relative not in recorded and (original := known.get(_sha256(path))):
            report.differs(f"landing file {relative}: a copy of {original} that the ledger does not know")


def _file_fault(path: Path, row: Mapping[str, Any]) -> str | None:
    if fault := _bytes_fault(path, row, "acknowledged"):
        return fault
    found = pl.read_parquet(path, columns=_MEASURED).select(_SUMS).row(0, named=True)
    wrong = [name for name, value in found.items() if value != row[name]]
    return f"the ledger's {', '.join(wrong)} differ from its rows" if wrong else None


def _compacted_faults(home: Home, holder: Mapping[str, Any] | None, rows: list[Mapping[str, Any]]) -> list[str]:
    """Tell what is wrong with a compacted file: with its bytes, or with the rows of any landing file in it."""
    if holder is None or holder["superseded_at_us"] is not None:
        return ["landing files are said to be in it, but it is not in use"]
    path = home.landing / holder["relative_path"]
    if fault := _bytes_fault(path, holder, "compacted"):
        return [f"{holder['relative_path']} {fault}"]
    if any(row["workspace_id"] != holder["workspace_id"] for row in rows):
        return ["it holds files of several workspaces"]
    origin, number = ORIGIN_COLUMNS
    content = pl.read_parquet(path, columns=[*_MEASURED, origin, number, "workspace_id"])
    places = content.select(origin, number)
    if content.height != holder["row_count"] or not places.equals(places.sort(origin, number)):
        return ["its rows are not those that were compacted, or not in their order"]
    if set(content["workspace_id"].unique().to_list()) != {UUID(holder["workspace_id"]).bytes}:
        return ["it holds rows of another workspace"]
    found = {
        row[origin]: row
        for row in content.group_by(origin)
        .agg(*_SUMS, pl.col(number).min().alias("first"), pl.col(number).n_unique().alias("places"))
        .iter_rows(named=True)
    }
    faults = [f"it holds rows of landing file {seq}, which is elsewhere" for seq in found.keys() - _seqs(rows)]
    for row in rows:
        sums = found.get(row["file_seq"])
        if sums is None:
            faults.append(f"the rows of landing file {row['file_seq']} are missing")
        elif any(sums[name] != row[name] for name in _LEDGER_SUMS):
            faults.append(f"the ledger's sums of landing file {row['file_seq']} differ from its rows")
        elif (sums["first"], sums["places"]) != (0, row["row_count"]):
            faults.append(f"a row of landing file {row['file_seq']} stands twice")
    return faults


def _seqs(rows: list[Mapping[str, Any]]) -> set[int]:
    return {row["file_seq"] for row in rows}


def _bytes_fault(path: Path, row: Mapping[str, Any], event: str) -> str | None:
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != row["byte_count"] or _sha256(path) != row["sha256"]:
        return f"its bytes are not those that were {event} (SHA-256 differs)"
    return None


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
