"""The order of a verification.

Belongs here: which checks run, over which files. Does not belong here: the checks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from sqlalchemy import Engine

from pipelines.lake.catalog import Snapshot, SnapshotReader, read_pointer
from pipelines.lake.horizons import published_horizons
from pipelines.lake.landing_lease import landed_bytes_stay
from pipelines.lake.paths import Home
from pipelines.lake.rate_book_file import read_rate_book
from pipelines.publish import snapshot_name
from pipelines.verify.ledger_checks import Ledger, check_batches, check_files, read_ledger
from pipelines.verify.mart_checks import (
    check_accounts,
    check_requests,
    check_rollups,
    check_row_files,
    read_models,
    read_reattributions,
    read_withholding,
)
from pipelines.verify.published_files import check_analysis, check_published_files
from pipelines.verify.recompute import Stored, recompute
from pipelines.verify.report import VerifyReport


def verify(home: Home, engine: Engine) -> VerifyReport:
    """Recompute every published total from the landed files and compare.

    Args:
        home: the installation.
        engine: its app database, for the ledger.

    Returns:
        The differences found; none means that every total is proven.
    """
    report = VerifyReport()
    # Compaction and retention may go on meanwhile; what this reading of the ledger names stays where it is.
    with landed_bytes_stay(home), closing(SnapshotReader(home)) as reader:
        snapshot = reader.current()
        # The ledger is read after the snapshot is held: it can only be ahead of it, never behind.
        ledger = read_ledger(engine)
        whole = check_files(home, ledger, report)
        check_batches(ledger, report)
        check_analysis(home, report)
        if snapshot is None:
            if home.current_pointer.exists():
                report.differs("the published marts cannot be opened")
                _name_faults(home, report)
            return report
        with snapshot:
            report.build_id = snapshot.build_id
            _check_marts(home, snapshot, ledger, whole, report)
    return report


def _name_faults(home: Home, report: VerifyReport) -> None:
    """Say which file it is that a build cannot be opened without."""
    try:
        pointer = read_pointer(home)
    except ValueError as fault:
        report.differs(str(fault))
        return
    if pointer is not None:
        check_published_files(home, pointer.file, report)


def _check_marts(home: Home, snapshot: Snapshot, ledger: Ledger, whole: set[int], report: VerifyReport) -> None:
    built = [row for row in ledger.kept if row["file_seq"] <= snapshot.max_file_seq]
    if not check_published_files(home, snapshot_name(snapshot.build_id), report):
        return
    check_row_files(home, snapshot, report)
    if not all(row["file_seq"] in whole for row in built):
        report.differs("the published totals cannot be recomputed while landing files are damaged or missing")
        return
    computed = recompute(
        files=_stored(home, ledger, built),
        rates=read_rate_book(home.exports / "rate_book.parquet"),
        models=read_models(snapshot),
        withheld=read_withholding(snapshot),
        horizons={workspace.replace("-", ""): day for workspace, day in published_horizons(snapshot).items()},
        moved=read_reattributions(snapshot),
    )
    check_requests(snapshot, computed, report)
    check_rollups(snapshot, computed, report)
    check_accounts(snapshot, ledger, computed, report)


def _stored(home: Home, ledger: Ledger, built: Iterable[Mapping[str, Any]]) -> list[Stored]:
    """Return where the rows of these landing files are, each place once."""
    holders = {row["file_id"]: row["relative_path"] for row in ledger.compacted}
    own: list[Stored] = []
    held: defaultdict[str, list[int]] = defaultdict(list)
    for row in built:
        if row["compacted_file_id"] is None:
            own.append(Stored(home.landing / row["relative_path"], (row["file_seq"],), compacted=False))
        else:
            held[holders[row["compacted_file_id"]]].append(row["file_seq"])
    return [*own, *(Stored(home.landing / path, seqs, compacted=True) for path, seqs in held.items())]
