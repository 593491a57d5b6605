"""Running sweeps in a process of their own, and what must hold of every one of them.

Belongs here: starting `fault_sweep`, reading what it says, judging it as a whole. Does not belong here: how many cases
are tried (the tests).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults.system_calls.strace_faults import MISSING, available

ROOT = Path(__file__).parents[3]
ERRORS_TO_JUDGE_BY = 5
Sizes = dict[tuple[str, str], int]
"""Cases per sweep, by operation and way; 0: every one."""
Said = dict[tuple[str, str], list[dict[str, Any]]]


def parameters(sizes: Sizes) -> list[Any]:
    """Return the sweeps as a test's parameters, skipped where the tool they need is missing."""
    return [pytest.param(*one, marks=pytest.mark.skipif(not _possible(one[1]), reason=MISSING)) for one in sizes]


def _possible(how: str) -> bool:
    return how != "strace" or available()


def run_sweeps(folder: Path, sizes: Sizes) -> Said:
    """Run sweeps one after the other, sharing what they prepare; what each possible one said, by operation and way."""
    wanted = [f"{operation}:{how}:{count}" for (operation, how), count in sizes.items() if _possible(how)]
    log = folder / "sweep.log"
    with log.open("wb") as errors:
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.system_calls.fault_sweep", str(folder), *wanted],
            stdout=subprocess.PIPE, stderr=errors, cwd=ROOT, check=False,
            env={name: value for name, value in os.environ.items() if not name.startswith("HALTON_")},
        )  # fmt: skip
    assert done.returncode == 0, log.read_text()[-4_000:]
    said: Said = {}
    for line in done.stdout.splitlines():
        words = json.loads(line)
        said.setdefault((words["operation"], words["how"]), []).append(words)
    return said


def check_sweep(plan: dict[str, Any], cases: list[dict[str, Any]]) -> str:
    """Assert that every case healed, and that faults were really put in; return the figures on one line."""
    broken = [case for case in cases if case["wrong"]]
    assert broken == [], broken
    ended = Counter((case["fault"], case["ended"]) for case in cases)
    kills = sum(count for (fault, _), count in ended.items() if fault in ("kill", "torn"))
    killed = sum(count for (_, end), count in ended.items() if end == "killed")
    refused = sum(count for (_, end), count in ended.items() if end == "refused")
    assert killed * 2 >= kills > 0, f"kills that hit nothing: {ended}"
    # An error at a call that does not matter, such as a folder that is there already, is rightly no refusal.
    assert refused or len(cases) - kills < ERRORS_TO_JUDGE_BY, f"no error was noticed: {ended}"
    calls = ", ".join(f"{name} {count}" for name, count in sorted(plan["calls"].items()))
    return (
        f"{plan['operation']} by {plan['how']}: {len(cases)} of {plan['faults']} faults "
        f"at {sum(plan['calls'].values())} calls "
        f"({calls}; {plan['not_aimed_at']} in other threads' shadow): {killed} killed, {refused} refused, "
        f"{len(cases) - killed - refused} done all the same"
    )
