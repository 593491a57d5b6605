from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home
from pipelines.refresh import RefreshFailed, refresh
from pipelines.verify import verify
from tests.conftest import on_sqlite
from tests.pipelines.published import ask, everything


@on_sqlite
def test_a_home_without_anything_has_an_empty_build(home: Home, engine: Engine, clock: FixedClock) -> None:
    result = refresh(home, engine, clock)
    assert (result.rows_new, result.rows_total) == (0, 0)
    assert all(rows == [] for rows in everything(home).values())
    assert ask(home, "select data_as_of, max_file_seq, rows_total from build_info") == [(None, 0, 0)]
    assert refresh(home, engine, clock).build_id == result.build_id
    assert verify(home, engine).differences == []


def test_a_database_that_cannot_be_read_is_a_plain_failure(tmp_path: Path, clock: FixedClock) -> None:
    from pipelines.lake.database import open_database

    home = Home(tmp_path)
    engine = open_database(home.database_url)
    with pytest.raises(RefreshFailed, match="no such table"):
        refresh(home, engine, clock)
    engine.dispose()
