"""A sweep: one operation, broken at one call after the other, each time in a fresh copy of the same home.

Run as `python -m tests.faults.system_calls.fault_sweep FOLDER OPERATION:HOW:CASES …`: OPERATION is `ingest`,
`migration`, `publish` or `refresh`, HOW is `calls` (from inside) or `strace`, CASES how many (0: all). Prints one JSON
object per line: the plan of each sweep, then its cases. Only the first home is slow: a case is a fork of a process with
everything imported.

Belongs here: forking, breaking, judging, reporting. Does not belong here: operations, and faults themselves.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipelines.lake.paths import Home
from tests.faults.system_calls import strace_faults
from tests.faults.system_calls.call_faults import CallFaults, Fault
from tests.faults.system_calls.operations import Ingest, Migration, Operation, Outcome

KINDS = {"calls": ("kill", "torn", "ENOSPC", "EIO"), "strace": ("kill", "ENOSPC", "EIO")}


def operation_named(name: str) -> Operation:
    if name in ("refresh", "publish"):
        from tests.faults.system_calls.build_operations import (  # dbt and Dagster take seconds to import
            Publish,
            Refresh,
        )

        return Refresh() if name == "refresh" else Publish()
    return Ingest() if name == "ingest" else Migration()


class Sweep:
    """One operation in one folder."""

    def __init__(self, operation: Operation, folder: Path) -> None:
        self._operation = operation
        self._home, self._kept, self._log = Home(folder / "home"), folder / "kept", folder / "strace.log"
        self._home.root.mkdir(parents=True)
        operation.build(self._home)
        shutil.copytree(self._home.root, self._kept)

    def plan(self, how: str) -> tuple[list[Fault], dict[str, int], int]:
        """Do the operation unbroken.

        Returns:
            Every fault there is, the number of calls by name, and how many of them cannot be aimed at.
        """
        self._restore()
        if how == "calls":
            outcome = self._operate(lambda: CallFaults(self._home.root))
            names = outcome["calls"]
            points = [("", number) for number in range(1, len(names) + 1)]
            total = len(names)
        else:
            outcome = self._operate(attach=lambda pid: strace_faults.recording(pid, self._log))
            calls = strace_faults.read_calls(self._log, self._home.root)
            names = [call.name for call in calls if call.in_home]
            points = [(call.name, call.number) for call in strace_faults.aims(calls)]
            total = len(names)
        assert outcome["done"], outcome
        wrong = self._judged(outcome)
        assert wrong == [], f"unbroken, and yet: {wrong}"
        faults = [Fault(kind, number, name) for name, number in points for kind in KINDS[how]]
        return faults, Counter(names), total - len(points)

    def run(self, how: str, fault: Fault) -> dict[str, Any]:
        """Break one call, let the operation heal, and judge."""
        self._restore()
        if how == "calls":
            outcome = self._operate(lambda: CallFaults(self._home.root, fault))
        else:
            outcome = self._operate(attach=lambda pid: strace_faults.breaking(pid, fault))
        wrong = self._judged(outcome)
        if outcome and outcome["fault"]:
            wrong.insert(0, outcome["fault"])
        if outcome and outcome.get("again"):
            wrong.insert(0, f"done again in the same process: {outcome['again']}")
        ended = "killed" if outcome is None else "done" if outcome["done"] else "refused"
        return {"fault": fault.name, "at": fault.at, "call": fault.call, "ended": ended, "wrong": wrong}

    def _restore(self) -> None:
        shutil.rmtree(self._home.root)
        shutil.copytree(self._kept, self._home.root)

    def _operate(
        self,
        inside: Callable[[], CallFaults] | None = None,
        attach: Callable[[int], strace_faults.Strace] | None = None,
    ) -> Any:
        """Do the operation in a fork; return its outcome, None when it was killed."""
        strace: list[strace_faults.Strace] = []

        def work(told: socket.socket) -> Outcome:
            act = self._operation.begin(self._home)
            if attach:
                strace_faults.may_be_traced()
            told.send(b"ready")
            told.recv(1)
            faults = inside() if inside else None
            outcome = act()
            if faults:
                outcome["calls"] = list(faults.calls)
                faults.disarm()
            if not outcome["done"] and not outcome["fault"]:
                told.send(b"acted")
                told.recv(1)
                again = act()
                if not again["done"]:
                    outcome["again"] = again["fault"] or again.get("words") or "refused"
            return outcome

        def ready(pid: int) -> None:
            if attach:
                strace.append(attach(pid))

        def acted() -> None:
            for one in strace:
                one.detach()

        outcome = forked(work, ready, acted)
        acted()
        return outcome

    def _judged(self, outcome: Outcome | None) -> list[str]:
        answer = forked(lambda _: {"wrong": self._operation.judge(self._home, outcome)})
        return ["the judge was killed"] if answer is None else answer["wrong"]


def forked(
    work: Callable[[socket.socket], Outcome],
    ready: Callable[[int], None] = lambda _: None,
    acted: Callable[[], None] = lambda: None,
) -> Any:
    """Do `work` in a fork of this process and return its answer; None when it was killed.

    The work may say `ready` and then `acted`: the function of that name is called, and then the work may go on.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        ours.close()
        try:
            answer = work(theirs)
        except BaseException as fault:  # noqa: BLE001 - told to the parent
            answer = {"done": False, "fault": f"{type(fault).__name__}: {fault}"[:400], "wrong": [repr(fault)[:400]]}
        theirs.send(json.dumps(answer).encode())
        os.kill(os.getpid(), signal.SIGKILL)  # no clean-up: it would only write to what is judged next
    theirs.close()
    answer = None
    while words := ours.recv(1 << 20):
        if words in (b"ready", b"acted"):
            ready(child) if words == b"ready" else acted()
            ours.send(b"+")
        else:
            answer = json.loads(words)
    ours.close()
    os.waitpid(child, 0)
    return answer


def spread(faults: list[Fault], kinds: int, count: int) -> Iterator[Fault]:
    """Return `count` faults (0: all) at calls at equal distances, the kinds of fault in turns."""
    if count == 0 or count >= len(faults):
        yield from faults
        return
    points = len(faults) // kinds
    for index in range(count):
        yield faults[index * points // count * kinds + index % kinds]


def main(folder: Path, wanted: list[str]) -> None:
    sweeps: dict[str, Sweep] = {}
    for words in wanted:
        name, how, count = words.split(":")
        began = time.monotonic()
        if name not in sweeps:
            sweeps[name] = Sweep(operation_named(name), folder / name)
        sweep = sweeps[name]
        faults, calls, missed = sweep.plan(how)
        told = {"operation": name, "how": how}
        prepared = round(time.monotonic() - began, 1)
        say(told | {"calls": calls, "faults": len(faults), "not_aimed_at": missed, "prepared_in_seconds": prepared})
        for fault in spread(faults, len(KINDS[how]), int(count)):
            say(told | sweep.run(how, fault))


def say(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
