"""A restore tried out: into a temporary home, marts rebuilt from landing, everything compared, and cleared away.

Belongs here: the order of a drill and what it compares. Does not belong here: showing it (`api.cli.restore`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from api.backup.compare import Comparison
from api.backup.errors import BackupError
from api.backup.folder import BackupFolder
from api.backup.manifest import Manifest
from api.backup.restore import restore_backup
from api.backup.store import side_by_side
from api.backup.tables import check_table_file
from api.backup.take import Progress
from pipelines.durable_files import sha256_of_file
from pipelines.lake.clock import Clock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home

AuditCheck = Callable[[Engine], tuple[int, list[str]]]
"""Verifies all audit chains; returns how many events there are and the faults."""


@dataclass
class DrillReport:
    """What a drill found.

    Attributes:
        comparisons: restored figures beside the backup's.
        checked: how much was recomputed, by name.
        differences: one sentence each; none means that this backup can be relied on.
    """

    comparisons: list[Comparison] = field(default_factory=list[Comparison])
    checked: dict[str, int] = field(default_factory=dict[str, int])
    differences: list[str] = field(default_factory=list[str])


def drill(
    folder: BackupFolder, found: Path, manifest: Manifest, clock: Clock, progress: Progress, audit_check: AuditCheck
) -> DrillReport:
    """Restore a backup into a temporary home on SQLite, rebuild and recompute everything, and clear away.

    Args:
        folder: where backups lie.
        found: one of them.
        manifest: its manifest, checked.
        clock: tells when the marts are built.
        progress: told how far it is.
        audit_check: verifies the audit chains.

    Returns:
        Every difference; a backup that cannot even be restored is one.
    """
    report = DrillReport(differences=_damaged_content(folder, found, manifest, progress))
    if report.differences:
        return report
    with _temporary_home() as home:
        url = f"sqlite:///{home.root / 'app.sqlite'}"
        try:
            report.comparisons = restore_backup(folder, found, manifest, home, url, progress).comparisons
        except BackupError as fault:
            report.differences.append(str(fault))
            return report
        engine = open_database(url, pool_size=2)
        try:
            _rebuild_and_recompute(home, engine, clock, progress, report)
            events, faults = audit_check(engine)
        finally:
            engine.dispose()
    report.checked["audit_events"] = events
    report.differences += faults
    return report


def _damaged_content(folder: BackupFolder, found: Path, manifest: Manifest, progress: Progress) -> list[str]:
    """Return a sentence for every file of the backup that is missing or damaged: all of them, not the first."""
    faults: list[str] = []
    for entry in manifest.tables:
        try:
            check_table_file(found / "tables" / f"{entry.name}.parquet", entry)
        except BackupError as fault:
            faults.append(str(fault))
    entries = [*manifest.files, *manifest.kept]

    def fault_of(wanted: tuple[str, str]) -> str | None:
        path, digest = wanted
        copy = folder.store.path(digest)
        try:
            return None if sha256_of_file(copy) == digest else f"{copy} is damaged (it holds {path})"
        except OSError as fault:
            return f"{copy} cannot be read: {fault.strerror} (it holds {path})"

    for done, fault in enumerate(side_by_side(fault_of, ((one.path, one.sha256) for one in entries)), start=1):
        progress("digests", done, len(entries))
        if fault is not None:
            faults.append(fault)
    return faults


def _rebuild_and_recompute(home: Home, engine: Engine, clock: Clock, progress: Progress, report: DrillReport) -> None:
    # Imported late: the build's libraries take seconds to load.
    from pipelines.refresh import RefreshFailed, refresh  # noqa: PLC0415
    from pipelines.run_history import run_history  # noqa: PLC0415
    from pipelines.verify import verify  # noqa: PLC0415

    progress("rebuild", 0, 1)
    try:
        refresh(home, engine, clock, full=True)
    except RefreshFailed as fault:
        report.differences.append(f"the marts cannot be rebuilt from what was restored: {fault}")
    finally:
        run_history(home).dispose()
    progress("rebuild", 1, 1)
    progress("recompute", 0, 1)
    proof = verify(home, engine)
    report.checked |= proof.checked
    report.differences += proof.differences
    progress("recompute", 1, 1)


@contextmanager
def _temporary_home() -> Generator[Home]:
    """Yield a home that is deleted at the end; the operator's own database is out of reach meanwhile."""
    configured = os.environ.pop(DATABASE_VARIABLE, None)
    folder = Path(tempfile.mkdtemp(prefix="halton-drill-"))
    try:
        yield Home(folder / "home")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if configured is not None:
            os.environ[DATABASE_VARIABLE] = configured
