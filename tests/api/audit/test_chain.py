"""The audit chain: whatever is done to it afterwards shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.orm import Session

from api.audit import OPERATOR, AuditEvent, Happening, Resource, record_event, record_events, verify_chain
from api.audit.chain import _digest
from api.db.models import AuditRecord, Workspace
from api.db.session import reading, transaction
from pipelines.lake.clock import FixedClock
from tests.api.conftest import Tenants
from tests.conftest import on_sqlite

EVENTS = 6


@pytest.fixture
def chain(engine: Engine, workspace_id: str, clock: FixedClock) -> str:
    """A workspace with two events of its creation and four more."""
    for number in range(EVENTS - 2):
        with transaction(engine) as session:
            record_event(
                session,
                workspace_id,
                actor=OPERATOR,
                event=AuditEvent.PROJECT_CREATED,
                resource=Resource("project", f"p{number}"),
                details={"name": "Zoë\u0000 \ud83d\ude00", "n": number, "nothing": None, "yes": True},
                at=clock.now(),
            )
    return workspace_id


def differences(engine: Engine, workspace_id: str) -> list[str]:
    with reading(engine) as session:
        return verify_chain(session, workspace_id).differences


def test_an_untouched_chain_is_whole(engine: Engine, chain: str) -> None:
    with reading(engine) as session:
        report = verify_chain(session, chain)
        head = session.get_one(Workspace, chain).audit_head
    assert (report.events, report.head, report.differences) == (EVENTS, head, [])


def _at(position: int) -> Callable[[Session, str], AuditRecord]:
    def find(session: Session, workspace_id: str) -> AuditRecord:
        query = select(AuditRecord).where(AuditRecord.workspace_id == workspace_id, AuditRecord.position == position)
        return session.scalars(query).one()

    return find


def _swap(session: Session, workspace_id: str) -> None:
    first, second = _at(3)(session, workspace_id), _at(4)(session, workspace_id)
    first.position = 1_000
    session.flush()
    second.position = 3
    session.flush()
    first.position = 4


def _cut_middle(session: Session, workspace_id: str) -> None:
    session.delete(_at(4)(session, workspace_id))


def _cut_newest(session: Session, workspace_id: str) -> None:
    session.delete(_at(EVENTS)(session, workspace_id))


def _cut_newest_and_lower_the_count(session: Session, workspace_id: str) -> None:
    _cut_newest(session, workspace_id)
    session.execute(update(Workspace).values(audit_position=EVENTS - 1))


def _cut_all(session: Session, workspace_id: str) -> None:
    session.execute(delete(AuditRecord).where(AuditRecord.workspace_id == workspace_id))


def _append(session: Session, workspace_id: str) -> None:
    last = _at(EVENTS)(session, workspace_id)
    row = {column.key: getattr(last, column.key) for column in AuditRecord.__table__.columns}
    session.execute(insert(AuditRecord).values({**row, "id": "x", "position": EVENTS + 1}))


def _edit(column: str, value: str | int) -> Callable[[Session, str], None]:
    def edit(session: Session, workspace_id: str) -> None:
        setattr(_at(4)(session, workspace_id), column, value)

    edit.__name__ = f"_edit_{column}"
    return edit


EDITS = [
    _edit("actor_type", "user"),
    _edit("actor_id", "someone@else.example"),
    _edit("event", "project.archived"),
    _edit("resource_type", "device"),
    _edit("resource_id", "other"),
    _edit("at_us", 1),
    _edit("details", "{}"),
    _edit("previous_hash", "0" * 64),
    _edit("hash", "0" * 64),
    _edit("id", "00000000-0000-4000-8000-000000000000"),
]


@on_sqlite
@pytest.mark.parametrize(
    "tamper",
    [*EDITS, _swap, _cut_middle, _cut_newest, _cut_newest_and_lower_the_count, _cut_all, _append],
    ids=lambda tamper: tamper.__name__.strip("_"),
)
def test_any_edit_reorder_cut_or_addition_shows(
    tamper: Callable[[Session, str], None], engine: Engine, chain: str
) -> None:
    with transaction(engine) as session:
        tamper(session, chain)
    assert differences(engine, chain)


@pytest.mark.parametrize("position", [1, 4, EVENTS])
def test_the_changed_event_is_named(position: int, engine: Engine, chain: str) -> None:
    with transaction(engine) as session:
        _at(position)(session, chain).details = "{}"
    assert differences(engine, chain) == [f"audit event {position}: was changed after it was written"]


@on_sqlite
def test_events_of_one_change_keep_their_order(engine: Engine, chain: str, clock: FixedClock) -> None:
    happenings = [Happening(AuditEvent.PROJECT_CREATED, Resource("project", name), {}) for name in ("b", "a", "c")]
    with transaction(engine) as session:
        record_events(session, chain, actor=OPERATOR, happenings=happenings, at=clock.now())
        found = select(AuditRecord.resource_id).where(AuditRecord.position > EVENTS).order_by(AuditRecord.position)
        assert session.scalars(found).all() == ["b", "a", "c"]


@on_sqlite
@pytest.mark.parametrize(
    ("position", "difference"),
    [
        (4, "audit event 5: does not follow the event before it"),
        (EVENTS, f"the audit chain should have {EVENTS} events and its newest ones differ"),
    ],
)
def test_an_event_that_was_hashed_anew_does_not_fit_what_follows(
    position: int, difference: str, engine: Engine, chain: str
) -> None:
    with transaction(engine) as session:
        changed = _at(position)(session, chain)
        changed.details = "{}"
        changed.hash = _digest({column.name: getattr(changed, column.name) for column in AuditRecord.__table__.c})
    assert differences(engine, chain) == [difference]


@on_sqlite
def test_a_gap_in_the_numbers_shows_also_when_everything_was_hashed_anew(engine: Engine, chain: str) -> None:
    with transaction(engine) as session:
        newest = _at(EVENTS)(session, chain)
        newest.position = EVENTS + 1
        newest.hash = _digest({column.name: getattr(newest, column.name) for column in AuditRecord.__table__.c})
        session.get_one(Workspace, chain).audit_head = newest.hash
    assert differences(engine, chain) == [f"audit event {EVENTS + 1}: position {EVENTS} was expected"]


def test_verify_names_the_workspace_whose_chain_is_broken(engine: Engine, chain: str, tenants: Tenants) -> None:
    from api.cli.verify import verify_audit_chains

    tenants.workspace("Other")
    assert verify_audit_chains(engine) == (EVENTS + 2, [])
    with transaction(engine) as session:
        _at(4)(session, chain).details = "{}"
    assert verify_audit_chains(engine)[1] == ["workspace acme-co: audit event 4: was changed after it was written"]


def test_each_workspace_has_its_own_chain(engine: Engine, chain: str, tenants: Tenants) -> None:
    other = tenants.workspace("Other")
    with transaction(engine) as session:
        _cut_middle(session, chain)
    assert differences(engine, other) == []


def test_events_written_at_once_stand_in_one_whole_chain(engine: Engine, workspace_id: str, clock: FixedClock) -> None:
    def write(number: int) -> None:
        with transaction(engine) as session:
            event, resource = AuditEvent.PROJECT_CREATED, Resource("project", str(number))
            record_event(session, workspace_id, actor=OPERATOR, event=event, resource=resource, at=clock.now())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    with reading(engine) as session:
        report = verify_chain(session, workspace_id)
    assert (report.events, report.differences) == (42, [])


@pytest.mark.parametrize("event", AuditEvent)
def test_events_are_named_noun_dot_past_tense(event: AuditEvent) -> None:
    assert re.fullmatch(r"[a-z_]+\.[a-z_]*(ed|set|withdrawn|undone|sent|left|taken)", event.value)
