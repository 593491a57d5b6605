"""One published world for all read-only tests, and fresh ones for those that change something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.dashboards.world import World, build_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = build_world(tmp_path_factory.mktemp("dashboards"))
    yield built
    built.close()


@pytest.fixture
def fresh_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**options: Any) -> World:
        made.append(build_world(tmp_path / f"home{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
