"""A small built home to copy, made once per test run.

Belongs here: building it. Does not belong here: what tests do to its copies.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.refresh import refresh
from pipelines.run_history import run_history
from tests.made_once import made_once
from tests.pipelines.lake_builder import NOON, Lake, call, calls

FIRST_CALLS = 60


def noon_call() -> dict[str, object]:
    """Return a call that can be found again: it alone has so many tokens."""
    return call("noon", requested_at=NOON, input_tokens=7001, cost_logged_millicents=13)


def first_calls() -> list[dict[str, object]]:
    """Return the calls that landed in the built home's only file."""
    return [*calls(FIRST_CALLS, "first"), noon_call()]


def shared_built_home(folders: pytest.TempPathFactory, upgraded_sqlite: Path) -> Path:
    """Return a home with the workspaces acme and beta and one landed file, refreshed once; copy it, never change it.

    Building it takes most of a test file's time, so that parallel workers share the one that is first.
    """
    made = made_once(folders, "built-home-of-faults", lambda folder: _build(Home(folder / "home"), upgraded_sqlite))
    return made / "home"


def _build(home: Home, upgraded_sqlite: Path) -> None:
    home.root.mkdir()
    shutil.copy(upgraded_sqlite, home.root / "app.sqlite")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        engine = open_database(home.database_url)
        lake = Lake.at(home, engine)
        lake.people()
        lake.land(lake.acme, lake.laptop, first_calls())
        refresh(home, engine, lake.clock)
        run_history(home).dispose()
        run_history.cache_clear()
        engine.dispose()
