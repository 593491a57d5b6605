"""A preloaded parent that forks a server whenever the last one is gone, so that a crash costs milliseconds.

Run as `python -m tests.faults.forking_server HOME PORT`; prints the pid of each server; ends when stdin closes.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from api.app import create_app
from pipelines.lake.paths import Home


def serve(home: Home, listener: socket.socket) -> None:
    config = uvicorn.Config(create_app(home), log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def main(home: Home, port: int) -> None:
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    while True:
        child = os.fork()
        if child == 0:
            serve(home, listener)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            readable, _, _ = select.select([sys.stdin], [], [], 0.005)
            if readable:  # only ever its end
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])), int(sys.argv[2]))
