"""A store of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.store.store import Store
from pipelines.lake.clock import FixedClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "db.sqlite"


@pytest.fixture
def store(path: Path, clock: FixedClock) -> Iterator[Store]:
    with Store(path, clock) as opened:
        yield opened
