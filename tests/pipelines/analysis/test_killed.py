"""Killed at any point, the analysis before stays, and the next one clears up."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.analysis.build import opened_build
from pipelines.analysis.publish import analysis_files
from pipelines.analysis.run import analyse
from pipelines.lake.analysis_catalog import read_analysis_pointer
from pipelines.lake.clock import SystemClock
from pipelines.lake.snapshot_lease import build_that_stays
from tests.pipelines.analysis.asking import everything
from tests.pipelines.analysis.bills import bill
from tests.pipelines.analysis.killed_build import POINTS
from tests.pipelines.lake_builder import Lake


def unfinished(lake: Lake) -> list[Path]:
    return [*lake.home.analysis.glob(".tmp-*"), *lake.home.marts.glob(".tmp-*")]


@pytest.mark.parametrize("point", POINTS)
def test_killed_it_leaves_the_one_before_and_the_next_begins_clean_and_is_published(lake: Lake, point: str) -> None:
    pointer, before = read_analysis_pointer(lake.home), everything(lake.home)
    bill(lake.engine, lake.acme, "1.50", "2026-11-19")
    command = [sys.executable, "-m", "tests.pipelines.analysis.killed_build", str(lake.home.root), point]
    killed = subprocess.run(command, cwd=Path(__file__).parents[3], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (read_analysis_pointer(lake.home), everything(lake.home)) == (pointer, before)
    left = len(analysis_files(lake.home))
    assert left == (2 if point == POINTS[-1] else 1)
    assert bool(unfinished(lake))
    assert build_that_stays(lake.home) is None
    with opened_build(lake.home, lake.engine, SystemClock()):
        assert unfinished(lake) == []
        assert build_that_stays(lake.home) == pointer.build_id if pointer else False
    if point == POINTS[-1]:
        orphan = max(analysis_files(lake.home))
        healed = analyse(lake.home, lake.engine, SystemClock())
        assert healed is not None
        assert healed.analysis_id > orphan
        assert everything(lake.home)["mart_unattributed_spend"] == before["mart_unattributed_spend"]
