"""Deciding that requests count for another project, withdrawing it, and who may."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, select

from api.audit import OPERATOR, verify_chain
from api.db.models import AuditRecord, Device, Plan, Reattribution, Workspace
from api.db.session import reading, transaction
from api.errors import Refused
from api.projects import archive_project, observe_projects
from api.projects.reattribution import Move, list_reattributions, reattribute, withdraw_reattribution
from pipelines.lake.clock import FixedClock, from_micros, to_micros
from tests.api.conftest import Tenants
from tests.conftest import on_sqlite


@pytest.fixture
def acme(engine: Engine, workspace_id: str, clock: FixedClock) -> str:
    """A workspace in New York with the projects `scratch`, `api` and `old`, the last archived, and a machine."""
    with engine.begin() as connection:
        observe_projects(connection, workspace_id, ["scratch", "api", "old"], to_micros(clock.now()))
    with transaction(engine) as session:
        session.get_one(Workspace, workspace_id).time_zone = "America/New_York"
        archive_project(session, workspace_id, "old", actor=OPERATOR, at=clock.now())
        session.add(machine(workspace_id))
    return workspace_id


def machine(workspace_id: str) -> Device:
    return Device(
        id=str(uuid4()),
        workspace_id=workspace_id,
        hostname="ci",
        platform="Linux",
        daemon_version="0.6.4",
        paired_at_us=0,
    )


@pytest.fixture
def decide(engine: Engine, acme: str, clock: FixedClock) -> Callable[..., Reattribution]:
    def call(source: str = "scratch", target: str = "api", workspace: str = acme, **reach: Any) -> Reattribution:
        with transaction(engine) as session:
            move = Move(from_project=source, to_project=target, **reach)
            return reattribute(session, workspace, move, actor=OPERATOR, at=clock.now())

    return call


def test_days_are_whole_days_of_the_workspaces_zone(decide: Any) -> None:
    one = decide(first_day=date(2026, 3, 8), last_day=date(2026, 3, 8))
    assert from_micros(one.from_us) == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert from_micros(one.until_us) == datetime(2026, 3, 9, 4, tzinfo=UTC)
    unbounded = decide()
    assert (unbounded.from_us, unbounded.until_us, unbounded.device_id) == (None, None, None)


def test_decisions_are_numbered_kept_and_audited(engine: Engine, acme: str, decide: Any, clock: FixedClock) -> None:
    first, second = decide(reason="wrong folder"), decide("(not shared)")
    with transaction(engine) as session:
        withdraw_reattribution(session, acme, first.id, actor=OPERATOR, at=clock.now())
    with pytest.raises(Refused) as refusal, transaction(engine) as session:
        withdraw_reattribution(session, acme, first.id, actor=OPERATOR, at=clock.now())
    assert (refusal.value.status, refusal.value.code) == (404, "reattribution_not_found")
    third = decide("api", "scratch")
    with reading(engine) as session:
        history = list_reattributions(session, acme)
        assert [(one.id, one.position, one.withdrawn_at_us is None) for one in history] == [
            (third.id, 3, True),
            (second.id, 2, True),
            (first.id, 1, False),
        ]
        assert [one.id for one in list_reattributions(session, acme, "(not shared)")] == [second.id]
        found = select(AuditRecord.event).where(AuditRecord.resource_type == "reattribution")
        assert session.scalars(found.order_by(AuditRecord.position)).all() == [
            "reattribution.decided",
            "reattribution.decided",
            "reattribution.withdrawn",
            "reattribution.decided",
        ]
        assert verify_chain(session, acme).differences == []


@on_sqlite
@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"target": "scratch"}, 422, "same_project"),
        ({"source": "absent"}, 404, "project_not_found"),
        ({"target": "absent"}, 404, "project_not_found"),
        ({"target": "(not shared)"}, 404, "project_not_found"),
        ({"target": "old"}, 409, "project_withheld"),
        ({"device_id": "absent"}, 404, "device_not_found"),
        ({"first_day": date(2026, 3, 2), "last_day": date(2026, 3, 1)}, 422, "invalid_request"),
        ({"first_day": date(1999, 1, 1)}, 422, "invalid_request"),
        ({"last_day": date(9999, 12, 31)}, 422, "invalid_request"),
        ({"reason": "a\nb"}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_moved_is_refused(decide: Any, given: dict[str, Any], status: int, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        decide(**given)
    assert (refusal.value.status, refusal.value.code) == (status, code)


@on_sqlite
def test_nothing_of_another_workspace_can_be_named(
    engine: Engine, acme: str, tenants: Tenants, decide: Any, clock: FixedClock
) -> None:
    other = tenants.workspace("Other")
    foreign = machine(other)
    with transaction(engine) as session:
        session.add(foreign)
    with engine.begin() as connection:
        observe_projects(connection, other, ["theirs"], to_micros(clock.now()))
    for given in ({"workspace": other}, {"device_id": foreign.id}, {"source": "theirs"}, {"target": "theirs"}):
        with pytest.raises(Refused, match="No such"):
            decide(**given)
    own = decide()
    with pytest.raises(Refused, match="No such"), transaction(engine) as session:
        withdraw_reattribution(session, other, own.id, actor=OPERATOR, at=clock.now())
    with reading(engine) as session:
        assert list_reattributions(session, other) == []
        assert [one.withdrawn_at_us for one in list_reattributions(session, acme)] == [None]


@on_sqlite
def test_there_is_an_end_to_standing_decisions(
    engine: Engine, acme: str, decide: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.projects.reattribution.STANDING_MAX", 2)
    first = decide()
    decide()
    with pytest.raises(Refused) as refusal:
        decide()
    assert refusal.value.code == "too_many_reattributions"
    with transaction(engine) as session:
        withdraw_reattribution(session, acme, first.id, actor=OPERATOR, at=clock.now())
    assert decide().position == 3, "a withdrawn one makes room"


@on_sqlite
def test_requests_cannot_be_moved_to_a_project_over_the_ceiling(
    engine: Engine, tenants: Tenants, decide: Any, clock: FixedClock
) -> None:
    solo = tenants.workspace("Solo", Plan.SOLO)
    with engine.begin() as connection:
        observe_projects(connection, solo, [f"p{number}" for number in range(11)], to_micros(clock.now()))
    with pytest.raises(Refused) as refusal:
        decide("p0", "p10", workspace=solo)
    assert refusal.value.code == "project_withheld"
    assert decide("p10", "p0", workspace=solo).position == 1


def test_decisions_at_the_same_time_get_places_of_their_own(engine: Engine, acme: str, decide: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        positions = sorted(one.position for one in pool.map(lambda _: decide(), range(16)))
    assert positions == list(range(1, 17))
    with reading(engine) as session:
        assert verify_chain(session, acme).differences == []
