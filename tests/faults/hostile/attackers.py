"""Who attacks: a laptop, keys, a signed-in Owner, a browser that is nobody's; and keeping them behind the door.

Belongs here: secrets, the ids of things that exist, and mending what an attack that was let through took away. Does not
belong here: what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from api.access.browser_sessions import BROWSER_COOKIE, SESSION_COOKIE, digest, form_token, start_session
from api.access.permissions import KeyScope
from api.api_keys import issue_api_key
from api.audit import OPERATOR
from api.db.models import (
    ApiKey,
    BrowserSession,
    CostCentre,
    Device,
    DirectoryMember,
    FormerMembership,
    Invitation,
    Membership,
    Plan,
    Role,
    Subscription,
    SyncToken,
    Workspace,
)
from api.db.session import reading, transaction
from api.people import find_or_create_person
from api.tokens import secret_digest
from pipelines.lake.clock import Clock, to_micros
from tests.faults.hostile.requests import FORM_TOKEN, MARK, ORIGIN, Attack
from tests.faults.paired_machine import PairedMachine, new_token

OWNER, MEMBER = "o@acme.example", "m@acme.example"
SLUG = "acme"
BROWSER = "b" * 43


@dataclass
class Attackers:
    """Everybody there is.

    Attributes:
        engine: the server's database.
        machine: the laptop and the key an attacker begins with.
        secrets: by the names of `Attack.token`.
        known: ids of things that exist, by the names of path parameters.
        mended: how often an attack took something away that the next ones need.
    """

    engine: Engine
    machine: PairedMachine
    clock: Clock
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    known: dict[str, str] = field(default_factory=dict[str, str])
    mended: int = -1

    def __post_init__(self) -> None:
        token = self.machine.token
        self.secrets = {"sync": token, "api": self.machine.api_key, "wrong": token[:-1] + "_", "none": "", "nobody": ""}
        self.mend()

    def headers(self, attack: Attack) -> dict[str, str | bytes]:
        """Return the headers that show who sends an attack; its own headers win."""
        if attack.token in ("owner", "nobody"):
            cookie = self.secrets["owner"] if attack.token == "owner" else BROWSER
            name = SESSION_COOKIE if attack.token == "owner" else BROWSER_COOKIE
            own = {"Cookie": f"{name}={cookie}", "Origin": ORIGIN, "X-Form-Token": form_token(cookie)}
            return own | dict(attack.headers)
        shown = self.secrets.get(attack.token, f"{MARK}\x7f")
        return dict(attack.headers) | ({"Authorization": f"Bearer {shown}"} if shown else {})

    def body(self, attack: Attack) -> bytes | None:
        """Return the body with the token that forms of this browser carry."""
        if attack.body is None or FORM_TOKEN not in attack.body:
            return attack.body
        cookie = self.secrets["owner"] if attack.token == "owner" else BROWSER
        return attack.body.replace(FORM_TOKEN, form_token(cookie).encode())

    def target(self, target: str) -> str:
        """Return a target with the ids of things that exist."""
        for name, value in self.known.items():
            target = target.replace(f"~{name}~", value)
        return target

    def mend(self) -> None:
        """Make sure that all of them may do what they could at the beginning."""
        if self._all_stand():
            return
        self.mended += 1
        at = self.clock.now()
        workspace_id = self.machine.workspace_id
        with transaction(self.engine) as session:
            workspace = session.get_one(Workspace, workspace_id)
            workspace.slug, workspace.plan, workspace.deletion_requested_at_us = SLUG, Plan.ENTERPRISE.value, None
            subscription = session.get(Subscription, workspace_id)
            if subscription is not None:
                subscription.cancels_at_us = None
            session.flush()
            for email, role in ((OWNER, Role.OWNER), (MEMBER, Role.MEMBER)):
                user = find_or_create_person(session, email, at)
                former = session.get(FormerMembership, (workspace_id, user.id))
                if former is not None:
                    session.delete(former)
                joined = to_micros(at)
                session.merge(
                    Membership(workspace_id=workspace_id, user_id=user.id, role=role.value, joined_at_us=joined)
                )
                if role is Role.OWNER:
                    self.secrets["owner"] = start_session(
                        session, user.id, method="test", user_agent="", address="::1", at=at
                    )
                self.known["user_id"] = user.id
            self._make_things(session, to_micros(at))
            for name, scope in (("api", KeyScope.READ), ("scim", KeyScope.SCIM)):
                made = issue_api_key(
                    session, workspace_id, name=name, scope=scope, role=Role.OWNER, actor=OPERATOR, at=at
                )
                self.secrets[name] = made.secret
            key = issue_api_key(
                session, workspace_id, name="k", scope=KeyScope.READ, role=Role.OWNER, actor=OPERATOR, at=at
            )
            self.known["key_id"] = key.key.id
        self.secrets["sync"] = new_token(self.engine, workspace_id, self.clock)
        with reading(self.engine) as session:
            query = select(Device.id).where(Device.workspace_id == workspace_id).order_by(Device.id)
            self.known["device_id"] = session.scalars(query).first() or ""

    def _make_things(self, session: Session, at_us: int) -> None:
        """Make one of each thing that paths name, so that attacks on it get past its being found."""
        workspace_id = self.machine.workspace_id
        ids = {name: str(uuid4()) for name in ("directory_id", "cost_centre", "invitation_id")}
        who = DirectoryMember.workspace_id == workspace_id, DirectoryMember.user_id == self.known["user_id"]
        session.execute(delete(DirectoryMember).where(*who))
        session.add(
            DirectoryMember(
                id=ids["directory_id"], workspace_id=workspace_id, user_id=self.known["user_id"], active=True,
                created_at_us=at_us, changed_at_us=at_us,
            )
        )  # fmt: skip
        slug = f"centre-{ids['cost_centre'][:8]}"
        session.add(
            CostCentre(id=ids["cost_centre"], workspace_id=workspace_id, slug=slug, name=slug, created_at_us=at_us)
        )
        session.add(
            Invitation(
                id=ids["invitation_id"], workspace_id=workspace_id, email=f"{slug}@acme.example", role="member",
                token_sha256=digest(slug), invited_by=OWNER, created_at_us=at_us, expires_at_us=at_us + 10**12,
                sent_count=1, last_sent_at_us=at_us,
            )
        )  # fmt: skip
        self.known |= ids | {"token": slug}

    def _all_stand(self) -> bool:
        if "owner" not in self.secrets:
            return False
        with reading(self.engine) as session:
            workspace = session.get_one(Workspace, self.machine.workspace_id)
            owner = select(Membership.role).join(
                BrowserSession, BrowserSession.user_id == Membership.user_id
            ).where(
                BrowserSession.token_sha256 == digest(self.secrets["owner"]), BrowserSession.revoked_at_us.is_(None),
                Membership.workspace_id == workspace.id,
            )  # fmt: skip
            secrets = [secret_digest(self.secrets[name]) for name in ("api", "scim")]
            keys = select(ApiKey.id).where(ApiKey.key_sha256.in_(secrets), ApiKey.revoked_at_us.is_(None))
            token = select(SyncToken.id).join(Device, Device.id == SyncToken.device_id).where(
                SyncToken.token_sha256 == secret_digest(self.secrets["sync"]),
                SyncToken.revoked_at_us.is_(None), Device.revoked_at_us.is_(None),
            )  # fmt: skip
            subscription = session.get(Subscription, workspace.id)
            return (
                (workspace.slug, workspace.plan, workspace.deletion_requested_at_us) == (SLUG, Plan.ENTERPRISE, None)
                and (subscription is None or subscription.cancels_at_us is None)
                and session.scalars(owner).all() == [Role.OWNER.value]
                and len(session.scalars(keys).all()) == len(secrets)
                and session.scalars(token).first() is not None
                and session.get(Membership, (workspace.id, self.known["user_id"])) is not None
                and session.get(DirectoryMember, self.known["directory_id"]) is not None
            )
