"""kill -9 of whoever sends and of the server at random moments of a sync, over and over; then an audit of the record.

Belongs here: the killing, and what it left behind. Does not belong here: how many cycles are run and what is asserted
(`test_kill_nine`), the processes (`senders`, `tests.faults.kills`).
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow.parquet as pq
from sqlalchemy import Engine, select

from daemon.clock import SystemClock
from daemon.cloud.link import remember
from daemon.credentials import Credentials, MeterHome
from daemon.store.store import Store
from pipelines.lake.clock import SystemClock as ServerClock
from pipelines.lake.ledger import landed_batches, landed_files
from pipelines.lake.paths import Home
from tests.daemon.cloud.laptop import call
from tests.daemon.faults.senders import KillableSender
from tests.faults.kills.campaign import ForkingServer, await_moment
from tests.faults.kills.resending_client import Stuck
from tests.faults.kills.stage_board import BOARD, StageBoard
from tests.faults.paired_machine import pair_machine

LOST = "recorded here, but in no landed file"
TWICE = "landed in two different batches"
FOREIGN = "landed, but never recorded here"
UNSENT = "not marked as sent"
STUCK = "not sent any more"
PATIENCE_SECONDS = 60.0
ENOUGH_WAITING = 60


@dataclass
class Campaign:
    """What happened.

    Attributes:
        kills: by who was killed.
        interrupted: kills that left a batch open: what it held may have arrived or not.
        rows: recorded on the laptop.
        repeated: rows that landed more than once, in one and the same batch.
        workspace_id: the one the laptop was paired with.
        findings: kind of what is wrong to the number of rows; empty when nothing is.
    """

    kills: Counter[str] = field(default_factory=Counter[str])
    interrupted: int = 0
    rows: int = 0
    repeated: int = 0
    seconds: float = 0.0
    workspace_id: str = ""
    findings: dict[str, int] = field(default_factory=dict[str, int])

    def describe(self) -> str:
        """Return the figures on one line."""
        who = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} cycles in {self.seconds:.1f} s ({who}), {self.interrupted} with a batch on its way; "
            f"{self.rows} rows, {self.repeated} of a batch that landed again; findings: {self.findings or 'none'}"
        )


class Sent(NamedTuple):
    """A batch as it came: its name, and a digest of its records."""

    batch_id: str
    records_sha256: str


@dataclass(frozen=True)
class KillableCloud:
    """A server that starts in milliseconds, and its home.

    Attributes:
        home: where its record is.
        engine: of its app database, for looking.
        server: the parent of its processes.
    """

    home: Home
    engine: Engine
    server: ForkingServer

    @property
    def board(self) -> StageBoard:
        """What the server was last doing."""
        return StageBoard(self.home.root / BOARD)

    def landed(self, workspace_id: str) -> dict[str, list[Sent]]:
        """Return, by id of a call, the batches in which it is in the files that the ledger knows."""
        files = select(landed_files.c.relative_path).where(landed_files.c.workspace_id == workspace_id)
        known = landed_batches.c
        accounts = select(known.batch_key, known.batch_id, known.records_sha256)
        accounts = accounts.where(known.workspace_id == workspace_id)
        with self.engine.connect() as connection:
            paths = connection.execute(files).scalars().all()
            batches = {str(row[0]): Sent(row[1], row[2]) for row in connection.execute(accounts)}
        landed: dict[str, list[Sent]] = {}
        for path in paths:
            for row in pq.read_table(self.home.landing / path, columns=["request_id", "batch_key"]).to_pylist():
                landed.setdefault(str(row["request_id"]), []).append(batches[str(row["batch_key"])])
        return landed


class Feeder:
    """Records calls so that something always waits, until it is stopped."""

    def __init__(self, store: Store) -> None:
        self.ids: set[str] = set()
        self._store = store
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            if self._store.pending_count() < ENOUGH_WAITING:
                calls = [call(len(self.ids) + number) for number in range(1, 21)]
                self._store.add(calls)
                self.ids.update(one.id for one in calls)


def kill_campaign(
    cloud: KillableCloud, meter: MeterHome, sender: KillableSender, *, cycles: int, chance: random.Random
) -> Campaign:
    """Kill `cycles` times, let everything arrive, and look.

    Args:
        cloud: none of its servers runs.
        meter: an empty home of a laptop, which is paired with a workspace of its own.
        sender: of that laptop, not yet started.
        cycles: how often sender, server or both are killed.
        chance: of the moments.
    """
    campaign = Campaign()
    with Store(meter.database_path, SystemClock()) as store:
        campaign.workspace_id = _pair(meter, store, cloud)
        feeder = Feeder(store)
        pid = cloud.server.start()
        feeder.start()
        sender.start()
        began = time.monotonic()
        try:
            for _ in range(cycles):
                pid = _kill_once(cloud, pid, sender, store, campaign, chance)
            campaign.seconds = time.monotonic() - began
            feeder.stop()
            _await_arrival(store)
        except Stuck:
            campaign.findings[STUCK] = store.pending_count()
        finally:
            feeder.stop()
            sender.kill()
            cloud.server.kill(pid)
            cloud.board.clear()
        campaign.rows = len(feeder.ids)
        landed = cloud.landed(campaign.workspace_id)
        campaign.repeated = sum(len(batches) > 1 for batches in landed.values())
        campaign.findings |= _audit(landed, store, feeder.ids)
    return campaign


def _kill_once(
    cloud: KillableCloud, pid: int, sender: KillableSender, store: Store, campaign: Campaign, chance: random.Random
) -> int:
    """Kill somebody at some moment and start them again; return the pid of the server from then on."""
    await_moment(cloud.board, chance)
    victims = _victims(chance, sender)
    for one in victims:
        if one == "server":
            cloud.server.kill(pid)
        else:
            sender.kill()
    campaign.kills["+".join(sorted(victims))] += 1
    campaign.interrupted += bool(store.open_batches())
    if "server" in victims:
        cloud.board.clear()
        pid = cloud.server.start()
    if "sender" in victims:
        sender.start()
    return pid


def _audit(landed: dict[str, list[Sent]], store: Store, recorded: set[str]) -> dict[str, int]:
    # Sent again while its first copy is still on its way, a batch lands twice, and the build keeps one: that it is the
    # very same batch is what the laptop owes.
    faults = {
        LOST: len(recorded - landed.keys()),
        TWICE: sum(len(set(batches)) > 1 for batches in landed.values()),
        FOREIGN: len(landed.keys() - recorded),
        UNSENT: store.pending_count() + len(store.quarantined(1_000)),
    }
    return {kind: rows for kind, rows in faults.items() if rows}


def _victims(chance: random.Random, sender: KillableSender) -> list[str]:
    # A daemon whose server alone died waits for a while before it tries again.
    kinds = (
        [["sender"], ["server"], ["sender", "server"]]
        if sender.forgives_quickly
        else [["sender"], ["sender", "server"]]
    )
    victims = list(chance.choice(kinds))
    chance.shuffle(victims)
    return victims


def _pair(meter: MeterHome, store: Store, cloud: KillableCloud) -> str:
    machine = pair_machine(cloud.engine, ServerClock())
    credentials = Credentials(
        endpoint=f"http://127.0.0.1:{cloud.server.port}", api_key=machine.token, workspace_id=machine.workspace_id
    )
    meter.write(meter.config_path, b"[api]\nport = 0\n[cloud]\nsync_interval_seconds = 0.05\n")
    remember(meter, store, credentials, hostname="vk.local")
    return machine.workspace_id


def _await_arrival(store: Store) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while store.pending_count() or store.open_batches():
        if time.monotonic() > deadline:
            raise Stuck("rows wait and are not sent")
        time.sleep(0.01)
