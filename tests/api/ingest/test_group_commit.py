"""What is acknowledged is durable and recorded; what is not durable is not acknowledged."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, func, select

from api.ingest import group
from api.ingest.prepare import Sender
from pipelines.lake.clock import FixedClock
from pipelines.lake.landing import LandingUnavailableError, LandingWriter, sweep_orphans
from pipelines.lake.ledger import chain_hash, landed_batches, landed_files, quarantined_rows
from pipelines.lake.paths import Home
from tests.api.ingest.conftest import Door
from tests.wire_records import batch, record, uuid_from


def rows_of(engine: Engine, table: Any) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def landed_ids(home: Home, engine: Engine) -> list[str]:
    """Ids in the files the ledger knows, in ledger order."""
    files = sorted(rows_of(engine, landed_files), key=lambda row: row["file_seq"])
    tables = [pq.read_table(home.landing / row["relative_path"]) for row in files]
    return [str(value) for table in tables for value in table["request_id"].to_pylist()]


def test_a_workspace_never_sees_another_ones_rows_in_its_files(
    door: Door, senders: list[Sender], home: Home, engine: Engine
):
    same = batch([record(1), record(2)])
    for sender in (senders[0], senders[2]):
        assert door.send(sender, same).accepted == 2
    for row in rows_of(engine, landed_files):
        table = pq.read_table(home.landing / row["relative_path"])
        assert {str(value) for value in table["workspace_id"].to_pylist()} == {row["workspace_id"]}
        assert row["relative_path"].startswith(row["workspace_id"])
    assert sorted(landed_ids(home, engine)) == sorted([record(1)["id"], record(2)["id"]] * 2)


def test_the_ledger_says_what_the_file_holds(door: Door, senders: list[Sender], home: Home, engine: Engine):
    records = [record(i, input_tokens=i, cost_millicents=None if i == 3 else 10 * i) for i in range(5)]
    receipt = door.send(senders[0], batch([*records, {"id": 1}]))
    assert (receipt.received, receipt.accepted, receipt.duplicates) == (6, 5, 0)
    (file,) = rows_of(engine, landed_files)
    content = (home.landing / file["relative_path"]).read_bytes()
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert (file["byte_count"], file["row_count"]) == (len(content), 5)
    assert (file["input_tokens"], file["cost_logged_millicents"], file["unpriced_rows"]) == (10, 70, 1)
    (quarantined,) = rows_of(engine, quarantined_rows)
    assert (quarantined["row_index"], quarantined["raw_bytes"]) == (5, b'{"id": 1}')


def test_a_batch_of_nothing_but_poison_is_acknowledged_without_a_file(
    door: Door, senders: list[Sender], engine: Engine
):
    receipt = door.send(senders[0], batch([{"id": 1}, 5]))
    assert (receipt.received, receipt.accepted, len(receipt.quarantined)) == (2, 0, 2)
    assert rows_of(engine, landed_files) == []


def test_an_empty_batch_is_acknowledged(door: Door, senders: list[Sender]):
    assert door.send(senders[0], batch([])).received == 0


def test_a_body_sent_again_under_a_new_batch_id_is_all_duplicates(
    door: Door, senders: list[Sender], home: Home, engine: Engine
):
    records = [record(1), record(2), 7]
    first = door.send(senders[0], batch(records, "attempt-1"))
    again = door.send(senders[0], batch(records, "attempt-2"))
    assert (first.accepted, len(first.quarantined)) == (2, 1)
    assert (again.received, again.accepted, again.duplicates, again.quarantined) == (3, 0, 3, [])
    assert len(landed_ids(home, engine)) == 2
    assert len(rows_of(engine, quarantined_rows)) == 1


def test_the_same_body_from_another_device_or_workspace_lands(door: Door, senders: list[Sender]):
    body = batch([record(1)], "attempt-1")
    assert [door.send(sender, body).accepted for sender in senders] == [1, 1, 1]


def test_uploads_at_once_share_files_and_each_is_accounted_for(
    door: Door, senders: list[Sender], home: Home, engine: Engine
):
    bodies = [(senders[i % 3], batch([record((i, j)) for j in range(20)])) for i in range(60)]
    with ThreadPoolExecutor(12) as threads:
        receipts = list(threads.map(lambda one: door.send(*one), bodies))
    assert all(receipt.accepted == 20 for receipt in receipts)
    ids = landed_ids(home, engine)
    assert len(ids) == len(set(ids)) == 1200
    sequence = [row["file_seq"] for row in rows_of(engine, landed_files)]
    assert sorted(sequence) == list(range(1, len(sequence) + 1))
    assert sum(row["landed_count"] for row in rows_of(engine, landed_batches)) == 1200


def test_batches_of_a_workspace_are_chained_in_commit_order(door: Door, senders: list[Sender], engine: Engine):
    for i in range(4):
        door.send(senders[i % 2], batch([record(i)]))
    digests = {row["file_seq"]: row["sha256"] for row in rows_of(engine, landed_files)}
    head = "0" * 64
    for position, row in enumerate(sorted(rows_of(engine, landed_batches), key=lambda r: r["chain_position"]), 1):
        assert (row["chain_position"], row["previous_chain_hash"]) == (position, head)
        head = chain_hash(row, digests[row["file_seq"]])
        assert row["chain_hash"] == head


def test_the_11th_project_on_solo_lands_withheld_and_the_receipt_says_so(door: Door, senders: list[Sender]):
    receipt = door.send(senders[0], batch([record(i, project=f"project-{i:02}") for i in range(12)]))
    assert receipt.accepted == 12
    assert [(item.reason, item.rows) for item in receipt.withheld] == [("plan_project_ceiling", 1)] * 2


FAULTS = {"disk full": errno.ENOSPC, "disk failing": errno.EIO, "read-only": errno.EROFS}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_nothing_is_acknowledged_while_the_disk_refuses_and_it_recovers_by_itself(
    door: Door,
    senders: list[Sender],
    home: Home,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    fault: str,
):
    door.send(senders[0], batch([record("before")]))

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(FAULTS[fault], fault)

    with monkeypatch.context() as patch:
        patch.setattr(Path if call == "replace" else os, call, refuse)
        with pytest.raises(LandingUnavailableError):
            door.send(senders[0], batch([record("during")]))
    assert landed_ids(home, engine) == [record("before")["id"]]
    assert not list(home.landing.rglob("*.tmp"))
    (known,) = rows_of(engine, landed_files)
    assert [str(path.relative_to(home.landing)) for path in home.landing.glob("*/*/*.parquet")] == [
        known["relative_path"]
    ], "a file that may not be durable is taken away at once"
    assert door.send(senders[0], batch([record("during")])).accepted == 1
    assert landed_ids(home, engine) == [record("before")["id"], record("during")["id"]]


def test_file_and_folder_are_synced_once_the_name_is_there_and_before_the_ledger_knows(
    door: Door, senders: list[Sender], monkeypatch: pytest.MonkeyPatch
):
    door.send(senders[0], batch([record("before")]))  # makes the folders
    seen: list[str] = []
    sync, replace, commit = os.fsync, Path.replace, group.commit_group

    def note_sync(descriptor: int) -> None:
        sync(descriptor)
        seen.append("folder synced" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file synced")

    def note_name(self: Path, target: Path) -> Path:
        seen.append("named")
        return replace(self, target)

    def note_commit(*arguments: Any) -> Any:
        seen.append("recorded")
        return commit(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", note_sync)
        patch.setattr(Path, "replace", note_name)
        patch.setattr(group, "commit_group", note_commit)
        assert door.send(senders[0], batch([record("now")])).accepted == 1
    assert seen == ["named", "file synced", "folder synced", "recorded"]


def test_a_ledger_that_fails_acknowledges_nothing_and_the_file_stays_out_of_the_record(
    door: Door, senders: list[Sender], engine: Engine
):
    nobody = Sender(senders[0].workspace_id, uuid_from("device that does not exist"))
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        door.send(nobody, batch([record(1)]))
    assert rows_of(engine, landed_files) == []
    assert door.send(senders[0], batch([record(1)])).accepted == 1


def test_the_sweep_deletes_abandoned_files_only_when_their_writer_is_dead_and_they_are_old(
    door: Door, senders: list[Sender], home: Home, engine: Engine, clock: FixedClock
):
    door.send(senders[0], batch([record("kept")]))
    table = door.judge(senders[0], batch([record("never acknowledged")])).table
    alive, dead = LandingWriter(home), LandingWriter(home)
    of_alive = alive.write(senders[0].workspace_id, "2026-11-22", table)
    of_dead = dead.write(senders[0].workspace_id, "2026-11-22", table)
    dead.close()
    (home.landing / of_dead.relative_path).with_name(f"{dead.writer_id}_half.tmp").write_bytes(b"PAR1")

    def is_committed(path: str) -> bool:
        known = select(func.count()).where(landed_files.c.relative_path == path)
        with engine.connect() as connection:
            return connection.execute(known).scalar_one() > 0

    newest = max(path.stat().st_mtime for path in home.landing.rglob("*") if path.is_file())
    clock.instant = clock.instant.fromtimestamp(newest, tz=clock.instant.tzinfo) + timedelta(minutes=9)
    assert sweep_orphans(home, is_committed, clock) == []
    clock.advance(timedelta(minutes=2))
    assert len(sweep_orphans(home, is_committed, clock)) == 2
    assert (home.landing / of_alive.relative_path).exists()
    assert landed_ids(home, engine) == [record("kept")["id"]]
    alive.close()


def test_two_server_processes_land_into_one_ledger(
    open_door: Callable[[], Door], senders: list[Sender], home: Home, engine: Engine
):
    doors = [open_door(), open_door()]
    with ThreadPoolExecutor(8) as threads:
        receipts = list(threads.map(lambda i: doors[i % 2].send(senders[i % 3], batch([record(i)])), range(40)))
    assert sum(receipt.accepted for receipt in receipts) == 40
    assert len(set(landed_ids(home, engine))) == 40
