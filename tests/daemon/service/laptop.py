"""A laptop with a meter on it: real processes, in a home of its own."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from daemon.calls.call import Call
from daemon.clock import SystemClock
from daemon.credentials import MeterHome
from daemon.service.running import Running, read_running
from daemon.store.store import Store

ROOT = Path(__file__).parents[3]
PATIENCE = 20.0
T = TypeVar("T")


def eventually(look: Callable[[], T | None]) -> T:
    """What `look` gives once it gives something."""
    until = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.01)
    return seen


@dataclass
class Laptop:
    """Runs `halton-meter` with an interpreter; `stop` ends whatever it started."""

    home: MeterHome
    python: Path = Path(sys.executable)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return kept | {"PYTHONPATH": str(ROOT), "HALTON_METER_HOME": str(self.home.root)} | self.variables

    def command(self, *arguments: str) -> list[str]:
        return [str(self.python), "-m", "daemon.cli.main", *arguments]

    def says(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, check=False, env=self.environment, timeout=60
        )
        assert done.returncode == code, done.stdout + done.stderr + self.log()
        return done.stdout if code == 0 else done.stdout + done.stderr

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.says(*arguments, "--json", code=code))

    def running(self) -> Running:
        found = read_running(self.home)
        assert found is not None
        return found

    def log(self) -> str:
        return self.home.log_path.read_text() if self.home.log_path.exists() else "(no log)"

    def asks(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        port = self.running().api_port
        assert port is not None
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET" if body is None else "POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def calls(self, number: int) -> list[Call]:
        """The newest calls, once there are so many."""
        with Store(self.home.database_path, SystemClock()) as store:
            return eventually(lambda: found if len(found := store.newest(1000)) >= number else None)

    def stop(self) -> None:
        self.says("stop", "--all")
