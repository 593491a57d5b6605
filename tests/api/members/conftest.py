"""Fixtures of the tests about members: a workspace with people in it, and the links that were mailed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select

from api.db.models import AuditRecord, Membership, OutboxMessage, Plan, Role, User
from api.db.session import reading
from pipelines.lake.clock import FixedClock
from tests.api.conftest import Browser, People, Tenants


@dataclass
class Club:
    """A workspace `acme-co` and its people.

    Attributes:
        id: of the workspace.
        owner: vk@acme.co, who made it.
    """

    app: FastAPI
    engine: Engine
    people: People
    id: str
    owner: Browser

    def join(self, name: str, role: Role = Role.MEMBER) -> Browser:
        """Make `<name>@acme.co` a member and sign them in."""
        return self.people.member(self.id, f"{name}@acme.co", role)

    def days_pass(self, clock: FixedClock, days: int) -> None:
        """Let days pass; the owner signs in again, since sessions end."""
        clock.advance(timedelta(days=days))
        self.owner = self.people.sign_in(self.owner.email)

    def mailed(self, kind: str = "invitation") -> list[tuple[str, str]]:
        """Recipient and text of the e-mails owed, oldest first."""
        wanted = select(OutboxMessage).where(OutboxMessage.kind == kind).order_by(OutboxMessage.created_at_us)
        with reading(self.engine) as session:
            found = session.scalars(wanted).all()
        seal = self.app.state.mail_seal
        return [(one.recipient, seal.open(one.sealed_body).text) for one in found if one.sealed_body]

    def tokens(self, email: str) -> list[str]:
        """Tokens of the invitation links sent to an address, oldest first."""
        texts = [text for recipient, text in self.mailed() if recipient == email]
        return [token for text in texts for token in re.findall(r"/invitations/(\S+)", text)]

    def roles(self) -> dict[str, str]:
        """Role of every member, by the name before the @."""
        query = select(User.email, Membership.role).join(Membership, Membership.user_id == User.id)
        with reading(self.engine) as session:
            rows = session.execute(query.where(Membership.workspace_id == self.id)).all()
        return {email.partition("@")[0]: role for email, role in rows}

    def events(self) -> list[tuple[str, str]]:
        """Actor and event of everything recorded since the workspace was made."""
        query = select(AuditRecord.actor_id, AuditRecord.event).where(AuditRecord.workspace_id == self.id)
        with reading(self.engine) as session:
            rows = session.execute(query.order_by(AuditRecord.position)).all()
        return [(actor, event) for actor, event in rows][2:]


@pytest.fixture
def plan() -> Plan:
    """Plan of the club; a test parametrises it."""
    return Plan.TEAM


@pytest.fixture
def club(app: FastAPI, engine: Engine, people: People, tenants: Tenants, plan: Plan) -> Club:
    workspace_id = tenants.workspace(plan=plan)
    return Club(app, engine, people, workspace_id, people.sign_in("vk@acme.co"))
