"""Real processes that connect to a real socket, and stay until they are let go."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

CLIENT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2]))).recv(1)"
DUAL_STACK_CLIENT = """
import socket, sys
client = socket.socket(socket.AF_INET6)
client.connect(("::ffff:" + sys.argv[1], int(sys.argv[2])))
client.recv(1)
"""


@dataclass(frozen=True)
class Connected:
    """A process on the other end.

    Attributes:
        pid: its number.
        client: its end.
        server: our end.
    """

    pid: int
    client: tuple[str, int]
    server: tuple[str, int]


class Listener:
    """A listening socket of this process."""

    def __init__(self, host: str) -> None:
        self._socket = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()[:2]
        return host, port

    @contextmanager
    def client(
        self, workdir: Path | None = None, environment: Mapping[str, str] | None = None, code: str = CLIENT
    ) -> Iterator[Connected]:
        """Connect a process that works in `workdir` and was started with `environment`."""
        with self.connection(code, environment, workdir) as (connected, _):
            yield connected

    @contextmanager
    def connection(
        self, code: str, environment: Mapping[str, str] | None = None, workdir: Path | None = None
    ) -> Iterator[tuple[Connected, socket.socket]]:
        """As `client`, with our end of the connection to talk to the process."""
        host, port = self.address
        command = [sys.executable, "-S", "-E", "-c", code, host, str(port)]
        with subprocess.Popen(command, cwd=workdir, env={**os.environ, **(environment or {})}) as process:
            connection, peer = self._socket.accept()
            with connection:
                yield Connected(process.pid, (peer[0], peer[1]), connection.getsockname()[:2]), connection
