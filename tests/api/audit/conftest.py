"""A published world whose workspaces also have recorded events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from api.audit import OPERATOR, Actor, ActorType, AuditEvent, Resource, record_event
from api.db.session import transaction
from tests.api.dashboards.facts import NOW, device_id, workspace_id
from tests.api.dashboards.world import World, build_world

PERSON = Actor(ActorType.USER, "Zoë@acme.co")
HOSTILE = "=HYPERLINK(1)"


@pytest.fixture(scope="session")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Workspace `acme` with 300 requests and 150 events among them, `empty` with events only."""
    world = build_world(tmp_path_factory.mktemp("audit"), rows_each=300)
    for slug in ("acme", "empty"):
        with transaction(world.engine) as session:
            for number in range(150):
                event, actor, resource, details = _what(slug, number)
                record_event(
                    session,
                    workspace_id(slug),
                    actor=actor,
                    event=event,
                    resource=resource,
                    # Instants of requests too, and several events in one instant.
                    at=_instant(world, slug, number),
                    details=details,
                )
    yield world
    world.close()


def _instant(world: World, slug: str, number: int):
    mine = sorted(row["requested_at"] for row in world.rows if row["workspace_id"] == workspace_id(slug))
    if mine and number % 3 == 0:
        return mine[-(number // 6 + 1)]
    return NOW - timedelta(hours=2 * (number // 4))


def _what(slug: str, number: int):
    project = Resource("project", f"p{number}")
    device = Resource("device", device_id(slug, number % 3))
    choices = (
        (AuditEvent.MEMBER_ADDED, PERSON, Resource("user", "u1"), {"email": "Jörg@acme.co", "role": "member"}),
        (AuditEvent.PROJECT_ARCHIVED, OPERATOR, project, {"note": f"100% of it_{number}"}),
        (AuditEvent.DEVICE_RENAMED, PERSON, device, {"to": "<b>Büro</b>"}),
        (AuditEvent.SEATS_CHANGED, OPERATOR, Resource("workspace", "w"), {"extra": number}),
        (AuditEvent.DEVICE_DISCONNECTED, Actor(ActorType.DEVICE, device.id), device, {}),
        (AuditEvent.PROJECT_RENAMED, PERSON, Resource("project", HOSTILE), {"to": HOSTILE}),
    )
    return choices[number % len(choices)]
