"""The way back: from a backup to a home and database that go on where it stood.

Belongs here: the order of steps, and refusing to write over anything. Does not belong here: building marts from what
was restored (`halton-cloud refresh`, or the refresher of `up`).

A mark lies in the home from the first step to the last, and no command opens a home that has it. Files come first; then
one transaction creates the schema the backup was taken at, fills it, upgrades it and compares it with the manifest.
Killed anywhere, the same command goes on: files that are there already are only checked.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from api.backup.compare import Comparison, compare_database
from api.backup.errors import BackupError
from api.backup.folder import BackupFolder
from api.backup.manifest import FileEntry, KeptEntry, Manifest, read_manifest
from api.backup.store import copy_checked, side_by_side
from api.backup.tables import check_table_file, continue_keys, fill_table
from api.backup.take import Progress
from api.db.migrate import known_revisions, upgrade_within
from pipelines.durable_files import sha256_of_file
from pipelines.lake.database import open_database
from pipelines.lake.landing import sync_folder
from pipelines.lake.paths import Home

_FILE_MODE: Final = 0o640  # as the landing writer gives them


@dataclass(frozen=True)
class Restored:
    """What a restore brought back.

    Attributes:
        folder: the backup.
        manifest: what it holds.
        comparisons: restored against manifest, all equal.
    """

    folder: Path
    manifest: Manifest
    comparisons: list[Comparison]


def open_backup(folder: BackupFolder, name: str | None, sha256: str | None) -> tuple[Path, Manifest]:
    """Return a complete backup and its manifest, checked.

    Args:
        folder: where backups lie.
        name: which; the newest when None.
        sha256: the digest printed when it was taken, when the operator has it.

    Raises:
        BackupError: there is none, or it cannot be trusted or read by this release.
    """
    found = folder.find(name)
    manifest = read_manifest(found)
    if sha256 is not None and manifest.sha256 != sha256.lower():
        raise BackupError(f"{found} is not the backup with that digest: its own is {manifest.sha256}")
    if manifest.schema_revision not in known_revisions():
        raise BackupError(
            f"this backup was taken by release {manifest.product_version} at schema {manifest.schema_revision}, which"
            " this release does not know; restore it with that release or a newer one"
        )
    return found, manifest


def restore_backup(
    folder: BackupFolder, found: Path, manifest: Manifest, home: Home, database_url: str, progress: Progress
) -> Restored:
    """Bring a backup back.

    Args:
        folder: where backups lie.
        found: one of them.
        manifest: its manifest, checked.
        home: where to; new, empty, or begun by the same restore.
        database_url: where its tables go; empty, or filled by the same restore.
        progress: told how far it is.

    Returns:
        What was brought back.

    Raises:
        BackupError: something in the backup is damaged, or the target is in use; it is named.
        OSError: the home cannot be written.
        sqlalchemy.exc.SQLAlchemyError: the database refused; it is as it was.
    """
    for entry in manifest.tables:
        check_table_file(found / "tables" / f"{entry.name}.parquet", entry)
    engine: Engine | None = None
    with _claimed(home, manifest) as resumed:
        try:
            engine = open_database(database_url, pool_size=2)
            if _is_filled(engine) and not resumed:
                raise BackupError(f"the database {engine.url!r} has tables already; restore into an empty one")
            _bring_files(folder, manifest, home, progress)
            comparisons = _fill(engine, found, manifest, progress)
        finally:
            if engine is not None:
                engine.dispose()
    return Restored(found, manifest, comparisons)


@contextmanager
def _claimed(home: Home, manifest: Manifest) -> Generator[bool]:
    """Mark the home as being restored; yield whether the same restore had begun before. The mark goes at a good end.

    Raises:
        BackupError: the home is not empty, or is being restored by somebody else.
    """
    mark = home.restoring_mark
    strangers = [] if not home.root.is_dir() else [one for one in home.root.iterdir() if one.name != "lost+found"]
    if strangers and not mark.is_file():
        raise BackupError(f"{home.root} is not empty; restore into a new folder")
    home.root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(mark, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"another restore into {home.root} is running; wait for it to end") from None
        begun = os.read(descriptor, 100).decode(errors="replace")
        if begun and begun != manifest.sha256:
            raise BackupError(f"the restore of another backup into {home.root} was not finished; delete that folder")
        os.pwrite(descriptor, manifest.sha256.encode(), 0)
        os.fsync(descriptor)
        sync_folder(home.root)
        yield bool(begun)
        shutil.rmtree(home.restoring_files, ignore_errors=True)
        mark.unlink()
        sync_folder(home.root)
    finally:
        os.close(descriptor)


def _is_filled(engine: Engine) -> bool:
    with engine.execution_options(read_only=True).connect() as connection:
        return bool(inspect(connection).get_table_names())


def _bring_files(folder: BackupFolder, manifest: Manifest, home: Home, progress: Progress) -> None:
    """Copy landed and kept files to their places."""
    entries: Sequence[FileEntry | KeptEntry] = [*manifest.files, *manifest.kept]
    home.landing.mkdir(exist_ok=True)
    targets = [(home.landing if isinstance(one, FileEntry) else home.root) / one.path for one in entries]
    folders = {target.parent for target in targets}
    shutil.rmtree(home.restoring_files, ignore_errors=True)
    for one in (*folders, home.restoring_files):
        one.mkdir(parents=True, exist_ok=True)

    def bring(pair: tuple[FileEntry | KeptEntry, Path]) -> None:
        entry, target = pair
        if target.is_file() and target.stat().st_size == entry.bytes and sha256_of_file(target) == entry.sha256:
            return
        source = folder.store.path(entry.sha256)
        try:
            copy_checked(source, target, entry.sha256, by_way_of=home.restoring_files, mode=_FILE_MODE)
        except BackupError as fault:
            raise BackupError(f"{fault} (it holds {entry.path})") from fault

    progress("files", 0, len(entries))
    for done, _ in enumerate(side_by_side(bring, zip(entries, targets, strict=True)), start=1):
        progress("files", done, len(entries))
    parents = {parent for one in folders for parent in one.parents if parent.is_relative_to(home.root)}
    for one in sorted(folders | parents):
        sync_folder(one)


def _fill(engine: Engine, found: Path, manifest: Manifest, progress: Progress) -> list[Comparison]:
    """Fill an empty database in one transaction; one the same restore filled before is only compared."""
    with engine.begin() as connection:
        if not inspect(connection).get_table_names():
            _create_and_fill(connection, found, manifest, progress)
        comparisons = compare_database(connection, manifest)
        wrong = [one for one in comparisons if not one.equal]
        if wrong:
            raise BackupError(f"what was restored is not what the manifest says: {wrong[0].sentence()}")
    return comparisons


def _create_and_fill(connection: Connection, found: Path, manifest: Manifest, progress: Progress) -> None:
    names = [entry.name for entry in manifest.tables]
    upgrade_within(connection, manifest.schema_revision)
    existing = set(inspect(connection).get_table_names()) - {"alembic_version"}
    if set(names) != existing:
        odd = sorted(set(names) ^ existing)
        raise BackupError(f"the backup's tables are not those of schema {manifest.schema_revision}: {', '.join(odd)}")
    for name in names:  # the first schema brings rows of its own
        connection.execute(text(f'DELETE FROM "{name}"'))  # noqa: S608 - names of existing tables
    total, done = sum(entry.rows for entry in manifest.tables), 0
    for entry in manifest.tables:
        for count in fill_table(connection, found / "tables" / f"{entry.name}.parquet", entry):
            done += count
            progress("rows", done, total)
    continue_keys(connection, names)
    upgrade_within(connection, "head")
