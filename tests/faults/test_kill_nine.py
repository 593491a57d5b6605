"""kill -9 of the API at random moments under load: what was acknowledged is there once, what was not comes again."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pyarrow.parquet as pq
from sqlalchemy import Engine

from api.audit import OPERATOR
from api.db.models import Plan
from api.db.session import transaction
from api.pairing.sessions import approve_pairing
from api.workspaces import create_workspace
from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home
from pipelines.verify.ledger_checks import check_batches, check_files, read_ledger
from pipelines.verify.report import VerifyReport
from tests.wire_records import batch, record

CYCLES = 25
SENDERS = 3
ROWS = 40


@dataclass
class Client:
    """Sends batches one after another; resends one until it is acknowledged, as daemons do."""

    name: int
    url: str
    token: str
    sent: set[str] = field(default_factory=set[str])
    acknowledged: set[str] = field(default_factory=set[str])
    attempts: int = 0

    def run(self, stop: threading.Event) -> None:
        number = 0
        while not stop.is_set():
            rows = [record((self.name, number, i)) for i in range(ROWS)]
            ids = {row["id"] for row in rows}
            self.sent |= ids
            self.deliver(rows)
            self.acknowledged |= ids
            number += 1

    def deliver(self, rows: list[dict[str, object]]) -> None:
        deadline = time.monotonic() + 30
        while True:
            self.attempts += 1
            try:
                body = batch(rows, f"{self.name}-{self.attempts}")
                answer = httpx.post(
                    f"{self.url}/v1/requests/batch",
                    content=body,
                    headers={"Authorization": f"Bearer {self.token}"},
                    timeout=10,
                )
            except httpx.TransportError:
                assert time.monotonic() < deadline, "stuck: a batch is not taken any more"
                time.sleep(0.005)
                continue
            if answer.status_code == 200:
                return
            assert answer.status_code == 503, answer.text


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def crashing_server(home: Home, port: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.faults.forking_server", str(home.root), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        try:
            yield parent
        finally:
            assert parent.stdin is not None
            parent.stdin.close()
            parent.wait(timeout=30)


def paired_token(engine: Engine, url: str) -> str:
    with transaction(engine) as session:
        at = SystemClock().now()
        workspace = create_workspace(
            session, name="Crash", owner_email="o@crash.example", plan=Plan.TEAM, time_zone="UTC", actor=OPERATOR, at=at
        )
        workspace_id = workspace.id
    greeting = {"hostname": "h", "daemon_version": "0.6.4", "platform": "Linux"}
    started = httpx.post(f"{url}/v1/pairing/start", json=greeting).json()
    with transaction(engine) as session:
        approve_pairing(session, started["pairing_code"], workspace_id, approver=OPERATOR, at=SystemClock().now())
    asked = {key: started[key] for key in ("pairing_code", "poll_token")}
    token: str = httpx.post(f"{url}/v1/pairing/poll", json=asked).json()["api_key"]
    return token


def stored_ids(home: Home, engine: Engine) -> list[str]:
    ledger = read_ledger(engine)
    ids: list[str] = []
    for row in ledger.files:
        ids += [str(value) for value in pq.read_table(home.landing / row["relative_path"])["request_id"].to_pylist()]
    return ids


def test_acknowledged_rows_survive_every_kill_and_the_record_stays_whole(home: Home, engine: Engine):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    stop = threading.Event()
    with crashing_server(home, port) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        token = paired_token(engine, url)
        clients = [Client(i, url, token) for i in range(SENDERS)]
        threads = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
        for thread in threads:
            thread.start()
        for _ in range(CYCLES):
            before = sum(len(client.acknowledged) for client in clients)
            patience = time.monotonic() + 20
            while sum(len(client.acknowledged) for client in clients) == before:
                assert time.monotonic() < patience, "stuck: nothing is acknowledged any more"
                time.sleep(0.002)
            time.sleep(random.uniform(0, 0.05))
            os.kill(pid, signal.SIGKILL)
            pid = int(parent.stdout.readline())
        stop.set()
        for thread in threads:
            thread.join(timeout=60)
            assert not thread.is_alive()
    sent = set().union(*(client.sent for client in clients))
    acknowledged = set().union(*(client.acknowledged for client in clients))
    stored = stored_ids(home, engine)
    assert acknowledged == sent
    assert set(stored) == sent
    report, ledger = VerifyReport(), read_ledger(engine)
    check_files(home, ledger, report)
    check_batches(ledger, report)
    assert report.differences == []
    landed = sum(row["landed_count"] for row in ledger.batches)
    assert landed == len(stored)
