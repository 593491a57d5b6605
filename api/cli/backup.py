"""`halton-cloud backup`: the whole record, copied to a folder.

Belongs here: the command. Does not belong here: what is copied and how (`api.backup`).
"""

from __future__ import annotations

import time
from pathlib import Path

import click

from api.backup.folder import BackupFolder
from api.backup.take import take_backup
from api.cli.backup_screen import BackupScreen
from api.cli.console import home_option, print_answer
from api.cli.database import opened
from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home


@click.command("backup")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@home_option
def backup_command(folder: Path, home_folder: str | None) -> None:
    r"""Copy the app database and all landed files, as of one instant, to FOLDER. The server may go on running.

    FOLDER may hold many backups: each is complete, and landed files they share lie there once. Marts, warehouse and
    the history of runs are left out, they are rebuilt from what is copied; so are environment variables. A backup holds
    digests of tokens and keys and sealed pairing tokens, never one that works; it is readable by its owner only. Keep
    the printed sha256 elsewhere: given to `restore --sha256`, it shows a backup that was rewritten.

    Prints {"backup", "sha256", "taken_at", "table_rows", "files", "files_copied", ...}.

    \b
    Examples:
      halton-cloud backup /mnt/backups/halton
      halton-cloud backup /mnt/backups/halton --home /var/lib/halton
    """
    started = time.monotonic()
    home, screen, target = Home.locate(home_folder), BackupScreen(), BackupFolder(folder)
    with opened(home) as engine, screen.progress() as told:
        taken = take_backup(home, engine, target, SystemClock(), told)
    manifest = taken.manifest
    screen.say(f"backup {taken.folder.name} is complete; try it with: halton-cloud restore {target.root} --drill")
    print_answer(
        {
            "backup": str(taken.folder),
            "sha256": manifest.sha256,
            "taken_at": manifest.taken_at,
            "table_rows": sum(one.rows for one in manifest.tables),
            "landed_rows": sum(one.totals["row_count"] for one in manifest.workspaces),
            "files": len(manifest.files),
            "bytes": sum(one.bytes for one in [*manifest.files, *manifest.tables]),
            "files_copied": taken.files_copied,
            "bytes_copied": taken.bytes_copied,
            "seconds": round(time.monotonic() - started, 3),
        }
    )
