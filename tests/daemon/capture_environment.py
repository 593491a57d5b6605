"""The Python that captures: an environment with mitmproxy, which the tests' own cannot have.

Belongs here: finding or making that environment, and a proxy running in it as a child. Does not belong here: what is
tested of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Self

import pytest

ROOT = Path(__file__).parents[2]
VARIABLE = "HALTON_CAPTURE_PYTHON"
"""Names the interpreter to use, so that other versions of Python and mitmproxy can be tried."""
_CHILD = Path(__file__).parent / "proxy" / "child.py"
_PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="session")
def capture_python() -> Path:
    """An interpreter that imports mitmproxy; made once for all workers when there is none."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    beside = ROOT / ".venv-capture" / "bin" / "python"
    return beside if _captures(beside) else _made()


def environment() -> dict[str, str]:
    """What children are started with: this tree's code, and no proxy of this machine."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}


def _captures(python: Path) -> bool:
    if not python.exists():
        return False
    looked = [python, "-c", "import importlib.util as u, sys; sys.exit(u.find_spec('mitmproxy') is None)"]
    return subprocess.run(looked, check=False, env=environment()).returncode == 0


def _made() -> Path:
    locked = hashlib.sha256((ROOT / "uv.lock").read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"halton-capture-{locked}"
    python = folder / "bin" / "python"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _captures(python):
            variables = {"UV_PROJECT_ENVIRONMENT": str(folder), "UV_PYTHON": sys.executable}
            uv = [found] if (found := shutil.which("uv")) else [sys.executable, "-m", "uv"]
            sync = ["sync", "--frozen", "--no-dev", "--extra", "capture", "--no-install-project"]
            subprocess.run([*uv, *sync], check=True, cwd=ROOT, env=environment() | variables)
    return python


class RunningProxy:
    """A proxy in a child process; its calls come as JSON."""

    def __init__(self, python: Path, **settings: Any) -> None:
        """Start it and wait until it listens.

        Args:
            python: of an environment with mitmproxy.
            settings: `ProxySettings` by name, `authority_folder` at least, and what `child.py` takes beside them.
        """
        self._child = subprocess.Popen(
            [str(python), str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(),
        )
        self.pid = self._child.pid
        self._calls: queue.Queue[dict[str, Any]] = queue.Queue()
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.restart(**settings)

    def restart(self, **settings: Any) -> None:
        """Stop it and start it with other settings, in the same process: that is quick."""
        started = self.ask("start", settings)
        self.port: int = started["port"]
        self.certificate = Path(started["certificate"])
        self.bundle = Path(started["bundle"])

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def call(self, *, seconds: float = _PATIENCE_SECONDS) -> dict[str, Any]:
        """Return the next captured call, waiting for it."""
        return self._calls.get(timeout=seconds)

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls captured so far that were not returned yet."""
        self.counts()  # answers come in order: what was captured before is here once this is
        taken: list[dict[str, Any]] = []
        while not self._calls.empty():
            taken.append(self._calls.get())
        return taken

    def counts(self) -> dict[str, int]:
        """Return the proxy's counts."""
        return self.ask("counts")

    def stop(self) -> None:
        """Stop the proxy, not its process: calls under way get their time."""
        self.ask("stop")

    def close(self) -> None:
        """Stop proxy and process."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        self._child.wait(_PATIENCE_SECONDS)
        self._reader.join()
        self._child.stdout.close()

    def ask(self, command: str, what: Any = None) -> dict[str, Any]:
        """Give the child a command and return what it says."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps([command, what]) + "\n")
        self._child.stdin.flush()
        return self._answers.get(timeout=_PATIENCE_SECONDS)

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            message = json.loads(line)
            (self._calls if "call" in message else self._answers).put(next(iter(message.values())))
