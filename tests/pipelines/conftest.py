"""Homes to build in. Parsing dbt and a first full build take seconds, so one is done per test run and copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.refresh import refresh
from pipelines.run_history import run_history
from tests.made_once import made_once
from tests.pipelines.lake_builder import Lake, calls


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Path:
    """A home with two workspaces and 120 requests, refreshed once."""
    made = made_once(tmp_path_factory, "built-home", lambda folder: _build(Home(folder / "home"), upgraded_sqlite))
    return made / "home"


def _build(home: Home, upgraded_sqlite: Path) -> None:
    home.root.mkdir()
    shutil.copy(upgraded_sqlite, home.root / "app.sqlite")
    engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
    lake = Lake.at(home, engine)
    lake.people()
    lake.land(lake.acme, lake.laptop, calls(120, "first"))
    refresh(home, engine, lake.clock)
    run_history(home).dispose()
    run_history.cache_clear()
    engine.dispose()


@pytest.fixture(scope="module")
def copied_lake(built_home: Path) -> Iterator[Callable[[Path], Lake]]:
    """Copies the built home to a folder."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        lakes: list[Lake] = []

        def copy(folder: Path) -> Lake:
            home = Home(folder / "home")
            shutil.copytree(built_home, home.root)
            lakes.append(Lake(home, open_database(f"sqlite:///{home.root / 'app.sqlite'}")))
            return lakes[-1]

        yield copy
        for lake in lakes:
            lake.engine.dispose()


@pytest.fixture
def lake(copied_lake: Callable[[Path], Lake], tmp_path: Path) -> Lake:
    """A copy of the built home, to go on with."""
    return copied_lake(tmp_path)
