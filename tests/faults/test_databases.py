"""App databases that end under load, or are fought over: nothing lost or twice, no answer but 200 and honest 503."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from api.app import create_app
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.verify.ledger_checks import read_ledger
from tests.conftest import on_sqlite
from tests.faults.databases.acknowledged_record import hold_to_account
from tests.faults.databases.honest_client import HonestClient, Onlooker, dishonest
from tests.faults.databases.restarted_postgres import restarted_postgres
from tests.faults.paired_machine import PairedMachine, pair_machine
from tests.installation import Installation
from tests.wire_records import batch, record

RESTARTS, LONG_RESTARTS = 50, 500
CLIENTS = 4
WRITERS = 32
SERVER_PROCESSES = 4
WRITERS_BATCHES, LONG_WRITERS_BATCHES = 12, 200
STUCK_SECONDS = 120

_log = logging.getLogger(__name__)


@contextmanager
def serving(home: Home, url: str, *arguments: str) -> Iterator[int]:
    """Serve the home as operators do; yield the port."""
    installation = Installation(home.root, {DATABASE_VARIABLE: url})
    installation.start(*arguments)
    try:
        yield int(installation.base_url.rsplit(":", 1)[1])
    finally:
        installation.stop()


def onlookers(port: int, machine: PairedMachine) -> list[Onlooker]:
    return [
        Onlooker(port, "/v1/daemon/whoami", machine.token),
        Onlooker(port, "/v1/acme/overview", machine.api_key),
    ]


@contextmanager
def running(clients: Sequence[HonestClient | Onlooker], stop: threading.Event) -> Iterator[None]:
    threads = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=2 * STUCK_SECONDS)
            assert not thread.is_alive()


def test_postgresql_ended_without_a_word_again_and_again_under_load(home: Home, request: pytest.FixtureRequest) -> None:
    restarts = LONG_RESTARTS if request.config.getoption("--long") else RESTARTS
    with restarted_postgres() as server:
        url = server.new_database()
        engine = open_database(url)
        machine = pair_machine(engine, SystemClock())
        with serving(home, url) as port:
            clients = [HonestClient(number, port, machine.token, rows=20) for number in range(CLIENTS)]
            watching = onlookers(port, machine)
            stop = threading.Event()
            began = time.monotonic()
            with running([*clients, *watching], stop):
                for _ in range(restarts):
                    wait_for_progress(clients)
                    server.restart_immediately()
                wait_for_progress(clients)
            seconds = time.monotonic() - began
        answers = sum((one.answers for one in (*clients, *watching)), Counter[int]())
        _log.info("%d restarts in %.1f s, answers %s", restarts, seconds, dict(answers))
        assert [fault for one in (*clients, *watching) for fault in one.faults] == []
        assert answers[503] > 0, "no restart was felt: this proves nothing"
        hold_to_account(home, engine, clients)
        engine.dispose()


def test_a_commit_whose_answer_was_lost_is_neither_lost_nor_doubled(
    home: Home, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = pair_machine(engine, SystemClock())
    rows = [*(record(("lost answer", index)) for index in range(20)), record("bad", input_tokens=-1)]
    headers = {"Authorization": f"Bearer {machine.token}"}
    commit = engine.dialect.do_commit

    def commit_and_break(connection: Any) -> None:
        commit(connection)
        raise engine.dialect.loaded_dbapi.OperationalError("server closed the connection unexpectedly")

    with TestClient(create_app(home, engine=engine), raise_server_exceptions=False) as client:
        before = client.get("/v1/daemon/whoami", headers=headers)
        with monkeypatch.context() as broken:
            broken.setattr(engine.dialect, "do_commit", commit_and_break)
            lost = client.post("/v1/requests/batch", content=batch(rows), headers=headers)
        again = client.post("/v1/requests/batch", content=batch(rows), headers=headers)
    assert before.status_code == 200
    assert dishonest(lost.status_code, lost.headers.get("Retry-After"), lost.content) is None
    assert lost.status_code == 503
    receipt = again.json()
    assert (receipt["received"], receipt["accepted"], receipt["duplicates"]) == (21, 0, 21)
    ledger = read_ledger(engine)
    assert [row["row_count"] for row in ledger.files] == [20]
    assert sum(ledger.quarantined.values()) == 1


def wait_for_progress(clients: Sequence[HonestClient]) -> None:
    """Wait until another batch is acknowledged."""
    before = sum(client.batches for client in clients)
    deadline = time.monotonic() + STUCK_SECONDS
    while sum(client.batches for client in clients) == before:
        assert [fault for client in clients for fault in client.faults] == []
        assert time.monotonic() < deadline, "stuck: nothing is acknowledged any more"
        time.sleep(0.002)


@on_sqlite
def test_sqlite_with_32_writers_in_four_processes(
    home: Home, engine: Engine, database_url: str, request: pytest.FixtureRequest
) -> None:
    batches = LONG_WRITERS_BATCHES if request.config.getoption("--long") else WRITERS_BATCHES
    machines = [pair_machine(engine, SystemClock()) for _ in range(2)]
    with serving(home, database_url, "--workers", str(SERVER_PROCESSES)) as port:
        clients = [
            HonestClient(number, port, machines[number % len(machines)].token, rows=10) for number in range(WRITERS)
        ]
        watching = onlookers(port, machines[0])
        stop = threading.Event()
        began = time.monotonic()
        with running(watching, stop):
            writers = [threading.Thread(target=client.run, args=(stop, batches)) for client in clients]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join(timeout=2 * STUCK_SECONDS)
                assert not writer.is_alive()
        seconds = time.monotonic() - began
    assert [fault for one in (*clients, *watching) for fault in one.faults] == []
    sent = sum(client.batches for client in clients)
    _log.info("%d batches of %d writers in %.1f s: %.0f/s", sent, WRITERS, seconds, sent / seconds)
    assert sent == WRITERS * batches
    hold_to_account(home, engine, clients)
