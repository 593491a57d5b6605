"""The cast of the authorisation matrix: three workspaces, everybody who may come, and one of each thing they may name.

`ours` and `theirs` are alike; `ending` is ours too, and its deletion was asked for. Whatever has a name says in it
whose it is, so that an answer that tells a stranger something gives itself away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.access.browser_sessions import BROWSER_COOKIE, SESSION_COOKIE, form_token, start_session
from api.access.caller import Caller
from api.access.same_site import FORM_FIELD, FORM_HEADER
from api.audit import OPERATOR
from api.db.models import (
    ApiKey,
    BrowserSession,
    CostCentre,
    Device,
    DirectoryMember,
    FormerMembership,
    Invitation,
    IssuedReport,
    Membership,
    OptimisationDecision,
    Plan,
    Project,
    Reattribution,
    Role,
    SyncToken,
    User,
    Workspace,
    WorkspaceExport,
)
from api.db.session import transaction
from api.members.invitations import token_digest
from api.people import find_or_create_person
from api.rate_limits import Rate, RateLimiter, RateLimits
from api.tokens import SecretKind, new_secret, secret_digest
from api.workspaces import create_workspace
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.authorisation.bills import BILLS, add_bills
from tests.api.conftest import BASE_URL

OURS, THEIRS, ENDING, ABSENT = "ours-co", "theirs-ltd", "ending-co", "absent-inc"
WORKSPACES = {OURS: "Ours Secret Name", THEIRS: "Theirs Secret Name", ENDING: "Ending Secret Name"}
BROWSER: Final = "n" * 43
"""The cookie every browser has, signed in or not."""
FOREIGN_NAMES: Final = ("Theirs Secret", "theirs-secret", "theirs.example")
OWN_NAMES: Final = ("Ours Secret", "ours-secret", "ours.example", "Ending Secret", "ending-secret")


class Who(StrEnum):
    """Everybody who may call."""

    ANONYMOUS = "anonymous"
    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"
    FOREIGN_OWNER = "foreign owner"
    REMOVED = "removed member"
    SYNC_TOKEN = "sync token"
    READ_KEY = "read key"
    SCIM_KEY = "scim key"
    FOREIGN_KEY = "foreign key"


def identifier(slug: str, thing: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{slug}/{thing}"))


def names_of(slug: str) -> dict[str, str]:
    """Return one existing thing for each parameter that paths have, of one workspace; of ABSENT there is none."""
    mark = slug.partition("-")[0]
    ids = (
        "user",
        "invitation",
        "device",
        "key",
        "export",
        "report",
        "reattribution",
        "session",
        "request",
        "directory",
        "decision",
        *BILLS,
    )
    return {
        "workspace": slug,
        **{f"{thing}_id": identifier(slug, thing) for thing in ids},
        "slug": f"{mark}-secret-project",
        "cost_centre": f"{mark}-secret-centre",
        "token": f"{mark}-secret-invitation-token-0123456789",
        "name": "User",
        "cluster_id": "c" * 64,
        "digest": "0" * 64,
        "provider": "clerk",
        "month": "2026-10",
        "day": "2026-10-05",
    }


@dataclass
class Cast:
    """The installation and everybody's credentials.

    Attributes:
        engine: the database, SQLite.
        cookies: session cookie of everybody who is signed in.
        bearers: what keys and machines send.
        stored: the database as it was set up, as SQLite's own bytes.
    """

    engine: Engine
    clock: FixedClock
    cookies: dict[Who, str] = field(default_factory=dict[Who, str])
    bearers: dict[Who, str] = field(default_factory=dict[Who, str])
    stored: bytes = b""
    _dumped: list[str] = field(default_factory=list[str])

    def set_up(self) -> None:
        """Fill the database."""
        with transaction(self.engine) as session:
            for slug in WORKSPACES:
                self._workspace(session, slug)
            for who, email in (
                (Who.MEMBER, "member@ours.example"),
                (Who.ADMIN, "admin@ours.example"),
                (Who.OWNER, "owner@ours.example"),
                (Who.REMOVED, "removed@ours.example"),
                (Who.FOREIGN_OWNER, "owner@theirs.example"),
            ):
                person = find_or_create_person(session, email, self.clock.now())
                self.cookies[who] = start_session(
                    session, person.id, method="test", user_agent="t", address="t", at=self.clock.now()
                )
        copy = self._raw()
        stored, self._dumped = bytearray(copy.serialize()), list(copy.iterdump())
        stored[18:20] = b"\x01\x01"  # memory knows no write-ahead log
        self.stored = bytes(stored)
        copy.close()
        self._watch = self._connection()
        self._version_stored = self._version()

    def restore(self) -> None:
        """Make the database what it was."""
        source = sqlite3.connect(":memory:")
        source.deserialize(self.stored)
        with closing(self._connection()) as target:
            source.backup(target)
        source.close()
        self._version_stored = self._version()

    def same_as_stored(self) -> bool:
        """Tell whether nothing was changed."""
        if self._version() == self._version_stored:
            return True  # nobody committed anything
        return self.dump() == self._dumped

    def dump(self) -> list[str]:
        """Return all that is stored, as SQL."""
        copy = self._raw()
        statements = list(copy.iterdump())
        copy.close()
        return statements

    def headers(self, who: Who, path: str, method: str) -> dict[str, str]:
        """Return what a caller sends along, its page's token and Origin included."""
        sent = {"Accept": "text/html" if is_page(path) else "application/json"}
        if who in self.bearers:
            sent["Authorization"] = f"Bearer {self.bearers[who]}"
        signed_in = f"; {SESSION_COOKIE}={self.cookies[who]}" if who in self.cookies else ""
        sent["Cookie"] = f"{BROWSER_COOKIE}={BROWSER}{signed_in}"
        if method != "GET":
            sent |= {"Origin": BASE_URL, FORM_HEADER: form_token(self._cookie(who))}
        return sent

    def body(self, who: Who, path: str, method: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body as keyword arguments of the client: a form for pages, else JSON."""
        if method == "GET":
            return {}
        if not is_page(path):
            return {"json": dict(fields)}
        return {"data": {FORM_FIELD: form_token(self._cookie(who)), **fields}}

    def _cookie(self, who: Who) -> str:
        """Return a caller's cookie; whoever is not signed in has that of a browser all the same."""
        return self.cookies.get(who, BROWSER)

    def take_access(self, caller: Caller) -> None:
        """Remove the member, or revoke the key."""
        at = to_micros(self.clock.now())
        with transaction(self.engine) as session:
            if caller.person is None:
                session.get_one(ApiKey, caller.api_key_id).revoked_at_us = at
                return
            key = (caller.workspace_id, caller.person.user_id)
            session.delete(session.get_one(Membership, key))
            session.add(FormerMembership(workspace_id=key[0], user_id=key[1], removed_at_us=at))

    def _workspace(self, session: Session, slug: str) -> None:
        now, at, mark = self.clock.now(), to_micros(self.clock.now()), slug.partition("-")[0]
        company = "theirs" if slug == THEIRS else "ours"
        workspace = create_workspace(
            session,
            name=slug,
            owner_email=f"owner@{company}.example",
            plan=Plan.ENTERPRISE,
            time_zone="UTC",
            actor=OPERATOR,
            at=now,
        )
        assert workspace.slug == slug
        owner_of, names = workspace.id, names_of(slug)
        workspace.name = WORKSPACES[slug]
        workspace.deletion_requested_at_us = at if slug == ENDING else None
        session.flush()
        people = {Role.ADMIN: f"admin@{company}.example", Role.MEMBER: f"member@{company}.example"}
        for role, email in people.items():
            person = find_or_create_person(session, email, now)
            session.add(Membership(workspace_id=owner_of, user_id=person.id, role=role.value, joined_at_us=at))
        named = User(id=names["user_id"], email=f"{mark}-secret-person@{company}.example", created_at_us=at)
        removed = find_or_create_person(session, f"removed@{company}.example", now)
        session.add(named)
        session.flush()
        session.add_all(
            [
                Membership(workspace_id=owner_of, user_id=named.id, role=Role.MEMBER.value, joined_at_us=at),
                FormerMembership(workspace_id=owner_of, user_id=removed.id, removed_at_us=at),
                Device(
                    id=names["device_id"],
                    workspace_id=owner_of,
                    hostname=f"{mark}-secret-host",
                    platform="Linux",
                    daemon_version="0.6.4",
                    paired_at_us=at,
                ),
                ApiKey(
                    id=names["key_id"],
                    workspace_id=owner_of,
                    name=f"{mark}-secret-key",
                    key_sha256=secret_digest(new_secret(SecretKind.API)),
                    scope="read",
                    created_at_us=at,
                ),
                Invitation(
                    id=names["invitation_id"],
                    workspace_id=owner_of,
                    email=f"{mark}-secret-guest@{company}.example",
                    role=Role.MEMBER.value,
                    token_sha256=token_digest(names["token"]),
                    invited_by=f"owner@{company}.example",
                    created_at_us=at,
                    expires_at_us=at + 86_400_000_000,
                    last_sent_at_us=at - 86_400_000_000,
                ),
                Project(
                    id=identifier(slug, "project"),
                    workspace_id=owner_of,
                    slug=names["slug"],
                    client_name=f"{mark}-secret-client",
                    first_seen_at_us=at,
                ),
                CostCentre(
                    id=identifier(slug, "centre"),
                    workspace_id=owner_of,
                    slug=names["cost_centre"],
                    name=f"{mark.title()} Secret Centre",
                    created_at_us=at,
                ),
                OptimisationDecision(
                    id=names["decision_id"],
                    workspace_id=owner_of,
                    kind="suppress",
                    check_id="batch_api",
                    reason=f"{mark}-secret-decision",
                    decided_by=f"owner@{company}.example",
                    decided_at_us=at,
                ),
                Reattribution(
                    id=names["reattribution_id"],
                    workspace_id=owner_of,
                    position=1,
                    from_slug="(not shared)",
                    to_slug=names["slug"],
                    reason=f"{mark}-secret-reason",
                    decided_by=f"owner@{company}.example",
                    decided_at_us=at,
                ),
                WorkspaceExport(
                    id=names["export_id"],
                    workspace_id=owner_of,
                    requested_by=f"owner@{company}.example",
                    requested_at_us=at,
                    state="failed",
                    failure=f"{mark}-secret-failure",
                ),
                IssuedReport(
                    id=names["report_id"],
                    workspace_id=owner_of,
                    number=1,
                    kind="executive",
                    title=f"{mark}-secret-title",
                    parameters='{"asked": {}, "first_day": "2026-01-01", "last_day": "2026-01-31"}',
                    requested_by=f"owner@{company}.example",
                    requested_at_us=at,
                    state="failed",
                    failure=f"{mark}-secret-failure",
                ),
                DirectoryMember(
                    id=names["directory_id"],
                    workspace_id=owner_of,
                    user_id=named.id,
                    external_id=f"{mark}-secret-external",
                    active=True,
                    created_at_us=at,
                    changed_at_us=at,
                ),
                BrowserSession(
                    id=names["session_id"],
                    token_sha256=secret_digest(names["session_id"]),
                    user_id=named.id,
                    method="test",
                    user_agent=f"{mark}-secret-browser",
                    remote_address="t",
                    created_at_us=at,
                    last_seen_at_us=at,
                    expires_at_us=at + 86_400_000_000,
                ),
            ]
        )
        session.flush()
        add_bills(session, owner_of, names, at)
        self._credentials(session, slug, workspace)

    def _credentials(self, session: Session, slug: str, workspace: Workspace) -> None:
        at, scopes = to_micros(self.clock.now()), {"read": Who.READ_KEY, "scim": Who.SCIM_KEY}
        if slug == ENDING:  # its own callers are people; keys of one workspace open one workspace
            return
        for scope, who in scopes.items():
            key = new_secret(SecretKind.API)
            session.add(
                ApiKey(
                    id=identifier(slug, scope),
                    workspace_id=workspace.id,
                    name=scope,
                    key_sha256=secret_digest(key),
                    scope=scope,
                    created_at_us=at,
                    last_used_at_us=at,
                )
            )
            if slug == OURS:
                self.bearers[who] = key
            elif scope == "read":
                self.bearers[Who.FOREIGN_KEY] = key
        if slug == OURS:
            token = self.bearers[Who.SYNC_TOKEN] = new_secret(SecretKind.SYNC)
            session.add(
                SyncToken(
                    id=identifier(slug, "sync"),
                    token_sha256=secret_digest(token),
                    device_id=names_of(slug)["device_id"],
                    workspace_id=workspace.id,
                    created_at_us=at,
                    first_used_at_us=at,
                )
            )

    def _version(self) -> int:
        """Return a number that changes with every commit of anybody else."""
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def _connection(self) -> sqlite3.Connection:
        database = self.engine.url.database
        assert database is not None
        return sqlite3.connect(database, check_same_thread=False)

    def _raw(self) -> sqlite3.Connection:
        copy = sqlite3.connect(":memory:")
        with closing(self._connection()) as source:
            source.backup(copy)
        return copy


def is_page(path: str) -> bool:
    return not path.startswith(("/v1/", "/scim/", "/webhooks/", "/health", "/openapi.json"))


def generous(clock: FixedClock) -> RateLimits:
    """Return limits nobody meets: the matrix calls more often than anybody."""
    plenty = Rate(1_000_000, 1_000_000)
    limiters = {name: RateLimiter(per_address=plenty, overall=plenty, clock=clock) for name in RateLimits.__slots__}
    return RateLimits(**limiters)
