"""A home whose marts were analysed once per test run, and copies of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from pipelines.analysis.run import analyse
from pipelines.build import Build
from pipelines.dbt_runner import DbtRun, warm_dbt
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.run_history import run_history
from tests.made_once import made_once
from tests.pipelines.analysis.asking import Analysed
from tests.pipelines.analysis.bills import bill
from tests.pipelines.analysis.frugal import add_frugal
from tests.pipelines.analysis.golden import add_golden
from tests.pipelines.analysis.studio import add_studio
from tests.pipelines.lake_builder import Lake, calls, named_id

REFRESHED = "refreshed.json"
"""Beside the analysed home: what dbt did in the build that was analysed."""


@pytest.fixture(scope="session")
def analysed(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    """The built home after more calls, three more workspaces, an incremental build, a bill, and an analysis."""
    made = made_once(tmp_path_factory, "analysed-home", lambda folder: _analyse(built_home, folder))
    refreshed = msgspec.json.decode((made / REFRESHED).read_bytes(), type=DbtRun)
    return Analysed(made / "home", refreshed)


def _analyse(built_home: Path, folder: Path) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        home = Home(folder / "home")
        shutil.copytree(built_home, home.root)
        lake = Lake(home, open_database(home.database_url))
        beta = named_id("workspace beta")
        lake.land(lake.acme, lake.laptop, calls(30, "git", attribution_method="git"))
        lake.land(beta, named_id(f"device {beta} laptop"), calls(20, "beta", attribution_method="env"))
        add_golden(lake)
        add_frugal(lake)
        add_studio(lake)
        build = Build(home, lake.engine, lake.clock, warm_dbt(home))
        build.export()
        refreshed = build.transform()
        build.publish()
        bill(lake.engine, lake.acme, "12.34", "2026-11-19")
        assert analyse(home, lake.engine, lake.clock) is not None
        run_history(home).dispose()
        run_history.cache_clear()
        lake.engine.dispose()
    (folder / REFRESHED).write_bytes(msgspec.json.encode(refreshed))


@pytest.fixture(scope="module")
def copied_analysis(analysed: Analysed) -> Iterator[Callable[[Path], Lake]]:
    """Copies the analysed home to a folder."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        lakes: list[Lake] = []

        def copy(folder: Path) -> Lake:
            home = Home(folder / "home")
            shutil.copytree(analysed.root, home.root)
            lakes.append(Lake(home, open_database(home.database_url)))
            return lakes[-1]

        yield copy
        for lake in lakes:
            lake.engine.dispose()


@pytest.fixture
def lake(copied_analysis: Callable[[Path], Lake], tmp_path: Path) -> Lake:
    """A copy of the analysed home, to go on with."""
    return copied_analysis(tmp_path)


@pytest.fixture(scope="session")
def golden_home(analysed: Analysed) -> Home:
    """The analysed home for those who look at its workspace `golden`; only to be read."""
    return Home(analysed.root)
