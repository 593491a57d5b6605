"""The order of a verification.

Belongs here: which checks run, over which files. Does not belong here: the checks.
"""

from __future__ import annotations

from contextlib import closing

from sqlalchemy import Engine

from pipelines.lake.catalog import Snapshot, SnapshotReader
from pipelines.lake.paths import Home
from pipelines.rates.export import read_rate_book
from pipelines.verify.ledger_checks import Ledger, check_batches, check_files, read_ledger
from pipelines.verify.mart_checks import (
    check_accounts,
    check_requests,
    check_rollups,
    check_segments,
    read_models,
    read_withholding,
)
from pipelines.verify.recompute import recompute
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
    with closing(SnapshotReader(home)) as reader:
        snapshot = reader.current()
        # The ledger is read after the snapshot is held: it can only be ahead of it, never behind.
        ledger = read_ledger(engine)
        whole = check_files(home, ledger, report)
        check_batches(ledger, report)
        if snapshot is None:
            if home.current_pointer.exists():
                report.differs("the published marts cannot be opened")
            return report
        with snapshot:
            report.build_id = snapshot.build_id
            _check_marts(home, snapshot, ledger, whole, report)
    return report


def _check_marts(home: Home, snapshot: Snapshot, ledger: Ledger, whole: set[int], report: VerifyReport) -> None:
    built = [row for row in ledger.files if row["file_seq"] <= snapshot.max_file_seq]
    check_segments(home, snapshot, report)
    if any("segment" in difference for difference in report.differences):
        return
    if len(built) == 0 or not all(row["file_seq"] in whole for row in built):
        if built:
            report.differs("the published totals cannot be recomputed while landing files are damaged or missing")
        return
    computed = recompute(
        files={row["file_seq"]: home.landing / row["relative_path"] for row in built},
        rates=read_rate_book(home.exports / "rate_book.parquet"),
        models=read_models(snapshot),
        withheld=read_withholding(snapshot),
    )
    check_requests(snapshot, computed, report)
    check_rollups(snapshot, computed, report)
    check_accounts(snapshot, ledger, computed, report)
