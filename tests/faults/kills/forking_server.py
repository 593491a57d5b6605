"""A preloaded parent that forks a server when told to, so that a crash costs milliseconds.

Run as `python -m tests.faults.kills.forking_server HOME [MUTANT]`. The first line printed is the port; each byte read
starts a server, whose pid is printed; a server's end is answered by an empty line. Ends when stdin closes.

Belongs here: one process that serves and can be killed. Does not belong here: killing it (`campaign`).
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import tempfile
from pathlib import Path

import uvicorn
from sqlalchemy import insert
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from api.app import create_app
from api.db.models import Base
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.ledger import landing_sequence
from pipelines.lake.paths import Home
from tests.faults.kills.mutants import MUTANTS
from tests.faults.kills.stage_board import BOARD, StageBoard
from tests.faults.paired_machine import pair_machine
from tests.wire_records import batch, record


def watched_app(home: Home) -> ASGIApp:
    """Return the application with its routes built and its database's dialect known, but nothing open."""
    board = StageBoard(home.root / BOARD)
    engine = open_database(home.database_url)
    engine.connect().close()
    engine.dispose()
    board.watch_commits(engine)
    return board.watch_uploads(create_app(home, engine=engine, sends_mail=False))


def rehearse() -> None:
    """Upload once to a server in a scratch home: whatever is imported or compiled at first use is, before any fork."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
        Base.metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(insert(landing_sequence).values(id=1, value=0))
        headers = {"Authorization": f"Bearer {pair_machine(engine, SystemClock()).token}"}
        with TestClient(create_app(home, engine=engine, sends_mail=False)) as client:
            for _ in range(2):
                answer = client.post("/v1/requests/batch", content=batch([record()]), headers=headers)
                assert answer.status_code == 200, answer.text
        engine.dispose()


def serve(app: ASGIApp, listener: socket.socket) -> None:
    config = uvicorn.Config(app, log_level="warning", access_log=False, ws="none", lifespan="on")
    uvicorn.Server(config).run(sockets=[listener])


def main(home: Home, mutant: str | None) -> None:
    rehearse()
    if mutant is not None:
        MUTANTS[mutant]()
    app = watched_app(home)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    gc.collect()
    gc.freeze()  # children that never collect what was there before them copy fewer pages
    say(str(listener.getsockname()[1]))
    while os.read(sys.stdin.fileno(), 1):
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            serve(app, listener)
            os._exit(0)
        say(str(child))
        if not ended(child):
            return
        say("")


def ended(child: int) -> bool:
    """Wait for the end of a server. When our own stdin ends first the campaign is gone: nobody else would end it."""
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if select.select([sys.stdin], [], [], 0.002)[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
    return True


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])), sys.argv[2] if len(sys.argv) > 2 else None)
