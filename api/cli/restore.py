"""`halton-cloud restore`: a backup brought back, or tried.

Belongs here: the command. Does not belong here: the way back (`api.backup.restore`), the drill (`api.backup.drill`).
"""

from __future__ import annotations

import logging.config
import time
from pathlib import Path

import click

from api.backup.drill import drill
from api.backup.folder import BackupFolder
from api.backup.manifest import Manifest
from api.backup.restore import open_backup, restore_backup
from api.cli.backup_screen import BackupScreen
from api.cli.console import print_answer, verbatim_examples
from api.logs import log_settings
from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home


@click.command("restore")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--home", "new_home", metavar="NEW", type=click.Path(file_okay=False), help="New folder for the data.")
@click.option("--database-url", metavar="URL", help="Empty app database (default: $HALTON_DATABASE_URL, else SQLite).")
@click.option("--backup", "name", metavar="NAME", help="Which backup in FOLDER (default: the newest).")
@click.option("--sha256", metavar="DIGEST", help="Digest printed when the backup was taken; any other is refused.")
@click.option("--drill", "drilled", is_flag=True, help="Only try it, in a temporary home, and compare everything.")
@verbatim_examples
def restore_command(
    *, folder: Path, new_home: str | None, database_url: str | None, name: str | None, sha256: str | None, drilled: bool
) -> None:
    r"""Bring a backup back into a new home and an empty database, or try whether that would work.

    Every file is checked by its digest on the way, and nothing that exists is written over. The database may be of
    another kind than the one the backup was read from; an older backup is upgraded. If it is interrupted, run it again:
    until it has ended, no command opens the new home. Afterwards build the marts with `refresh`, or start `up`.

    With --drill the backup is restored to a temporary home, its marts are rebuilt from landing, everything is compared
    and cleared away; any difference is named, and the exit code is 1.

    Prints {"home", "backup", "taken_at", ...}; with --drill {"ok", "differences", "checked", ...}.

    \b
    Examples:
      halton-cloud restore /mnt/backups/halton --home /var/lib/halton-new
      halton-cloud restore /mnt/backups/halton --home /srv/new --database-url postgresql://halton@db/halton
      halton-cloud restore /mnt/backups/halton --drill
    """
    logging.config.dictConfig(log_settings())
    if drilled == (new_home is not None):
        raise click.UsageError("Name a new home with --home, or try the backup with --drill.")
    if drilled and database_url is not None:
        raise click.UsageError("A drill always restores to SQLite; leave --database-url out.")
    screen, source = BackupScreen(), BackupFolder(folder)
    found, manifest = open_backup(source, name, sha256)
    if new_home is None:
        _drill(screen, source, found, manifest)
    else:
        _restore(screen, source, found, manifest, Home.locate(new_home), database_url)


def _restore(
    screen: BackupScreen, source: BackupFolder, found: Path, manifest: Manifest, home: Home, database_url: str | None
) -> None:
    started = time.monotonic()
    with screen.progress() as told:
        restored = restore_backup(source, found, manifest, home, database_url or home.database_url, told)
    screen.say(f"restored as of {manifest.taken_at}; build the marts with: halton-cloud refresh --home {home.root}")
    if database_url is not None:
        screen.say("set HALTON_DATABASE_URL to the same database for everything that uses this home")
    print_answer(
        {
            "home": str(home.root),
            "backup": str(restored.folder),
            "sha256": manifest.sha256,
            "taken_at": manifest.taken_at,
            "table_rows": sum(one.rows for one in manifest.tables),
            "landed_rows": sum(one.totals["row_count"] for one in manifest.workspaces),
            "files": len(manifest.files),
            "seconds": round(time.monotonic() - started, 3),
        }
    )


def _drill(screen: BackupScreen, source: BackupFolder, found: Path, manifest: Manifest) -> None:
    from api.cli.verify import verify_audit_chains  # noqa: PLC0415 - with the libraries that recompute

    started = time.monotonic()
    with screen.progress() as told:
        report = drill(source, found, manifest, SystemClock(), told, verify_audit_chains)
    screen.drilled(report)
    print_answer(
        {
            "ok": not report.differences,
            "backup": str(found),
            "sha256": manifest.sha256,
            "taken_at": manifest.taken_at,
            "compared": {one.what: one.found for one in report.comparisons},
            "checked": report.checked,
            "differences": report.differences,
            "seconds": round(time.monotonic() - started, 3),
        }
    )
    if report.differences:
        raise click.ClickException(
            f"{len(report.differences)} differences were found; the first: {report.differences[0]}"
        )
