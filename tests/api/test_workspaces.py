"""Creating workspaces: slugs, owners, refusals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select

from api.audit import OPERATOR
from api.db.models import Membership, Plan, User, Workspace
from api.db.session import reading, transaction
from api.errors import Refused
from api.workspaces import RESERVED_SLUGS, create_workspace, find_workspace, slug_of
from pipelines.lake.clock import FixedClock
from tests.api.conftest import Tenants
from tests.conftest import on_sqlite


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme Co", "acme-co"),
        ("  Zoë & Søn's  ", "zoe-sn-s"),
        ("../../etc/passwd", "etc-passwd"),
        ("日本", "workspace"),
        ("x" * 100, "x" * 48),
        ("a" * 47 + " b", "a" * 47),
    ],
)
def test_a_slug_is_made_of_plain_letters_digits_and_dashes(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_taken_and_reserved_slugs_are_numbered(engine: Engine, tenants: Tenants) -> None:
    for name in ("Acme", "ACME", "acme!", "Pairing", "v1"):
        tenants.workspace(name)
    with reading(engine) as session:
        assert set(session.scalars(select(Workspace.slug))) == {"acme", "acme-2", "acme-3", "pairing-2", "v1-2"}
    assert {"pairing", "daemon", "requests", "reconciliation", "pricing", "policies", "health"} <= RESERVED_SLUGS


def test_workspaces_of_one_name_created_at_once_get_slugs_of_their_own(engine: Engine, tenants: Tenants) -> None:
    tenants.workspace("First")  # the owner exists
    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(lambda _: tenants.workspace("Acme"), range(6)))
    with reading(engine) as session:
        slugs = session.scalars(select(Workspace.slug).where(Workspace.id.in_(ids))).all()
    assert set(slugs) == {"acme", *(f"acme-{number}" for number in range(2, 7))}


def test_the_first_member_is_the_owner_and_a_person_is_known_by_one_address(engine: Engine, clock: FixedClock) -> None:
    for email in ("VK@acme.co ", "vk@ACME.co"):
        with transaction(engine) as session:
            create_workspace(
                session, name="A", owner_email=email, plan=Plan.TEAM, time_zone="UTC", actor=OPERATOR, at=clock.now()
            )
    with reading(engine) as session:
        assert session.scalars(select(User.email)).all() == ["vk@acme.co"]
        assert session.scalars(select(Membership.role)).all() == ["owner", "owner"]


@on_sqlite
@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": " "},
        {"name": "x" * 256},
        {"name": "a\nb"},
        {"owner_email": "vk"},
        {"owner_email": "a b@c"},
        {"time_zone": "Mars/Base"},
        {"time_zone": "../UTC"},
    ],
    ids=range(8),
)
def test_unusable_values_are_refused(change: dict[str, str], engine: Engine, clock: FixedClock) -> None:
    values = {"name": "A", "owner_email": "vk@acme.co", "time_zone": "UTC", **change}
    with pytest.raises(Refused) as refusal, transaction(engine) as session:
        create_workspace(session, plan=Plan.TEAM, actor=OPERATOR, at=clock.now(), **values)
    assert refusal.value.status == 422


def test_a_workspace_is_found_by_its_slug_only_while_it_lives(engine: Engine, tenants: Tenants) -> None:
    workspace_id = tenants.workspace()
    with transaction(engine) as session:
        assert find_workspace(session, "acme-co").id == workspace_id
        session.get_one(Workspace, workspace_id).deletion_requested_at_us = 1
    for slug in ("acme-co", "absent"):
        with pytest.raises(Refused, match="No such workspace"), reading(engine) as session:
            find_workspace(session, slug)
