"""An upload and a migration, broken at their system calls: nothing false is acknowledged, and the next run heals."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.faults.system_calls.strace_faults import MISSING, available
from tests.faults.system_calls.sweep_results import Said, check_sweep, parameters, run_sweeps

# Cases per sweep in the default run; `--long` tries every one (0).
SIZES = {("ingest", "calls"): 10, ("ingest", "strace"): 20, ("migration", "strace"): 12}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Said:
    long = request.config.getoption("--long")
    return run_sweeps(tmp_path_factory.mktemp("sweeps"), dict.fromkeys(SIZES, 0) if long else SIZES)


@pytest.mark.parametrize(("operation", "how"), parameters(SIZES))
def test_it_survives_a_fault_at_any_call(said: Said, operation: str, how: str):
    plan, *cases = said[operation, how]
    sys.stdout.write(f"{check_sweep(plan, cases)}\n")


def test_what_the_sweep_needs_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not available.__wrapped__()
    assert "apt-get install strace" in MISSING
