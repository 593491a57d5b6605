"""The grammar: every event has one name, one family, and is recorded by somebody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.audit import OPERATOR, AuditEvent, Resource, record_event
from api.audit.families import FAMILY_OF, FAMILY_WORDS, Family, family_of
from api.audit.wanted import Wanted
from api.db.session import transaction
from pipelines.lake.clock import FixedClock
from tests.conftest import on_sqlite

ROOT = Path(__file__).parents[3]


def test_every_event_has_exactly_one_family():
    assert set(FAMILY_OF) == set(AuditEvent)


def test_every_family_has_words_and_events():
    assert set(FAMILY_WORDS) == set(Family) == set(FAMILY_OF.values())


def test_the_families_together_are_all_events_and_none_twice():
    listed = [event for family in Family for event in Wanted(family=family).events() or []]
    assert sorted(listed) == sorted(AuditEvent)


def test_an_event_of_a_later_version_has_no_family():
    assert family_of("comet.sighted") is None


@pytest.mark.parametrize(
    ("event", "family"),
    [
        (AuditEvent.WORKSPACE_CREATED, Family.CONFIG),
        (AuditEvent.WORKSPACE_PLAN_CHANGED, Family.BILLING),
        (AuditEvent.SEATS_CHANGED, Family.BILLING),
        (AuditEvent.PAYMENT_METHOD_UPDATED, Family.BILLING),
        (AuditEvent.INVITATION_ACCEPTED, Family.MEMBERSHIP),
        (AuditEvent.MEMBER_ROLE_CHANGED, Family.MEMBERSHIP),
        (AuditEvent.PAIRING_APPROVED, Family.DEVICES),
        (AuditEvent.DEVICE_RENAMED, Family.DEVICES),
        (AuditEvent.PROJECT_ARCHIVED, Family.CONFIG),
        (AuditEvent.REQUEST_CAPTURED, Family.REQUESTS),
    ],
)
def test_families_are_the_documentations(event: AuditEvent, family: Family):
    assert FAMILY_OF[event] is family


def test_every_event_is_recorded_somewhere():
    code = "".join(path.read_text() for path in (ROOT / "api").rglob("*.py") if path.parts[-2] != "audit")
    unused = {event.name for event in AuditEvent if not re.search(rf"AuditEvent\.{event.name}\b", code)}
    assert unused == {AuditEvent.REQUEST_CAPTURED.name}  # shown from the marts, never recorded


@on_sqlite
def test_a_captured_request_cannot_be_recorded(engine: Engine, workspace_id: str, clock: FixedClock):
    with transaction(engine) as session, pytest.raises(ValueError, match="captured requests are not recorded"):
        record_event(
            session,
            workspace_id,
            actor=OPERATOR,
            event=AuditEvent.REQUEST_CAPTURED,
            resource=Resource("request", "x"),
            at=clock.now(),
        )
