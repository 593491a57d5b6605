"""Signed digests: what they prove, and that they are made once a day."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.orm import Session

from api.audit import OPERATOR, AuditEvent, Resource, record_event
from api.audit.chain import _digest
from api.audit.digests import Signer, digests_of, sign_grown_chains, sign_now, signature_holds, signed_text
from api.audit.messages import SignedDigest
from api.audit.proof import prove
from api.audit.upkeep import DigestKeeper
from api.cli.main import cli
from api.db.models import GENESIS_HASH, AuditDigest, AuditRecord, Workspace
from api.db.session import reading, transaction
from pipelines.lake.clock import FixedClock, SystemClock
from pipelines.lake.ledger import landed_batches
from pipelines.lake.paths import Home
from tests.api.conftest import Tenants
from tests.conftest import on_sqlite

DAY = timedelta(days=1)


def happens(engine: Engine, workspace_id: str, clock: FixedClock, times: int = 1) -> None:
    for _ in range(times):
        with transaction(engine) as session:
            event, resource = AuditEvent.PROJECT_CREATED, Resource("project", "p")
            record_event(session, workspace_id, actor=OPERATOR, event=event, resource=resource, at=clock.now())


def stored(engine: Engine, workspace_id: str) -> list[SignedDigest]:
    with reading(engine) as session:
        return digests_of(session, workspace_id)


def faults(engine: Engine, home: Home, workspace_id: str, *saved: SignedDigest) -> list[str]:
    with reading(engine) as session:
        return prove(session, [(workspace_id, "acme-co")], saved, trusted_keys={Signer.of(home).public_key}).differences


def rewritten(session: Session, workspace_id: str, change: Callable[[list[AuditRecord]], list[AuditRecord]]) -> None:
    """Change a chain and recompute every hash and the head: what nobody sees without a digest."""
    query = select(AuditRecord).where(AuditRecord.workspace_id == workspace_id).order_by(AuditRecord.position)
    columns = [column.key for column in AuditRecord.__table__.columns]
    found = list(session.scalars(query))
    kept = [{key: getattr(row, key) for key in columns} for row in change(found)]
    for row in found:
        session.delete(row)
    session.flush()
    head = GENESIS_HASH
    for position, row in enumerate(kept, start=1):
        row |= {"position": position, "previous_hash": head}
        head = row["hash"] = _digest(row)
    session.execute(insert(AuditRecord), kept)
    session.execute(
        update(Workspace).where(Workspace.id == workspace_id).values(audit_position=len(kept), audit_head=head)
    )


def edit(rows: list[AuditRecord]) -> list[AuditRecord]:
    rows[2].actor_id = "somebody else"
    return rows


def reorder(rows: list[AuditRecord]) -> list[AuditRecord]:
    return [*rows[:2], rows[3], rows[2], *rows[4:]]


def cut_the_middle(rows: list[AuditRecord]) -> list[AuditRecord]:
    return [*rows[:2], *rows[3:]]


def cut_the_end(rows: list[AuditRecord]) -> list[AuditRecord]:
    return rows[:-1]


def cut_all(rows: list[AuditRecord]) -> list[AuditRecord]:
    return rows[:1]


@pytest.mark.parametrize("change", [edit, reorder, cut_the_middle, cut_the_end, cut_all])
def test_a_digest_shows_a_change_after_which_every_hash_was_recomputed(
    change: Callable[[list[AuditRecord]], list[AuditRecord]],
    engine: Engine,
    home: Home,
    workspace_id: str,
    clock: FixedClock,
):
    happens(engine, workspace_id, clock, 4)
    with reading(engine) as session:
        saved = sign_now(session, Signer.of(home), workspace_id, clock.now())
    assert faults(engine, home, workspace_id, saved) == []
    with transaction(engine) as session:
        rewritten(session, workspace_id, change)
    assert faults(engine, home, workspace_id) == []  # the chain itself is whole again
    [fault] = faults(engine, home, workspace_id, saved)
    assert (
        fault
        == "workspace acme-co: saved digest of 2026-07-01: the audit chain was rewritten or cut at or before event 6"
    )


@on_sqlite
def test_a_digest_is_of_the_utc_day_whatever_zone_the_instant_is_written_in(
    engine: Engine, home: Home, workspace_id: str
) -> None:
    evening = datetime(2026, 7, 1, 22, tzinfo=timezone(timedelta(hours=-5)))
    assert sign_grown_chains(engine, Signer.of(home), evening) == 1
    assert [one.utc_day for one in stored(engine, workspace_id)] == [date(2026, 7, 2)]


@on_sqlite
def test_what_is_added_later_is_no_change(engine: Engine, home: Home, workspace_id: str, clock: FixedClock):
    with reading(engine) as session:
        saved = sign_now(session, Signer.of(home), workspace_id, clock.now())
    happens(engine, workspace_id, clock, 3)
    assert faults(engine, home, workspace_id, saved) == []


@on_sqlite
def test_a_digest_covers_the_chain_of_batches_too(engine: Engine, home: Home, workspace_id: str, clock: FixedClock):
    with transaction(engine) as session:
        changed = {"batch_chain_position": 3, "batch_chain_head": "a" * 64}
        session.execute(update(Workspace).where(Workspace.id == workspace_id).values(changed))
    with reading(engine) as session:
        saved = sign_now(session, Signer.of(home), workspace_id, clock.now())
        assert session.scalar(select(func.count()).select_from(landed_batches)) == 0
    assert faults(engine, home, workspace_id, saved) == [
        "workspace acme-co: saved digest of 2026-07-01: the chain of batches was rewritten or cut at or before 3"
    ]


def test_a_chain_is_signed_once_a_utc_day_and_only_when_it_grew(
    engine: Engine, home: Home, workspace_id: str, clock: FixedClock
):
    signer = Signer.of(home)
    assert sign_grown_chains(engine, signer, clock.now()) == 1
    happens(engine, workspace_id, clock)
    assert sign_grown_chains(engine, signer, clock.now()) == 0  # today's is signed
    clock.advance(DAY)
    assert sign_grown_chains(engine, signer, clock.now()) == 1
    clock.advance(DAY)
    assert sign_grown_chains(engine, signer, clock.now()) == 0  # nothing happened since
    with transaction(engine) as session:
        session.execute(update(Workspace).values(batch_chain_position=1, batch_chain_head="b" * 64))
    assert sign_grown_chains(engine, signer, clock.now()) == 1  # a batch landed
    found = stored(engine, workspace_id)
    assert [(str(one.utc_day), one.position) for one in found] == [
        ("2026-07-03", 3),
        ("2026-07-02", 3),
        ("2026-07-01", 2),
    ]
    assert all(signature_holds(one) for one in found)


def test_two_workers_sign_a_day_once(engine: Engine, home: Home, workspace_id: str, clock: FixedClock):
    signer, start, signed = Signer.of(home), threading.Barrier(4), list[int]()

    def work() -> None:
        start.wait()
        signed.append(sign_grown_chains(engine, signer, clock.now()))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(signed) == len(stored(engine, workspace_id)) == 1


@on_sqlite
@pytest.mark.parametrize(
    "forge",
    [
        lambda digest: msgspec.structs.replace(digest, position=1, head="0" * 64),
        lambda digest: msgspec.structs.replace(digest, workspace_id=digest.workspace_id[::-1]),
        lambda digest: msgspec.structs.replace(digest, signature="00" * 64),
        lambda digest: msgspec.structs.replace(digest, public_key="11" * 32),
        lambda digest: msgspec.structs.replace(digest, batch_head="1" * 64),
    ],
)
def test_a_forged_digest_is_no_digest(
    forge: Callable[[SignedDigest], SignedDigest], engine: Engine, home: Home, workspace_id: str, clock: FixedClock
):
    with reading(engine) as session:
        digest = sign_now(session, Signer.of(home), workspace_id, clock.now())
    assert signature_holds(digest)
    assert not signature_holds(forge(digest))
    assert faults(engine, home, workspace_id, forge(digest))


@on_sqlite
def test_a_stored_digest_signed_with_another_key_shows(
    engine: Engine, home: Home, workspace_id: str, clock: FixedClock, tmp_path: Path
):
    (tmp_path / "other").mkdir()
    sign_grown_chains(engine, Signer.of(Home(tmp_path / "other")), clock.now())
    assert faults(engine, home, workspace_id) == [
        "workspace acme-co: stored digest of 2026-07-01: signed with a key that is not this server's"
    ]


@on_sqlite
def test_a_signature_covers_every_field_of_the_digest(engine: Engine, home: Home, workspace_id: str, clock: FixedClock):
    with reading(engine) as session:
        digest = sign_now(session, Signer.of(home), workspace_id, clock.now())
    covered = json.loads(signed_text(digest))
    named = set(SignedDigest.__struct_fields__) - {"signature", "public_key"}
    assert set(covered) == named | {"format"}


@on_sqlite
def test_the_server_signs_by_itself(engine: Engine, home: Home, workspace_id: str, clock: FixedClock):
    keeper = DigestKeeper(home, engine, clock, first_look_seconds=0.01)
    keeper.start()
    try:
        for _ in range(500):
            if stored(engine, workspace_id):
                break
            threading.Event().wait(0.02)
    finally:
        keeper.stop()
    assert len(stored(engine, workspace_id)) == 1


@on_sqlite
def test_the_commands_export_a_log_and_prove_it(
    engine: Engine, home: Home, tenants: Tenants, tmp_path: Path, clock: FixedClock
):
    clock.instant = SystemClock().now()
    workspace_id = tenants.workspace()
    tenants.workspace("Other")
    happens(engine, workspace_id, clock)
    run = CliRunner().invoke
    exported = json.loads(run(cli, ["audit", "export", str(tmp_path / "away"), "--workspace", "acme-co"]).stdout)
    assert exported["events"] == 3
    lines = Path(exported["csv"]).read_text().splitlines()
    assert (len(lines), lines[1].split(",")[2]) == (4, "project.created")
    check = ["audit", "verify", "--workspace", "acme-co", "--digests", exported["digests"]]
    told = json.loads(run(cli, check).stdout)
    assert (told["ok"], told["events"], told["saved_digests"], told["stored_digests"]) == (True, 3, 2, 1)
    assert json.loads(run(cli, ["audit", "verify"]).stdout)["workspaces"] == 2
    with transaction(engine) as session:
        rewritten(session, workspace_id, cut_the_end)
        session.execute(delete(AuditDigest))
    assert run(cli, ["audit", "verify"]).exit_code == 0
    failed = run(cli, check)
    assert failed.exit_code == 1
    assert not json.loads(failed.stdout)["ok"]
    Path(exported["digests"]).write_text('{"digests": 1}')
    assert run(cli, check).exit_code == 1
