"""Homes that benchmarks start from: made once per run of `python -m tests.benchmarks`, copied for each use.

Belongs here: keeping and copying them. Does not belong here: what is in them (`dataset`).
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home
from pipelines.row_file_upkeep import complete_row_files
from tests.benchmarks.context import Context
from tests.benchmarks.dataset import Dataset, make_dataset

_IMMUTABLE: Final = frozenset({"landing", "marts"})
_landed: dict[tuple[int, ...], Dataset] = {}
_built: dict[tuple[int, ...], Dataset] = {}


def landed_home(context: Context, rows: int, repeating: int = 0) -> Dataset:
    """Return a home with that many landed rows and no marts; it must not be changed, copy it.

    Args:
        context: of the benchmark.
        rows: landed rows.
        repeating: see `Dataset`.
    """
    key = (rows, context.seed, repeating)
    if key not in _landed:
        context.progress(f"landing {rows:,} rows")
        home = Home(_kept(str(context.folder.parent)) / f"landed-{_named(key)}")
        home.root.mkdir()
        _landed[key] = make_dataset(home, rows, context.seed, SystemClock().now(), repeating=repeating)
    return _landed[key]


def built_home(context: Context, rows: int, repeating: int = 0) -> Dataset:
    """Return a home with that many rows and their marts; it must not be changed, copy it.

    Args:
        context: of the benchmark.
        rows: landed rows.
        repeating: see `Dataset`.
    """
    key = (rows, context.seed, repeating)
    if key not in _built:
        landed = landed_home(context, rows, repeating)
        context.progress(f"building the marts of {rows:,} rows")
        data = copy_of(landed, _kept(str(context.folder.parent)) / f"built-{_named(key)}")
        refresh_apart(data.home)
        complete_row_files(data.home, SystemClock())
        _built[key] = data
    return _built[key]


def copy_of(data: Dataset, folder: Path) -> Dataset:
    """Return a copy to change; files that never change are shared with the original."""
    root = data.home.root

    def copy(source: str, target: str) -> str:
        shared = Path(source).relative_to(root).parts[0] in _IMMUTABLE and Path(source).name != "CURRENT"
        return _link(source, target) if shared else shutil.copy2(source, target)

    shutil.copytree(root, folder, copy_function=copy)
    return data.at(Home(folder))


def refresh_apart(home: Home) -> None:
    """Build a home's marts in a process of its own, so that its memory is given back.

    Raises:
        subprocess.CalledProcessError: it failed; its message stands on stderr.
    """
    command = [sys.executable, "-m", "tests.benchmarks.rebuild_worker", "refresh", str(home.root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2])


def _named(key: tuple[int, ...]) -> str:
    return "-".join(map(str, key))


@lru_cache
def _kept(parent: str) -> Path:
    folder = tempfile.mkdtemp(prefix="halton-bench-homes-", dir=parent)
    remove: Callable[[], object] = lambda: shutil.rmtree(folder, ignore_errors=True)  # noqa: E731 - one line
    atexit.register(remove)
    return Path(folder)


def _link(source: str, target: str) -> str:
    os.link(source, target)
    return target
