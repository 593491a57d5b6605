"""A backup holds everything, and comes back on the other database as well; what was restored goes on working."""

from __future__ import annotations

import shutil
import stat
import threading
from collections.abc import Callable
from hashlib import sha256
from uuid import uuid4

import pyarrow.parquet as pq
import pytest

from api.backup.contents import KEPT_FILES, record_tables
from api.backup.errors import BackupError
from api.backup.folder import BackupFolder
from api.backup.manifest import read_manifest
from api.backup.tables import arrow_schema
from api.backup.take import take_backup
from api.cli.verify import verify_audit_chains
from api.db.models import IssuedReport
from api.db.session import transaction
from api.reports.issuing import report_file
from pipelines.durable_files import sha256_of_file
from pipelines.lake.clock import to_micros
from pipelines.lake.landing_lease import deleting_landed_bytes
from pipelines.verify.ledger_checks import check_batches, check_files, read_ledger
from pipelines.verify.report import VerifyReport
from tests.api.backup.places import InUse, Place, quiet, upload
from tests.conftest import on_sqlite
from tests.wire_records import record

# Every way between the two databases but PostgreSQL to itself, which holds nothing the others do not.
WAYS = [("sqlite", "sqlite"), ("sqlite", "postgres"), ("postgres", "sqlite")]
round_trips = pytest.mark.parametrize(
    ("database_url", "kind"), WAYS, indirect=["database_url"], ids=[f"{one}-to-{other}" for one, other in WAYS]
)


def record_is_whole(place: Place) -> None:
    """Check digests, sums, chains of batches and audit chains."""
    report, ledger = VerifyReport(), read_ledger(place.engine)
    check_files(place.home, ledger, report)
    check_batches(ledger, report)
    assert report.differences + verify_audit_chains(place.engine)[1] == []
    assert report.checked["landed_files"] > 0


@round_trips
def test_every_row_and_byte_comes_back_and_new_batches_land(
    in_use: InUse, kind: str, empty_place: Callable[[str], Place]
) -> None:
    before = in_use.place.rows()
    filled = {name for name, rows in before.items() if rows}
    assert filled >= {"quarantined_rows", "sync_tokens", "pairing_sessions", "budgets", "audit_events", "api_keys"}
    assert any(isinstance(row["raw_bytes"], bytes) for row in before["quarantined_rows"])
    taken = in_use.take()
    place = empty_place(kind)
    restored = in_use.restore(place)
    assert all(one.equal for one in restored.comparisons)
    assert place.rows() == before
    record_is_whole(place)
    with place.served() as server:
        # A record set aside takes a key the database gives itself.
        receipt = upload(server, in_use.machine.token, [record("new"), record("bad", input_tokens=-1)])
        assert (receipt["accepted"], len(receipt["quarantined"])) == (1, 1)
    record_is_whole(place)
    after = place.rows()
    assert len(after["quarantined_rows"]) == len(before["quarantined_rows"]) + 1
    files = len(before["landed_files"])
    assert [row["file_seq"] for row in after["landed_files"]] == list(range(1, files + 2))
    assert taken.manifest.workspaces[0].totals["row_count"] == 25
    assert taken.manifest.workspaces[0].totals["cost_logged_millicents"] == 20 * 1020


@on_sqlite
def test_since_when_prices_are_known_comes_back(in_use: InUse, empty_place: Callable[[str], Place]) -> None:
    book = in_use.place.home.root / KEPT_FILES[0]
    book.parent.mkdir()
    book.write_bytes(b"the only record of since when a price is known")
    in_use.take()
    place = empty_place("sqlite")
    in_use.restore(place)
    assert (place.home.root / KEPT_FILES[0]).read_bytes() == book.read_bytes()


def test_a_backup_taken_under_live_ingest_is_one_instant(in_use: InUse, empty_place: Callable[[str], Place]) -> None:
    stop = threading.Event()
    acknowledged: list[set[str]] = []
    promised: set[str] = set()

    def ingest() -> None:
        while not stop.is_set():
            acknowledged.append(in_use.upload(3))

    thread = threading.Thread(target=ingest)
    thread.start()
    try:
        for _ in range(3):
            grown = len(acknowledged) + 3
            while len(acknowledged) < grown:
                assert thread.is_alive()
            promised = set().union(*acknowledged[:grown])
            in_use.take()
    finally:
        stop.set()
        thread.join()
    place = empty_place("sqlite")
    in_use.restore(place)
    record_is_whole(place)
    ledger = read_ledger(place.engine)
    tables = [pq.read_table(place.home.landing / row["relative_path"]) for row in ledger.files]
    stored = [str(one) for table in tables for one in table["request_id"].to_pylist()]
    assert promised <= set(stored)
    assert len(stored) == len(set(stored)) < 25 + 3 * len(acknowledged)


@on_sqlite
def test_repeated_backups_share_files_and_each_is_complete(in_use: InUse, empty_place: Callable[[str], Place]) -> None:
    first = in_use.take()
    assert first.files_copied == len(first.manifest.files) == 2
    again = in_use.take()
    assert (again.files_copied, again.bytes_copied) == (0, 0)
    assert again.manifest.tables == first.manifest.tables  # an unchanged table gives an unchanged file
    in_use.upload(4)
    third = in_use.take()
    assert third.files_copied == 1
    assert in_use.folder.complete() == [first.folder, again.folder, third.folder]
    place = empty_place("sqlite")
    in_use.restore(place, first.folder.name)
    assert len(place.rows()["landed_files"]) == 2


@on_sqlite
def test_a_damaged_copy_in_the_folder_is_replaced_by_the_next_backup(in_use: InUse) -> None:
    entry = in_use.take().manifest.files[0]
    copy = in_use.folder.store.path(entry.sha256)
    copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    assert in_use.take().files_copied == 1
    assert sha256_of_file(copy) == entry.sha256


@on_sqlite
def test_landed_bytes_stay_while_a_backup_runs(in_use: InUse) -> None:
    allowed: list[bool] = []

    def progress(_step: str, _done: int, _total: int) -> None:
        with deleting_landed_bytes(in_use.place.home) as may:
            allowed.append(may)

    take_backup(in_use.place.home, in_use.place.engine, in_use.folder, in_use.place.clock, progress)
    assert set(allowed) == {False}
    with deleting_landed_bytes(in_use.place.home) as may:
        assert may


@on_sqlite
def test_a_backup_is_its_owners_only_and_holds_no_secret_that_works(in_use: InUse) -> None:
    taken = in_use.take()
    everything = [in_use.folder.root, *in_use.folder.root.rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in everything}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    values = "\n".join(
        str(value)
        for table in (taken.folder / "tables").iterdir()
        for row in pq.read_table(table).to_pylist()
        for value in row.values()
    )
    assert in_use.workspace_id in values
    for secret in (in_use.machine.token, in_use.api_key, in_use.machine.poll_token, in_use.machine.code):
        assert secret
        assert secret.removeprefix("hm_sync_").removeprefix("hm_api_") not in values


def test_every_column_of_every_table_can_be_carried_over() -> None:
    for table in record_tables():
        assert arrow_schema(table).names == [column.name for column in table.columns]


@on_sqlite
def test_the_manifest_names_every_row_file_total_and_head(in_use: InUse) -> None:
    taken = in_use.take()
    manifest = read_manifest(taken.folder)
    assert manifest == taken.manifest
    rows = in_use.place.rows()
    assert {one.name: one.rows for one in manifest.tables} == {name: len(found) for name, found in rows.items()}
    for one in manifest.tables:
        assert sha256_of_file(taken.folder / "tables" / f"{one.name}.parquet") == one.sha256
    ledger = {
        (row["relative_path"], row["sha256"], row["byte_count"], row["row_count"]) for row in rows["landed_files"]
    }
    assert {(one.path, one.sha256, one.bytes, one.rows) for one in manifest.files} == ledger
    (workspace,), (entry,) = rows["workspaces"], manifest.workspaces
    heads = ("batch_chain_position", "batch_chain_head", "audit_position", "audit_head")
    assert [getattr(entry, name) for name in heads] == [workspace[name] for name in heads]


@on_sqlite
def test_the_backup_folder_may_not_lie_in_the_home(in_use: InUse) -> None:
    with pytest.raises(BackupError, match="lies in the home"):
        take_backup(
            in_use.place.home,
            in_use.place.engine,
            BackupFolder(in_use.place.home.root / "backups"),
            in_use.place.clock,
            quiet,
        )


@on_sqlite
def test_issued_reports_come_back_byte_for_byte_and_a_damaged_one_stops_the_backup(
    in_use: InUse, empty_place: Callable[[str], Place]
) -> None:
    content, report_id, at = b"%PDF-1.7 a report", str(uuid4()), to_micros(in_use.place.clock.now())
    path = report_file(in_use.place.home, in_use.workspace_id, report_id)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with transaction(in_use.place.engine) as session:
        session.add(
            IssuedReport(
                id=report_id,
                workspace_id=in_use.workspace_id,
                number=1,
                kind="executive",
                title="Executive summary",
                parameters="{}",
                requested_by="vk@acme.co",
                requested_at_us=at,
                state="ready",
                sha256=sha256(content).hexdigest(),
                byte_count=len(content),
            )
        )
    in_use.take()
    restored = empty_place("sqlite")
    in_use.restore(restored)
    assert report_file(restored.home, in_use.workspace_id, report_id).read_bytes() == content
    path.write_bytes(b"%PDF-1.7 b report")
    shutil.rmtree(in_use.folder.store.root)  # what it has kept already, it does not read again
    with pytest.raises(BackupError, match=report_id):
        in_use.take()
