"""Running a confined child process: one message in, one message out.

Belongs here: its environment, its time, and what its failure means. Does not belong here: what it limits itself to
(`confinement`), what it does (`renderer`, `prover`), one that stays for many messages (`api.drawing`).
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from typing import Final

_log = logging.getLogger(__name__)
WALL_SECONDS: Final = 240.0
_ERRORS_SHOWN: Final = 2_000


class ChildError(Exception):
    """A confined process did not do its work: it was ended by a limit, or failed.

    Attributes:
        code: what it ended with; None when it was ended for its time.
    """

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.code = code


def run_confined(module: str, message: bytes, *, wall_seconds: float = WALL_SECONDS) -> bytes:
    """Run `python -m module` on a message and return what it answers.

    It starts with none of this process' environment, in an empty folder that is deleted afterwards.

    Args:
        module: of ours; it calls `confinement` itself.
        message: given to it on stdin.
        wall_seconds: it is ended when it takes longer.

    Raises:
        ChildError: it did not end well, or not in time.
    """
    with tempfile.TemporaryDirectory(prefix="halton-report-") as folder:
        try:
            ended = subprocess.run(  # noqa: S603 - our own module
                [sys.executable, "-m", module],
                input=message,
                capture_output=True,
                timeout=wall_seconds,
                cwd=folder,
                env=bare_environment(folder),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ChildError(f"it took longer than {wall_seconds:.0f} seconds") from None
    if ended.returncode != 0:
        _log.warning("%s ended with %d: %s", module, ended.returncode, tail(ended.stderr))
        raise ChildError(f"it ended with {ended.returncode}", ended.returncode)
    return ended.stdout


def bare_environment(folder: str) -> dict[str, str]:
    """Return an environment with nothing of this process' own but where modules are.

    Args:
        folder: the child's own, for whatever it writes.
    """
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        **({"PYTHONPYCACHEPREFIX": sys.pycache_prefix} if sys.pycache_prefix else {}),
    }


def tail(errors: bytes) -> str:
    """Return the end of what a child said on stderr, for the log."""
    return errors.decode(errors="replace")[-_ERRORS_SHOWN:]
