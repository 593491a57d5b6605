"""One built home per session, copied for each test: building one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.lake.paths import DATABASE_VARIABLE, Home
from tests.api.purge.worlds import World, copied


@pytest.fixture(scope="session")
def built_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("purge") / "home")
    home.root.mkdir()
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        world = World(home)
        world.build()
        world.engine.dispose()
    return home.root


@pytest.fixture
def world(built_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    world = copied(built_world, tmp_path)
    yield world
    world.engine.dispose()
