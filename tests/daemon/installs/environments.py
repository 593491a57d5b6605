"""Fresh environments with nothing but what a person installs: this tree's wheel, with or without an extra.

Belongs here: building the wheel, making the environments, running the installed command. Does not belong here: what is
asked of it. Each is made once per test run, in uv's own cache as far as that goes, with the versions of `uv.lock`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.capture_environment import ROOT, VARIABLE
from tests.made_once import made_once

_KEPT = ("PATH", "LANG", "TMPDIR", "PYTHONPYCACHEPREFIX", "SSL_CERT_FILE", "SYSTEMROOT")
_SECONDS = 60


@dataclass(frozen=True)
class Installed:
    """The command as its person has it: their environment, their home, nothing of this tree.

    Attributes:
        environment: folder of the virtual environment.
        person: their home directory; `~/.halton-meter` is in it.
    """

    environment: Path
    person: Path

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    @property
    def variables(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {"HOME": str(self.person), "COLUMNS": "100"}

    def says(self, *arguments: str, code: int = 0) -> str:
        """What `halton-meter` prints."""
        return self._runs([str(self.environment / "bin" / "halton-meter"), *arguments], code)

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.says(*arguments, "--json", code=code))

    def evaluates(self, program: str) -> Any:
        """What a program prints as JSON, run by the environment's interpreter."""
        return json.loads(self._runs([str(self.python), "-c", program], 0))

    def _runs(self, command: list[str], code: int) -> str:
        done = subprocess.run(
            command,
            cwd=self.person,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout


def installed(folders: pytest.TempPathFactory, extra: str | None) -> Path:
    """Return an environment with the wheel, and `extra` of it."""
    wheels = made_once(folders, "wheel", _build)
    name = f"installed-{extra or 'base'}"
    return made_once(folders, name, lambda folder: _install(folder, wheels, extra))


def _build(folder: Path) -> None:
    _uv("build", "--wheel", "--quiet", "--out-dir", str(folder))


def _install(folder: Path, wheels: Path, extra: str | None) -> None:
    # uv's file links lead into its cache, and the environment stays where it is made.
    locked, python = folder / "locked.txt", os.environ.get(VARIABLE) or sys.executable
    chosen = ["--extra", extra] if extra else []
    no_more = ["--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--no-annotate"]
    _uv("export", "--quiet", *no_more, *chosen, "--output-file", str(locked))
    _uv("venv", "--quiet", "--allow-existing", "--python", python, str(folder))
    [wheel] = wheels.glob("*.whl")
    wanted = f"halton-meter-cloud[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
    into = str(folder / "bin" / "python")
    _uv("pip", "install", "--quiet", "--python", into, "--constraint", str(locked), wanted)


def _uv(*arguments: str) -> None:
    uv = [found] if (found := shutil.which("uv")) else [sys.executable, "-m", "uv"]
    variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run([*uv, *arguments], cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
