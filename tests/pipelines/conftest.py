"""Homes to build in. Parsing dbt and a first full build take seconds, so one is done per session and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.refresh import refresh
from pipelines.run_history import run_history
from tests.pipelines.lake_builder import Lake, calls


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Path:
    """A home with two workspaces and 120 requests, refreshed once."""
    home = Home(tmp_path_factory.mktemp("built") / "home")
    home.root.mkdir()
    shutil.copy(upgraded_sqlite, home.root / "app.sqlite")
    engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
    lake = Lake.at(home, engine)
    for name, zone in (("acme", "America/New_York"), ("beta", "UTC")):
        workspace = lake.workspace(name, zone)
        lake.device(workspace, "laptop")
        lake.project(workspace, "atlas")
        lake.project(workspace, "borealis")
    lake.land(lake.acme, lake.laptop, calls(120, "first"))
    refresh(home, engine, lake.clock)
    run_history(home).dispose()
    engine.dispose()
    return home.root


@pytest.fixture
def lake(built_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """A copy of the built home, to go on with."""
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    home = Home(tmp_path / "home")
    shutil.copytree(built_home, home.root)
    engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
    yield Lake(home, engine)
    engine.dispose()
