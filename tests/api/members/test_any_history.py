"""Any history of invitations, roles, removals, seats and plans keeps the promises about Owners, seats and links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, select

from api.access.browser_sessions import SignedIn
from api.audit import OPERATOR, Actor, ActorType, verify_chain
from api.billing.changes import cancel, change_plan, resume
from api.billing.prices import Billing
from api.billing.subscriptions import terms_of
from api.db.models import Membership, OutboxMessage, Plan, Role
from api.db.session import reading, transaction
from api.errors import Refused
from api.members.acceptance import accept, look_behind
from api.members.acting import Acting
from api.members.invitations import invite, resend, revoke
from api.members.letters import Letters
from api.members.removal import remove_member
from api.members.roles import change_role, transfer_ownership
from api.members.roster import add_member
from api.outbox.queue import Seal
from api.people import find_or_create_person
from api.workspaces import create_workspace
from pipelines.lake.paths import Home

PEOPLE = [f"p{number}@acme.co" for number in range(5)]
RANK = {Role.OWNER: 2, Role.ADMIN: 1, Role.MEMBER: 0}
BILLING = Billing()
NUMBER = count()
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Shrinking would take minutes of database work; 30 steps can be read."""
EMAILS = st.sampled_from(PEOPLE)
ROLES = st.sampled_from(list(Role))
PICKS = st.integers(0, 9)  # which of several links; past the last one it begins with the first again


@dataclass
class Link:
    """A token that was mailed, and whether it may still work."""

    invitation_id: str
    email: str
    role: Role
    token: str
    expires_at: datetime
    alive: bool = True


class History(RuleBasedStateMachine):
    """Every example has a workspace of its own in the same database."""

    engine: ClassVar[Engine]
    letters: ClassVar[Letters]

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 7, 1, 12, tzinfo=UTC)
        with transaction(self.engine) as session:
            self.id = create_workspace(
                session,
                name=f"W{next(NUMBER)}",
                owner_email=PEOPLE[0],
                plan=Plan.TEAM,
                time_zone="UTC",
                actor=OPERATOR,
                at=self.now,
            ).id
            self.ids = {email: find_or_create_person(session, email, self.now).id for email in PEOPLE}
        self.roles, self.joined = {PEOPLE[0]: Role.OWNER}, {PEOPLE[0]: self.now}
        self.living: dict[str, Link] = {}
        self.all_links: list[Link] = []

    def by(self, email: str) -> Acting:
        return Acting(Actor(ActorType.USER, email), self.ids[email])

    def attempt(self, change: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Do it in a transaction of its own; return what it returns, or the code of its refusal."""
        try:
            with transaction(self.engine) as session:
                return change(session, self.id, *arguments, at=self.now, **named)
        except Refused as refused:
            return refused.code

    def stored(self) -> dict[str, Role]:
        query = select(Membership.user_id, Membership.role).where(Membership.workspace_id == self.id)
        names = {user_id: email for email, user_id in self.ids.items()}
        with reading(self.engine) as session:
            return {names[user_id]: Role(role) for user_id, role in session.execute(query)}

    def sent(self, invitation: Any, role: Role) -> Link:
        query = select(OutboxMessage).where(OutboxMessage.workspace_id == self.id)
        newest = query.order_by(OutboxMessage.created_at_us.desc()).limit(50)
        with reading(self.engine) as session:
            texts = [self.letters.seal.open(one.sealed_body).text for one in session.scalars(newest) if one.sealed_body]
        tokens = [text.partition("/invitations/")[2].split()[0] for text in texts if "/invitations/" in text]
        (token,) = set(tokens) - {link.token for link in self.all_links}
        link = Link(invitation.id, invitation.email, role, token, self.now + timedelta(days=7))
        self.all_links.append(link)
        self.living[link.email] = link
        self.see_the_links_of(link.email)
        return link

    def see_the_links_of(self, *emails: str) -> None:
        """Every link ever mailed to these addresses opens what it should, or nothing."""
        with reading(self.engine) as session:
            for link in [one for one in self.all_links if one.email in emails]:
                try:
                    offered = look_behind(session, link.token, self.now).role
                except Refused:
                    offered = None
                assert offered == (link.role if link.alive and self.now < link.expires_at else None)

    def a_link(self, pick: int) -> Link:
        return self.all_links[-1 - pick % len(self.all_links)]

    def an_open_link(self, pick: int) -> Link:
        return sorted(self.living.values(), key=lambda link: link.email)[pick % len(self.living)]

    def joins(self, email: str, role: Role) -> None:
        self.roles[email], self.joined[email] = role, self.now
        self.end_link(email)

    def an_owner(self) -> str:
        return next(email for email, role in self.roles.items() if role is Role.OWNER)

    def end_link(self, email: str) -> None:
        link = self.living.pop(email, None)
        if link is not None:
            link.alive = False
        self.see_the_links_of(email)

    @initialize(roles=st.lists(ROLES, max_size=3), offered=st.lists(ROLES, min_size=1, max_size=2))
    def some_belong_and_some_are_invited(self, roles: list[Role], offered: list[Role]) -> None:
        for whom, role in zip(PEOPLE[1:], roles, strict=False):
            self.adding(whom, role)
        for whom, role in zip(reversed(PEOPLE), offered, strict=False):
            self.inviting(None, whom, role)

    @rule(who=st.none() | EMAILS, whom=EMAILS, role=ROLES)
    def inviting(self, who: str | None, whom: str, role: Role) -> None:
        who = who or self.an_owner()
        done = self.attempt(invite, whom, role, by=self.by(who), letters=self.letters)
        if isinstance(done, str):
            return
        assert self.roles.get(who, Role.MEMBER) is not Role.MEMBER
        assert RANK[self.roles[who]] >= RANK[role]
        assert whom not in self.roles
        old = self.living.get(whom)
        assert old is None or self.now >= old.expires_at, "one open invitation per address"
        self.end_link(whom)
        self.sent(done, role)

    @precondition(lambda self: self.all_links)
    @rule(who=st.none() | EMAILS, pick=PICKS)
    def resending(self, who: str | None, pick: int) -> None:
        self.send_again(who or self.an_owner(), self.a_link(pick))

    @precondition(lambda self: self.living)
    @rule(pick=PICKS)
    def resending_what_is_open(self, pick: int) -> None:
        self.send_again(self.an_owner(), self.an_open_link(pick))

    def send_again(self, who: str, link: Link) -> None:
        self.now += timedelta(minutes=2)
        done = self.attempt(resend, link.invitation_id, by=self.by(who), letters=self.letters)
        if isinstance(done, str):
            return
        assert self.roles[who] is not Role.MEMBER
        assert self.living[link.email].invitation_id == link.invitation_id
        self.end_link(link.email)
        self.sent(done, link.role)

    @precondition(lambda self: self.all_links)
    @rule(who=EMAILS, pick=PICKS)
    def revoking(self, who: str, pick: int) -> None:
        link = self.a_link(pick)
        if not isinstance(self.attempt(revoke, link.invitation_id, by=self.by(who)), str):
            assert self.roles[who] is not Role.MEMBER
            self.end_link(link.email)

    @precondition(lambda self: self.all_links)
    @rule(who=EMAILS, pick=PICKS)
    def accepting(self, who: str, pick: int) -> None:
        self.take(self.a_link(pick), who)

    @precondition(lambda self: self.living)
    @rule(pick=PICKS)
    def accepting_what_is_open(self, pick: int) -> None:
        link = self.an_open_link(pick)
        for who in sorted(PEOPLE, key=link.email.__eq__):  # everybody else first
            self.take(link, who)

    def take(self, link: Link, who: str) -> None:
        person, refusal = SignedIn("", self.ids[who], who, None, ""), ""
        try:
            with transaction(self.engine) as session:
                accept(session, link.token, person, self.now)
        except Refused as refused:
            refusal = refused.code
        if refusal:
            usable = link.alive and self.now < link.expires_at and who == link.email
            assert not usable or refusal in {"seat_limit_reached", "workspace_read_only"}
            return
        assert link.alive, "a used, replaced or revoked link never works again"
        assert self.now < link.expires_at
        assert who == link.email
        self.joins(who, link.role)

    @rule(whom=st.none() | EMAILS, role=ROLES)
    def adding(self, whom: str | None, role: Role) -> None:
        whom = whom or min(self.living, default=PEOPLE[1])
        if not isinstance(self.attempt(add_member, whom, role, by=Acting(OPERATOR)), str):
            assert whom not in self.roles
            self.joins(whom, role)

    @rule(who=EMAILS, whom=EMAILS, role=ROLES)
    def changing_a_role(self, who: str, whom: str, role: Role) -> None:
        done = self.attempt(change_role, self.ids[whom], role, by=self.by(who), letters=None)
        if not isinstance(done, str):
            assert RANK[self.roles[who]] >= max(RANK[self.roles[whom]], RANK[role])
            assert self.roles[who] is not Role.MEMBER
            self.roles[whom] = role

    @rule(who=EMAILS, whom=EMAILS)
    def transferring(self, who: str, whom: str) -> None:
        done = self.attempt(transfer_ownership, self.ids[whom], by=self.by(who), letters=None)
        if not isinstance(done, str):
            assert self.roles[who] is Role.OWNER
            self.roles[whom], self.roles[who] = Role.OWNER, Role.ADMIN

    @rule(who=EMAILS, whom=EMAILS)
    def removing(self, who: str, whom: str) -> None:
        done = self.attempt(remove_member, self.ids[whom], by=self.by(who), letters=None)
        if done in {"membership_removed", "not_allowed", "member_not_found", "last_owner"}:
            if done == "last_owner":
                assert list(self.roles.values()).count(Role.OWNER) == 1
                assert Role.ADMIN not in self.roles.values()
            return
        assert who == whom or RANK[self.roles[who]] >= max(1, RANK[self.roles[whom]])
        del self.roles[whom]
        if done is not None:
            assert Role.OWNER not in self.roles.values()
            admins = [email for email, role in self.roles.items() if role is Role.ADMIN]
            assert done == min(admins, key=lambda email: (self.joined[email], email)), "who is there longest"
            self.roles[done] = Role.OWNER

    @rule(plan=st.sampled_from([Plan.TEAM, Plan.BUSINESS, *Plan]), seats=st.integers(0, 4))
    def changing_the_plan(self, plan: Plan, seats: int) -> None:
        contract = seats or None if plan is Plan.BUSINESS else None
        extra = seats if plan is Plan.TEAM else 0
        by = Acting(OPERATOR)
        self.attempt(change_plan, plan, by=by, billing=BILLING, extra_seats=extra, contract_seats=contract)

    @rule(change=st.sampled_from([cancel, resume]))
    def cancelling_or_going_on(self, change: Callable[..., Any]) -> None:
        self.attempt(change, by=Acting(OPERATOR), billing=BILLING)

    @rule(days=st.integers(1, 9))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.see_the_links_of(*self.living)

    @invariant()
    def the_promises_hold(self) -> None:
        stored = self.stored()
        assert stored == self.roles
        assert Role.OWNER in stored.values()
        with reading(self.engine) as session:
            limit = terms_of(session, self.id, BILLING.prices, self.now).seat_limit
            assert limit is None or len(stored) <= limit

    def teardown(self) -> None:
        with reading(self.engine) as session:
            assert verify_chain(session, self.id).differences == []


def test_any_history_keeps_an_owner_the_seats_and_dead_links_dead(engine: Engine, home: Home) -> None:
    class Here(History):
        pass

    Here.engine, Here.letters = engine, Letters(Seal(home), "https://testserver")
    run_state_machine_as_test(Here, settings=settings(max_examples=15, stateful_step_count=30, phases=PHASES))
