"""Projects at first sight, the plan's ceiling, archive and restore; the foreign workspace first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from api.audit import OPERATOR, verify_chain
from api.db.models import AuditRecord, Plan, Project
from api.db.session import reading, transaction
from api.errors import Refused
from api.plans import PLAN_LIMITS, free_project_slots
from api.projects import (
    archive_project,
    list_projects,
    observe_projects,
    restore_project,
    set_plan,
    withheld_reason,
)
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import Tenants

CEILING = "plan_project_ceiling"
ARCHIVED = "project_archived"


def observe(engine: Engine, workspace_id: str, clock: FixedClock, *slugs: str) -> dict[str, str | None]:
    with engine.begin() as connection:
        found = observe_projects(connection, workspace_id, dict.fromkeys(slugs, 1), to_micros(clock.now()))
    return {slug: None if reason is None else reason.value for slug, reason in found.items()}


def versions(engine: Engine) -> dict[str, int]:
    with reading(engine) as session:
        return {project.slug: project.visibility_version for project in session.scalars(select(Project))}


@pytest.fixture
def solo(tenants: Tenants, engine: Engine, clock: FixedClock) -> str:
    """A Solo workspace with ten projects, p0 to p9, and two more over the ceiling."""
    workspace_id = tenants.workspace("Solo", Plan.SOLO)
    for number in range(12):
        clock.advance(timedelta(seconds=1))
        observe(engine, workspace_id, clock, f"p{number}")
    return workspace_id


def test_the_same_slug_in_two_workspaces_is_two_projects(
    engine: Engine, tenants: Tenants, workspace_id: str, clock: FixedClock
) -> None:
    other = tenants.workspace("Other")
    observe(engine, workspace_id, clock, "api")
    observe(engine, other, clock, "api")
    with transaction(engine) as session:
        archive_project(session, other, "api", actor=OPERATOR, at=clock.now())
    assert observe(engine, workspace_id, clock, "api") == {"api": None}
    assert observe(engine, other, clock, "api") == {"api": ARCHIVED}
    with pytest.raises(Refused, match="No such project"), transaction(engine) as session:
        archive_project(session, tenants.workspace("Third"), "api", actor=OPERATOR, at=clock.now())


def test_a_project_appears_at_first_sight_with_its_audit_row(
    engine: Engine, workspace_id: str, clock: FixedClock
) -> None:
    seen_at = to_micros(clock.now())
    with engine.begin() as connection:
        observe_projects(connection, workspace_id, ["b", "a", "b"], seen_at, device_id="machine-1")
    clock.advance(timedelta(days=1))
    assert observe(engine, workspace_id, clock, "a", "b", "c") == {"a": None, "b": None, "c": None}
    with reading(engine) as session:
        found = list_projects(session, workspace_id)
        assert [(p.slug, p.first_seen_at_us == seen_at) for p in found] == [("a", True), ("b", True), ("c", False)]
        created = select(AuditRecord.actor_type, AuditRecord.actor_id, AuditRecord.resource_id).where(
            AuditRecord.event == "project.created"
        )
        assert session.execute(created.order_by(AuditRecord.position)).all() == [
            ("device", "machine-1", "b"),
            ("device", "machine-1", "a"),
            ("system", "server", "c"),
        ]
        assert verify_chain(session, workspace_id).differences == []


def test_nothing_to_observe_is_nothing(engine: Engine, workspace_id: str, clock: FixedClock) -> None:
    assert observe(engine, workspace_id, clock) == {}


def test_the_eleventh_project_of_solo_is_withheld_and_known_ones_are_not(
    engine: Engine, solo: str, clock: FixedClock
) -> None:
    assert observe(engine, solo, clock, *(f"p{number}" for number in range(12))) == {
        **{f"p{number}": None for number in range(10)},
        "p10": CEILING,
        "p11": CEILING,
    }


def test_a_batch_of_new_projects_fills_the_free_places_in_order(
    engine: Engine, tenants: Tenants, clock: FixedClock
) -> None:
    workspace_id = tenants.workspace("Solo", Plan.SOLO)
    slugs = [f"p{number}" for number in range(600)]
    found = observe(engine, workspace_id, clock, *slugs)
    assert [slug for slug in slugs if found[slug] is None] == slugs[:10]


def test_a_raised_plan_brings_withheld_projects_back(engine: Engine, solo: str, clock: FixedClock) -> None:
    before = versions(engine)
    with transaction(engine) as session:
        assert set_plan(session, solo, Plan.TEAM, actor=OPERATOR, at=clock.now()) == 2
    assert observe(engine, solo, clock, "p9", "p10", "p11", "p12") == dict.fromkeys(("p9", "p10", "p11", "p12"))
    after = versions(engine)
    assert after["p9"] == before["p9"]
    assert after["p10"] == before["p10"] + 1
    with transaction(engine) as session:
        assert set_plan(session, solo, Plan.TEAM, actor=OPERATOR, at=clock.now()) == 0


def test_a_lowered_plan_hides_nothing_but_takes_no_more(engine: Engine, workspace_id: str, clock: FixedClock) -> None:
    slugs = [f"p{number}" for number in range(12)]
    observe(engine, workspace_id, clock, *slugs)
    with transaction(engine) as session:
        set_plan(session, workspace_id, Plan.SOLO, actor=OPERATOR, at=clock.now())
    assert set(observe(engine, workspace_id, clock, *slugs).values()) == {None}
    assert observe(engine, workspace_id, clock, "p12") == {"p12": CEILING}


def test_an_archived_project_withholds_what_comes_later_and_gives_its_place_away(
    engine: Engine, solo: str, clock: FixedClock
) -> None:
    before = versions(engine)
    with transaction(engine) as session:
        archive_project(session, solo, "p3", actor=OPERATOR, at=clock.now())
    assert observe(engine, solo, clock, "p3", "p10", "p11") == {"p3": ARCHIVED, "p10": None, "p11": CEILING}
    assert {slug for slug, version in versions(engine).items() if version > before[slug]} == {"p3", "p10"}


def test_rows_received_before_the_archiving_are_shown(clock: FixedClock) -> None:
    at_us = to_micros(clock.now())
    reasons = [
        withheld_reason(over_ceiling=False, archived_at_us=at_us, received_at_us=at_us + offset)
        for offset in (-1, 0, 1)
    ]
    assert reasons == [None, ARCHIVED, ARCHIVED]
    assert withheld_reason(over_ceiling=True, archived_at_us=at_us, received_at_us=at_us) == CEILING


def test_a_restored_project_comes_back_whole(engine: Engine, workspace_id: str, clock: FixedClock) -> None:
    observe(engine, workspace_id, clock, "api")
    for change in (archive_project, archive_project, restore_project, restore_project):
        with transaction(engine) as session:
            change(session, workspace_id, "api", actor=OPERATOR, at=clock.now())
    assert observe(engine, workspace_id, clock, "api") == {"api": None}
    assert versions(engine) == {"api": 3}
    with reading(engine) as session:
        events = session.scalars(
            select(AuditRecord.event).where(AuditRecord.resource_type == "project").order_by(AuditRecord.position)
        ).all()
    assert events == ["project.created", "project.archived", "project.restored"]


def test_restoring_into_a_full_plan_is_refused(engine: Engine, solo: str, clock: FixedClock) -> None:
    with transaction(engine) as session:
        archive_project(session, solo, "p3", actor=OPERATOR, at=clock.now())
    with pytest.raises(Refused) as refusal, transaction(engine) as session:
        restore_project(session, solo, "p3", actor=OPERATOR, at=clock.now())
    assert (refusal.value.status, refusal.value.code) == (409, CEILING)


def test_an_archived_project_over_the_ceiling_returns_with_an_unlimited_plan(
    engine: Engine, solo: str, clock: FixedClock
) -> None:
    with transaction(engine) as session:
        archive_project(session, solo, "p11", actor=OPERATOR, at=clock.now())
        set_plan(session, solo, Plan.ENTERPRISE, actor=OPERATOR, at=clock.now())
    assert observe(engine, solo, clock, "p11") == {"p11": ARCHIVED}


def test_the_ceiling_holds_under_concurrent_first_sights(engine: Engine, tenants: Tenants, clock: FixedClock) -> None:
    workspace_id = tenants.workspace("Solo", Plan.SOLO)

    def see(number: int) -> None:
        observe(engine, workspace_id, clock, f"p{number % 16}", f"p{(number + 1) % 16}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(see, range(32)))
    with reading(engine) as session:
        shown = select(func.count()).select_from(Project).where(Project.over_ceiling.is_(False))
        assert session.scalar(shown) == 10
        assert session.scalar(select(func.count()).select_from(Project)) == 16
        assert verify_chain(session, workspace_id).differences == []


def test_the_plan_table_is_the_products() -> None:
    assert {plan: (limits.seats, limits.projects) for plan, limits in PLAN_LIMITS.items()} == {
        Plan.SOLO: (1, 10),
        Plan.TEAM: (10, None),
        Plan.BUSINESS: (None, None),
        Plan.ENTERPRISE: (None, None),
    }


@pytest.mark.parametrize(
    ("plan", "shown", "free"), [(Plan.SOLO, 0, 10), (Plan.SOLO, 10, 0), (Plan.SOLO, 12, 0), (Plan.TEAM, 99, None)]
)
def test_free_places(plan: Plan, shown: int, free: int | None) -> None:
    assert free_project_slots(plan, shown) == free
