"""Running a rival's application exactly as `halton-cloud serve` runs ours.

Belongs here: uvicorn with the same options, word of where it listens, and the parent's handle on the process. Does not
belong here: any application.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Self

import uvicorn
from uvicorn.supervisors import Multiprocess

HOST = "127.0.0.1"


def serve(factory: str, workers: int) -> None:
    """Serve `module:factory` until SIGTERM; prints `{"listening": url}` once `GET /health` is answered."""
    config = uvicorn.Config(
        factory, factory=True, workers=workers, log_level="warning", access_log=False, ws="none", server_header=False
    )
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, 0))
        listener.set_inheritable(True)
        port = listener.getsockname()[1]
        threading.Thread(target=_announce, args=(port,), daemon=True).start()
        if workers > 1:
            Multiprocess(config, sockets=[listener]).run()
        else:
            uvicorn.Server(config).run(sockets=[listener])


def _announce(port: int) -> None:
    while True:
        time.sleep(0.05)
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == http.client.OK:
                sys.stdout.write(json.dumps({"listening": f"http://{HOST}:{port}"}) + "\n")
                sys.stdout.flush()
                return
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()


@dataclass
class RivalServer:
    """A rival's server process; a context manager.

    Attributes:
        module: run as `python -m module WORKERS`.
        workers: worker processes.
        environment: added to ours.
        url: where it listens.
    """

    module: str
    workers: int = 1
    environment: dict[str, str] = field(default_factory=dict[str, str])
    url: str = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module, str(self.workers)],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self.module} ended before it listened"
        self.url = json.loads(line)["listening"]
        return self

    @property
    def pid(self) -> int:
        """Process id of the server, or of the parent of its workers."""
        return self._process.pid

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(timeout=60)
        assert self._process.stdout is not None
        self._process.stdout.close()
