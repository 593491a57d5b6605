"""Taking a backup while everything goes on.

Belongs here: the order of steps. Does not belong here: how each is done (`contents`, `tables`, `store`, `manifest`).

First the lease that keeps landed files where they are, then every table in one transaction, then the files that
transaction names, then the manifest, then the name. Killed anywhere, what lies in the folder is not called a backup.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlalchemy import Connection, Engine

from api.backup.contents import (
    KEPT_FILES,
    one_instant,
    physical_files,
    record_tables,
    refuse_inside,
    report_files,
    workspace_entries,
)
from api.backup.errors import BackupError
from api.backup.folder import BackupFolder
from api.backup.manifest import FORMAT_VERSION, FileEntry, KeptEntry, Manifest, TableEntry, sealed, write_manifest
from api.backup.store import FileStore, side_by_side
from api.backup.tables import write_table
from api.db.migrate import current_revision
from pipelines.lake.clock import Clock, iso_utc
from pipelines.lake.landing import sync_folder
from pipelines.lake.landing_lease import landed_bytes_stay
from pipelines.lake.paths import Home

Progress = Callable[[str, int, int], None]
"""Told of a step by its name, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Taken:
    """A complete backup.

    Attributes:
        folder: where it lies.
        manifest: what it holds.
        files_copied: landed files that were not in the store before.
        bytes_copied: of those files.
    """

    folder: Path
    manifest: Manifest
    files_copied: int
    bytes_copied: int


def take_backup(home: Home, engine: Engine, folder: BackupFolder, clock: Clock, progress: Progress) -> Taken:
    """Take a backup of an installation that may be in use.

    Args:
        home: the installation.
        engine: its app database, at the newest schema.
        folder: where the backup goes.
        clock: names its instant.
        progress: told how far it is.

    Returns:
        The backup, durable.

    Raises:
        BackupError: a landed file is missing or damaged, the folder is in use or lies in the home.
        OSError: the folder cannot be written.
    """
    refuse_inside(home, folder.root)
    with folder.being_written(), landed_bytes_stay(home):
        unfinished = folder.begin(clock.now())
        with one_instant(engine) as connection:
            revision = current_revision(connection)
            if revision is None:
                raise BackupError("the app database has no tables; there is nothing to back up")
            # The clock is read after the transaction began to see: what is committed later is not in the backup.
            taken_at = clock.now()
            tables = _write_tables(connection, unfinished, progress)
            files = physical_files(connection)
            reports = report_files(connection)
            workspaces = workspace_entries(connection)
        copied = _keep_files(home, folder.store, files, progress)
        for report in reports:
            folder.store.keep(home.root / report.path, report.sha256, report.bytes)
        kept = [_keep_whole(home, folder.store, path) for path in KEPT_FILES if (home.root / path).is_file()] + reports
        folder.store.settle(one.sha256 for one in [*files, *kept])
        manifest = sealed(
            Manifest(
                format_version=FORMAT_VERSION,
                product_version=_release(),
                schema_revision=revision,
                taken_at=iso_utc(taken_at),
                database=engine.dialect.name,
                tables=tables,
                files=files,
                kept=kept,
                workspaces=workspaces,
            )
        )
        write_manifest(unfinished, manifest)
        final = folder.finish(unfinished)
    return Taken(final, manifest, len(copied), sum(copied))


def _write_tables(connection: Connection, unfinished: Path, progress: Progress) -> list[TableEntry]:
    sources = record_tables()
    entries: list[TableEntry] = []
    for source in sources:
        progress("tables", len(entries), len(sources))
        entries.append(write_table(connection, source, unfinished / "tables" / f"{source.name}.parquet"))
    progress("tables", len(entries), len(sources))
    sync_folder(unfinished / "tables")
    return entries


def _keep_files(home: Home, store: FileStore, files: list[FileEntry], progress: Progress) -> list[int]:
    """Keep every landed file; return the sizes of those that had to be copied."""

    def keep(entry: FileEntry) -> int | None:
        return entry.bytes if store.keep(home.landing / entry.path, entry.sha256, entry.bytes) else None

    copied: list[int] = []
    progress("landed files", 0, len(files))
    for done, size in enumerate(side_by_side(keep, files), start=1):
        if size is not None:
            copied.append(size)
        progress("landed files", done, len(files))
    return copied


def _keep_whole(home: Home, store: FileStore, path: str) -> KeptEntry:
    """Keep a file that is replaced whole whenever it changes: one open sees one version of it."""
    content = (home.root / path).read_bytes()
    digest = sha256(content).hexdigest()
    store.keep_content(content, digest)
    return KeptEntry(path, digest, len(content))


def _release() -> str:
    try:
        return version("halton-meter-cloud")
    except PackageNotFoundError:
        return "0"
