"""Folders that take long to make, made once per test run and handed from worker to worker.

Belongs here: who makes one, and that the others wait for it. Does not belong here: what is in them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(folders: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return the run's folder of that name; copy it, never change it.

    Args:
        folders: pytest's own.
        name: the same for everybody who wants the same.
        make: fills the empty folder it is given. What it makes may know where it is: it stays there.
    """
    base = folders.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, whole = shared / name, shared / f"{name}.whole"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that died over it
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
