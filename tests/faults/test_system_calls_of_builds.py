"""A refresh and a publication, broken at their system calls: readers see a whole build, and the next refresh heals."""

from __future__ import annotations

import sys

import pytest

from tests.faults.system_calls.sweep_results import Said, check_sweep, parameters, run_sweeps

# Cases per sweep; a case costs seconds. The long form tries every call of a publication, and a refresh at 300 of its
# thousands of calls, most of which write Dagster's history.
SIZES = {("publish", "calls"): 3, ("publish", "strace"): 3, ("refresh", "calls"): 2, ("refresh", "strace"): 2}
LONG_SIZES = {("publish", "calls"): 0, ("publish", "strace"): 0, ("refresh", "calls"): 0, ("refresh", "strace"): 300}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Said:
    long = request.config.getoption("--long")
    return run_sweeps(tmp_path_factory.mktemp("sweeps"), LONG_SIZES if long else SIZES)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("operation", "how"), parameters(SIZES))
def test_it_survives_a_fault_at_any_call(said: Said, operation: str, how: str):
    plan, *cases = said[operation, how]
    sys.stdout.write(f"{check_sweep(plan, cases)}\n")
