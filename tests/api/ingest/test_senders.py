"""The quick way to recognise a sender: for tokens in good standing, and not a moment longer than they are."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update
from starlette.testclient import TestClient

from api.auth import authenticate_device
from api.db.models import Device, SyncToken, Workspace
from api.db.session import transaction
from api.ingest.prepare import Sender
from api.ingest.senders import KnownSenders
from api.tokens import SecretKind, new_secret
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from tests.faults.paired_machine import pair_machine
from tests.wire_records import batch, record


def used_token(engine: Engine, clock: FixedClock) -> tuple[str, Sender]:
    header = f"Bearer {pair_machine(engine, clock).token}"
    clock.advance(timedelta(seconds=1))  # a machine counts as seen once it called after it paired
    device = authenticate_device(engine, header, clock)
    return header, Sender(device.workspace_id, device.device_id)


@pytest.fixture
def sqlite(upgraded_sqlite: Path, tmp_path: Path) -> Engine:
    return open_database(f"sqlite:///{shutil.copy(upgraded_sqlite, tmp_path / 'copy of app.sqlite')}")


def test_a_token_in_good_standing_is_recognised_as_the_full_way_does(engine: Engine, clock: FixedClock):
    header, sender = used_token(engine, clock)
    known = KnownSenders(engine, clock)
    assert known.find(header) == (sender if engine.dialect.name == "sqlite" else None)
    known.close()


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer hm_sync_short", "Basic eDp5"])
def test_a_header_without_a_token_is_left_to_the_full_way(header: str | None, sqlite: Engine, clock: FixedClock):
    known = KnownSenders(sqlite, clock)
    assert known.find(header) is None
    assert known.find(f"Bearer {new_secret(SecretKind.SYNC)}") is None
    assert known.find(f"Bearer {new_secret(SecretKind.API)}") is None
    known.close()


ENDS = {
    "never used": update(SyncToken).values(first_used_at_us=None),
    "token revoked": update(SyncToken).values(revoked_at_us=1),
    "device revoked": update(Device).values(revoked_at_us=1),
    "workspace being deleted": update(Workspace).values(deletion_requested_at_us=1),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_token_is_unknown_from_the_moment_another_connection_has_committed_its_end(
    end: str, sqlite: Engine, clock: FixedClock
):
    header, sender = used_token(sqlite, clock)
    known = KnownSenders(sqlite, clock)
    assert known.find(header) == sender
    elsewhere = open_database(str(sqlite.url))
    with transaction(elsewhere) as session:
        session.execute(ENDS[end])
        session.flush()
        assert known.find(header) == sender, "what is not committed holds for nobody"
    assert known.find(header) is None
    known.close()
    elsewhere.dispose()


@pytest.mark.parametrize("end", [name for name in ENDS if name != "never used"])
def test_the_next_upload_after_the_end_of_a_token_is_refused(
    end: str, client: TestClient, engine: Engine, clock: FixedClock
):
    header, _ = used_token(engine, clock)
    headers = {"Authorization": header}
    send: Callable[[int], int] = lambda number: (  # noqa: E731
        client.post("/v1/requests/batch", content=batch([record(number)]), headers=headers).status_code
    )
    assert send(1) == 200
    elsewhere = open_database(engine.url.render_as_string(hide_password=False))
    with transaction(elsewhere) as session:
        session.execute(ENDS[end])
    elsewhere.dispose()
    assert send(2) == 401
    assert send(3) == 401


def test_a_database_that_somebody_holds_alone_is_not_waited_for(sqlite: Engine, clock: FixedClock):
    header, sender = used_token(sqlite, clock)
    sqlite.dispose()
    assert sqlite.url.database
    alone = sqlite3.connect(sqlite.url.database, isolation_level=None)
    alone.execute("pragma locking_mode = exclusive")
    alone.execute("begin immediate")
    alone.execute("update workspaces set name = 'held'")
    known = KnownSenders(sqlite, clock)
    started = time.monotonic()
    assert known.find(header) is None
    assert time.monotonic() - started < 5
    alone.execute("commit")
    alone.close()
    assert known.find(header) == sender
    known.close()


def test_asking_never_creates_a_database(tmp_path: Path, clock: FixedClock):
    engine = open_database(f"sqlite:///{tmp_path / 'absent.sqlite'}")
    known = KnownSenders(engine, clock)
    assert known.find(f"Bearer {new_secret(SecretKind.SYNC)}") is None
    assert list(tmp_path.iterdir()) == []
