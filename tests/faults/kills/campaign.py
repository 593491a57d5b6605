"""kill -9 of the API at random moments under load, over and over, and an audit of the record after every one.

Belongs here: the killing, and what a campaign found. Does not belong here: how many cycles are run and what is asserted
(`test_kill_nine`), the server (`forking_server`), its clients (`resending_client`), the audit (`record_audit`).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home
from tests.faults.kills.record_audit import Finding, RecordAudit, wait_for_sessions_to_end
from tests.faults.kills.resending_client import ResendingClient, Stuck
from tests.faults.kills.stage_board import BOARD, Stage, StageBoard
from tests.faults.paired_machine import pair_machine

SENDERS = 3
PATIENCE_SECONDS = 60.0
LONGEST_LIFE_SECONDS = 0.06  # of a server killed at any moment, from its first upload or commit: about two commits
AIMED_SHARE = (
    0.7  # of the kills come as soon as a certain stage is seen: the last ones are short and seldom hit by chance
)
DELAYED_SHARE = 0.3  # of the aimed kills come a little later
LONGEST_STAGE_SECONDS = 0.02
EARLY_SHARE = 0.1  # are counted from the first upload, the others from the first commit
AIMS = (Stage.LOOKING, Stage.WRITING, Stage.WRITTEN, Stage.RECORDING, *[Stage.COMMITTED] * 3, Stage.RECORDED)
ROOT = Path(__file__).parents[3]


@dataclass
class Campaign:
    """What happened.

    Attributes:
        cycles: kills.
        seconds: wall time of the cycles.
        in_flight: kills that interrupted at least one upload.
        stages: where the group commit stood, by kill.
        findings: what the audits found, oldest first; empty when the ingest kept its promise.
        sent: ids of all records sent.
        acknowledged: ids of those a receipt was given for.
    """

    cycles: int = 0
    seconds: float = 0.0
    in_flight: int = 0
    stages: Counter[Stage] = field(default_factory=Counter[Stage])
    findings: list[Finding] = field(default_factory=list[Finding])
    sent: set[str] = field(default_factory=set[str])
    acknowledged: set[str] = field(default_factory=set[str])

    def describe(self) -> str:
        """Return the figures on one line."""
        where = ", ".join(f"{stage.name.lower()} {count}" for stage, count in sorted(self.stages.items()))
        return (
            f"{self.cycles} kills in {self.seconds:.1f} s ({self.cycles / max(self.seconds, 0.001):.1f}/s), "
            f"{self.in_flight} with uploads in flight ({where}); "
            f"{len(self.acknowledged)} of {len(self.sent)} records acknowledged; findings: {self.findings or 'none'}"
        )


def kill_campaign(home: Home, engine: Engine, *, cycles: int, seed: int, mutant: str | None = None) -> Campaign:
    """Kill the server `cycles` times under load, auditing the record after each kill; stop at the first finding.

    Args:
        home: an installation with an upgraded, empty app database.
        engine: that database.
        cycles: kills.
        seed: of the moments of death.
        mutant: name of a broken ingest to run instead (`tests.faults.kills.mutants`).

    Returns:
        What was found. Without a finding every sent record is acknowledged at the end.
    """
    chance, campaign = random.Random(seed), Campaign()
    machine = pair_machine(engine, SystemClock())
    audit = RecordAudit(home, engine)
    board = StageBoard(home.root / BOARD)
    stop = threading.Event()
    with forking_server(home, mutant) as server:
        clients = [ResendingClient(name, server.port, machine.token, PATIENCE_SECONDS) for name in range(SENDERS)]
        threads = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
        pid = server.start()
        for thread in threads:
            thread.start()
        began = time.monotonic()
        try:
            while campaign.cycles < cycles and not campaign.findings:
                await_moment(board, chance)
                server.kill(pid)
                wait_for_sessions_to_end(engine)
                campaign.cycles += 1
                campaign.in_flight += board.uploads > 0
                campaign.stages[board.stage] += 1
                campaign.findings += audit.after_kill(campaign.cycles, clients)
                board.clear()
                pid = server.start()
            campaign.seconds = time.monotonic() - began
        except Stuck as fault:
            campaign.findings.append(Finding(campaign.cycles, "stuck", 0, str(fault)))
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=PATIENCE_SECONDS + 30)
    for client in clients:
        campaign.sent |= client.sent
        campaign.acknowledged |= set(client.acknowledged)
        if client.fault:
            campaign.findings.append(Finding(campaign.cycles, "stuck", 0, client.fault))
    if not campaign.findings:
        campaign.findings += audit.at_the_end(campaign.cycles, clients)
    return campaign


def await_moment(board: StageBoard, chance: random.Random) -> None:
    """Wait for the moment at which the server is to die.

    Raises:
        Stuck: it does not get that far.
    """
    kind = chance.random()
    if kind < AIMED_SHARE:
        aim = chance.choice(AIMS)
        wait_until(lambda: board.stage is aim)
        if chance.random() < DELAYED_SHARE:
            time.sleep(chance.uniform(0, LONGEST_STAGE_SECONDS))
        return
    early = kind < AIMED_SHARE + EARLY_SHARE
    wait_until(lambda: board.uploads > 0 and (early or board.stage is not Stage.IDLE))
    time.sleep(chance.uniform(0, LONGEST_LIFE_SECONDS))


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll often enough to see stages that last a fraction of a millisecond.

    Raises:
        Stuck: the condition does not come true.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Stuck("uploads do not reach the server, or not its ledger, any more")
        time.sleep(0.0001)


class ForkingServer:
    """The parent process that forks servers (`tests.faults.kills.forking_server`)."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.port = int(self._line())

    def start(self) -> int:
        """Start a server and return its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"+")
        self._process.stdin.flush()
        return int(self._line())

    def kill(self, pid: int) -> None:
        """End a server by SIGKILL and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        assert self._line() == b"\n"

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the parent of the servers ended"
        return line


@contextmanager
def forking_server(home: Home, mutant: str | None) -> Iterator[ForkingServer]:
    """Run the parent of servers; at the end it takes the last of them with it."""
    command = [sys.executable, "-m", "tests.faults.kills.forking_server", str(home.root), *([mutant] if mutant else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdin is not None
        try:
            yield ForkingServer(parent)
        finally:
            parent.stdin.close()
            parent.wait(timeout=PATIENCE_SECONDS)
