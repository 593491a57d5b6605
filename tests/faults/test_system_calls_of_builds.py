"""A refresh and a publication, broken at their system calls: readers see a whole build, and the next refresh heals."""

from __future__ import annotations

import sys

import pytest

from tests.faults.strace_faults import MISSING, available
from tests.faults.sweep_results import Said, check_sweep, run_sweeps

# Cases per sweep; a case costs seconds. The long form tries every call of a publication, and a refresh at 300 of its
# thousands of calls, most of which write Dagster's history.
SIZES = {("publish", "calls"): 3, ("publish", "strace"): 3, ("refresh", "calls"): 2, ("refresh", "strace"): 2}
LONG_SIZES = {("publish", "calls"): 0, ("publish", "strace"): 0, ("refresh", "calls"): 0, ("refresh", "strace"): 300}
SWEEPS = [
    pytest.param(*one, marks=pytest.mark.skipif(one[1] == "strace" and not available(), reason=MISSING))
    for one in SIZES
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Said:
    sizes = LONG_SIZES if request.config.getoption("--long") else SIZES
    possible = {one: size for one, size in sizes.items() if available() or one[1] != "strace"}
    return run_sweeps(tmp_path_factory.mktemp("sweeps"), possible)


@pytest.mark.timeout(14_400)
@pytest.mark.parametrize(("operation", "how"), SWEEPS)
def test_it_survives_a_fault_at_any_call(said: Said, operation: str, how: str):
    plan, *cases = said[operation, how]
    sys.stdout.write(f"{check_sweep(plan, cases)}\n")
