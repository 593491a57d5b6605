"""A server that dies while it raises an alert: `python -m tests.api.alerts.killed_keeper HOME row|mail|commit`.

`row`: when the alert's row was written; `mail`: when its e-mail was queued; `commit`: just before the commit.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from sqlalchemy.orm import Session

from api.alerts import raising
from api.alerts.figures import watched_workspaces
from api.outbox.queue import Seal
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from tests.api.alerts.conftest import BUILD, reached


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: str, moment: str) -> None:
    home = Home.locate(folder)
    engine = open_database(home.database_url)
    if moment == "row":
        raising.queue_mail = die
    elif moment == "mail":
        raising.record_event = die
    else:
        Session.commit = die
    (workspace,) = watched_workspaces(engine)
    telling = raising.Telling(engine, Seal(home), "")
    raising.raise_alerts(telling, workspace, [reached(80)], build_id=BUILD, at=SystemClock().now())


if __name__ == "__main__":
    main(*sys.argv[1:])
