"""Many at once: the last Owner, the last seat, one link for many, two Owners against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from api.access.browser_sessions import SignedIn
from api.audit import Actor, ActorType, verify_chain
from api.db.models import Role
from api.db.session import reading, transaction
from api.errors import Refused
from api.members.acceptance import accept
from api.members.acting import Acting
from api.members.invitations import invite
from api.members.letters import Letters
from api.members.removal import remove_member
from api.members.roles import change_role, transfer_ownership
from pipelines.lake.clock import FixedClock
from tests.api.conftest import Browser
from tests.api.members.conftest import Club

THREADS = 32


def acting(browser: Browser) -> Acting:
    return Acting(Actor(ActorType.USER, browser.email), browser.user_id)


def signed_in(browser: Browser) -> SignedIn:
    return SignedIn("", browser.user_id, browser.email, None, "")


def at_once(calls: Sequence[Callable[[], object]]) -> Counter[str]:
    """Start all calls at the same moment and count how they ended: `done`, or the code of the refusal."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], object]) -> str:
        barrier.wait()
        try:
            call()
        except Refused as refused:
            return refused.code
        return "done"

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


def intact(club: Club) -> None:
    """The audit chain is whole and the workspace has an Owner and no more members than seats."""
    with reading(club.engine) as session:
        assert verify_chain(session, club.id).differences == []
    roles = club.roles()
    assert "owner" in roles.values()
    assert len(roles) <= 10


def test_two_owners_who_remove_each_other_leave_one(club: Club, clock: FixedClock) -> None:
    other = club.join("other", Role.OWNER)

    def remove(by: Browser, target: Browser) -> Callable[[], object]:
        def call() -> None:
            with transaction(club.engine) as session:
                remove_member(session, club.id, target.user_id, by=acting(by), letters=None, at=clock.now())

        return call

    pairs = [(club.owner, other), (other, club.owner)] * (THREADS // 2)
    ended = at_once([remove(*pair) for pair in pairs])
    assert ended["done"] == 1
    assert set(ended) <= {"done", "membership_removed", "member_not_found"}
    assert list(club.roles().values()) == ["owner"]
    intact(club)


def test_owners_who_all_leave_or_step_down_at_once_leave_one(club: Club, clock: FixedClock) -> None:
    owners = [club.owner, *(club.join(f"o{number}", Role.OWNER) for number in range(9))]

    def go(number: int) -> Callable[[], object]:
        owner = owners[number % len(owners)]

        def call() -> None:
            with transaction(club.engine) as session:
                if number % 2:
                    by, at = acting(owner), clock.now()
                    change_role(session, club.id, owner.user_id, Role.MEMBER, by=by, letters=None, at=at)
                else:
                    remove_member(session, club.id, owner.user_id, by=acting(owner), letters=None, at=clock.now())

        return call

    at_once([go(number) for number in range(THREADS)])
    assert list(club.roles().values()).count("owner") == 1
    intact(club)


def test_ownership_given_to_many_at_once_goes_to_one(club: Club, clock: FixedClock) -> None:
    heirs = [club.join(f"h{number}") for number in range(8)]

    def give(heir: Browser) -> Callable[[], object]:
        def call() -> None:
            with transaction(club.engine) as session:
                by = acting(club.owner)
                transfer_ownership(session, club.id, heir.user_id, by=by, letters=None, at=clock.now())

        return call

    assert at_once([give(heirs[number % 8]) for number in range(THREADS)]) == {"done": 1, "not_allowed": THREADS - 1}
    assert Counter(club.roles().values()) == {"owner": 1, "admin": 1, "member": 7}


def test_the_last_seat_goes_to_one_of_many(club: Club, clock: FixedClock) -> None:
    for number in range(8):
        club.join(f"m{number}")
    people = [club.people.sign_in(f"new{number}@acme.co") for number in range(THREADS)]
    letters = Letters(club.app.state.mail_seal, "https://testserver")
    with transaction(club.engine) as session:
        for person in people:
            invite(session, club.id, person.email, Role.MEMBER, by=acting(club.owner), letters=letters, at=clock.now())
    tokens = {recipient: text.partition("/invitations/")[2].split()[0] for recipient, text in club.mailed()}

    def join(person: Browser) -> Callable[[], object]:
        def call() -> None:
            with transaction(club.engine) as session:
                accept(session, tokens[person.email], signed_in(person), clock.now())

        return call

    assert at_once([join(person) for person in people]) == {"done": 1, "seat_limit_reached": THREADS - 1}
    assert len(club.roles()) == 10
    intact(club)


def test_one_link_pressed_many_times_makes_one_membership(club: Club, clock: FixedClock) -> None:
    club.owner.json("POST", "/v1/acme-co/invitations", {"email": "new@acme.co"})
    person = club.people.sign_in("new@acme.co")
    (token,) = club.tokens("new@acme.co")

    def press() -> None:
        with transaction(club.engine) as session:
            accept(session, token, signed_in(person), clock.now())

    assert at_once([press] * THREADS) == {"done": 1, "invitation_dead": THREADS - 1}
    assert [event for _, event in club.events()] == ["invitation.sent", "invitation.accepted"]


def test_one_address_invited_many_times_at_once_has_one_invitation(club: Club, clock: FixedClock) -> None:
    letters = Letters(club.app.state.mail_seal, "https://testserver")

    def ask() -> None:
        with transaction(club.engine) as session:
            by, at = acting(club.owner), clock.now()
            invite(session, club.id, "new@acme.co", Role.MEMBER, by=by, letters=letters, at=at)

    assert at_once([ask] * THREADS) == {"done": 1, "already_invited": THREADS - 1}
    assert len(club.mailed()) == 1
