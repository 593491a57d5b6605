"""Takes and restores backups in forks that are killed: `python -m tests.api.backup.forks`, one JSON order a line.

An order is `{"do": "backup" | "restore", "home", "url", "folder", "seconds": null | number}`; the answer is a JSON list
of the exit code and how long it took. With `seconds` the fork dies by SIGKILL so long after it began.

Belongs here: one process that has imported everything, so that a kill costs milliseconds. Does not belong here: judging
what is left.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from alembic import command as _alembic
from alembic.script import ScriptDirectory as _ScriptDirectory

from api.backup.folder import BackupFolder
from api.backup.restore import open_backup, restore_backup
from api.backup.take import take_backup
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

WARM = (_alembic, _ScriptDirectory)


def obey(order: dict[str, Any]) -> None:
    home, folder = Home(Path(order["home"])), BackupFolder(Path(order["folder"]))
    if order["do"] == "backup":
        take_backup(home, open_database(order["url"], pool_size=1), folder, SystemClock(), lambda *_: None)
    else:
        found, manifest = open_backup(folder, None, None)
        restore_backup(folder, found, manifest, home, order["url"], lambda *_: None)


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                obey(order)
            except BaseException as fault:  # noqa: BLE001 - told to whoever reads the log
                sys.stderr.write(f"{type(fault).__name__}: {fault}\n")
                os._exit(1)
            os._exit(0)
        status = 0
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            if order["seconds"] is not None and time.monotonic() - began >= order["seconds"]:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.001)
        sys.stdout.write(json.dumps([os.waitstatus_to_exitcode(status), time.monotonic() - began]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
