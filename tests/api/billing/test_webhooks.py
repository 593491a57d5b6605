"""Billing webhooks: forged, replayed, late and unknown events change nothing; genuine ones take effect once."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from api.billing.prices import Billing
from api.billing.signatures import genuine_event_id, sign
from api.billing.webhook_routes import BODY_BYTES_MAX
from api.db.models import Plan, WebhookEvent
from api.db.session import reading
from api.errors import Refused
from pipelines.lake.clock import FixedClock
from tests.api.members.conftest import Club
from tests.conftest import on_sqlite

PATH = "/webhooks/billing/clerk"
OLD, NEW = b"o" * 24, b"n" * 24


@pytest.fixture
def billed(club: Club) -> Club:
    """The club, billed by `clerk`, which is replacing its secret."""
    club.app.state.billing = Billing(provider="clerk", secrets=(OLD, NEW))
    return club


def event(club: Club, clock: FixedClock, kind: str = "subscription.updated", **data: Any) -> bytes:
    stamp = int(clock.now().timestamp() * 1000)
    return json.dumps({"type": kind, "timestamp": stamp, "data": {"workspace_id": club.id, **data}}).encode()


def send(
    club: Club,
    clock: FixedClock,
    body: bytes,
    event_id: str = "msg_1",
    secret: bytes = NEW,
    path: str = PATH,
    headers: Mapping[str, str | bytes] | None = None,
) -> Any:
    stamp = int(clock.now().timestamp())
    given: dict[str, Any] = {"svix-id": event_id, "svix-timestamp": str(stamp)}
    given["svix-signature"] = sign(secret, event_id, stamp, body)
    given.update(headers or {})
    return club.people.nobody().client.post(path, content=body, headers=given)


def outcome(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    return answer.json()["outcome"]


def plan_of(club: Club) -> dict[str, Any]:
    return club.owner.json("GET", "/v1/acme-co/plan").json()


def recorded(club: Club) -> int:
    with reading(club.engine) as session:
        return session.execute(select(func.count()).select_from(WebhookEvent)).scalar_one()


def test_the_schemes_published_example_is_genuine() -> None:
    headers = {
        "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "svix-timestamp": "1614265330",
        "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    now = datetime.fromtimestamp(1614265330, UTC)
    body = b'{"test": 2432232314}'
    assert genuine_event_id(headers, body, [secret], now) == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    for wrong, at in ((body + b" ", now), (body, now + timedelta(minutes=6)), (body, now - timedelta(minutes=6))):
        with pytest.raises(Refused):
            genuine_event_id(headers, wrong, [secret], at)


def test_an_event_takes_effect_in_the_transaction_that_records_it_and_only_once(
    billed: Club, clock: FixedClock
) -> None:
    ends = int((clock.now() + timedelta(days=30)).timestamp() * 1000)
    starts = int(clock.now().timestamp() * 1000)
    body = event(billed, clock, extra_seats=4, customer_id="cus_1", period_start=starts, period_end=ends)
    assert outcome(send(billed, clock, body, secret=OLD)) == "applied"
    shown = plan_of(billed)
    assert (shown["seat_limit"], shown["period_ends_at"]) == (14, "2026-07-31T12:00:00Z")
    for _ in range(3):
        assert outcome(send(billed, clock, body)) == "duplicate"
    other = event(billed, clock, extra_seats=9)
    assert outcome(send(billed, clock, other)) == "duplicate", "an id is taken once, whatever comes with it"
    assert plan_of(billed)["seat_limit"] == 14
    assert recorded(billed) == 1
    assert [one for one in billed.events() if one[0] == "server"] == [
        ("server", "seats.changed"),
        ("server", "subscription.updated"),
    ]


def test_one_event_sent_many_times_at_once_is_taken_once(billed: Club, clock: FixedClock) -> None:
    body = event(billed, clock, extra_seats=1)
    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(lambda _: outcome(send(billed, clock, body)), range(16)))
    assert sorted(ended) == ["applied", *["duplicate"] * 15]
    assert len(billed.events()) == 2


@on_sqlite
def test_a_signature_counts_as_a_whole_and_not_by_its_beginning(billed: Club, clock: FixedClock) -> None:
    body, stamp = event(billed, clock, plan="enterprise"), int(clock.now().timestamp())
    whole = sign(NEW, "msg_1", stamp, body)
    last = "A" if whole[-2] != "A" else "E"
    for part in ("v1,", whole[:11], whole[:-1], f"{whole[:-2]}{last}=", f"{whole}=", whole.removeprefix("v1,")):
        answer = send(billed, clock, body, headers={"svix-signature": part})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "signature_invalid"), part
    assert recorded(billed) == 0
    assert outcome(send(billed, clock, body, headers={"svix-signature": f"v1,AAAA {whole}"})) == "applied"


@on_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {"svix-signature": ""},
        {"svix-signature": "v1,AAAA"},
        {"svix-signature": "v2," + "A" * 44},
        {"svix-signature": "v1,\u00e9"},
        {"svix-id": "msg_2"},
        {"svix-id": ""},
        {"svix-id": "x" * 300},
        {"svix-timestamp": "1"},
        {"svix-timestamp": "soon"},
        {"svix-timestamp": "9" * 40},
        {"svix-timestamp": "-1"},
    ],
)
def test_what_is_not_signed_rightly_is_refused(headers: dict[str, str], billed: Club, clock: FixedClock) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = send(billed, clock, event(billed, clock, plan="enterprise"), headers=encoded)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "signature_invalid")
    assert recorded(billed) == 0
    assert plan_of(billed)["plan"] == "team"


@on_sqlite
def test_a_changed_body_another_secret_and_an_old_call_are_refused(billed: Club, clock: FixedClock) -> None:
    body = event(billed, clock, plan="enterprise")
    stamp = int(clock.now().timestamp())
    signed = {"svix-signature": sign(NEW, "msg_1", stamp, body)}
    assert send(billed, clock, body.replace(b"enterprise", b"business"), headers=signed).status_code == 401
    assert send(billed, clock, body, secret=b"x" * 24).status_code == 401
    clock.advance(timedelta(minutes=5, seconds=1))
    late = {"svix-timestamp": str(stamp), **signed}
    assert send(billed, clock, body, headers=late).status_code == 401
    assert recorded(billed) == 0


@on_sqlite
def test_several_signatures_are_listed_while_a_secret_is_replaced(billed: Club, clock: FixedClock) -> None:
    body, stamp = event(billed, clock, extra_seats=1), int(clock.now().timestamp())
    both = f"v1,AAAA v9,x {sign(NEW, 'msg_1', stamp, body)}"
    assert outcome(send(billed, clock, body, headers={"svix-signature": both})) == "applied"
    billed.app.state.billing = dataclasses.replace(billed.app.state.billing, secrets=(b"z" * 24,))
    assert send(billed, clock, event(billed, clock), "msg_2", secret=OLD).status_code == 401


def test_an_event_that_happened_before_the_newest_one_changes_nothing(billed: Club, clock: FixedClock) -> None:
    early = event(billed, clock, extra_seats=1)
    clock.advance(timedelta(minutes=1))
    late = event(billed, clock, extra_seats=7)
    assert outcome(send(billed, clock, late, "msg_late")) == "applied"
    assert outcome(send(billed, clock, early, "msg_early")) == "out_of_order"
    assert plan_of(billed)["extra_seats"] == 7
    assert recorded(billed) == 2


@on_sqlite
def test_unknown_kinds_and_workspaces_are_recorded_and_ignored(billed: Club, clock: FixedClock) -> None:
    assert outcome(send(billed, clock, event(billed, clock, "paymentAttempt.updated"), "a")) == "ignored"
    stranger = event(billed, clock, workspace_id="0e7d4d1c-52a6-4d0a-9f0f-7d3c2b1a0f9e", plan="solo")
    assert outcome(send(billed, clock, stranger, "b")) == "unknown_workspace"
    assert recorded(billed) == 2
    assert billed.events() == []


def test_the_provider_never_takes_a_seat_from_under_a_member(billed: Club, clock: FixedClock) -> None:
    billed.join("second")
    assert outcome(send(billed, clock, event(billed, clock, plan="solo"))) == "refused"
    assert plan_of(billed)["plan"] == "team"
    assert billed.events() == [("server", "billing_event.refused")]
    billed.owner.json("DELETE", f"/v1/acme-co/members/{billed.people.sign_in('second@acme.co').user_id}")
    assert outcome(send(billed, clock, event(billed, clock, plan="solo"), "msg_2")) == "applied"
    assert plan_of(billed)["plan"] == "solo"


@on_sqlite
def test_cancelling_at_the_provider_ends_with_its_period_and_can_be_taken_back(billed: Club, clock: FixedClock) -> None:
    now_ms = int(clock.now().timestamp() * 1000)
    ends = now_ms + 86_400_000
    cancelled = event(billed, clock, canceled_at=now_ms, ends_at=ends, payer={"organization_id": "org_1"})
    assert outcome(send(billed, clock, cancelled)) == "applied"
    assert plan_of(billed)["ends_at"] == "2026-07-02T12:00:00Z"
    late = event(billed, clock, "subscription.pastDue", customer_id="org_1")
    assert outcome(send(billed, clock, late, "msg_late")) == "applied"
    assert plan_of(billed)["ends_at"] == "2026-07-02T12:00:00Z", "that says nothing about the cancellation"
    clock.advance(timedelta(days=2))
    refused = billed.owner.json("POST", "/v1/acme-co/invitations", {"email": "new@acme.co"})
    assert refused.json()["error"]["code"] == "workspace_read_only"
    again = event(billed, clock, workspace_id=None, payer={"organization_id": "org_1"}, plan={"slug": "team"})
    assert outcome(send(billed, clock, again, "msg_2")) == "applied", "the customer is known by now"
    assert plan_of(billed)["ends_at"] is None


@on_sqlite
def test_a_payment_method_is_shown_as_the_provider_writes_it(billed: Club, clock: FixedClock) -> None:
    body = event(billed, clock, "payment_method.updated", payment_method="visa \u202e4242")
    assert outcome(send(billed, clock, body)) == "applied"
    assert plan_of(billed)["payment_method"] == "visa  4242"


@on_sqlite
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 422),
        (b'{"type": "subscription.updated"}', 422),
        (b'{"type": 1, "timestamp": 1782907200000}', 422),
        (b'{"type": "subscription.updated", "timestamp": "x", "data": {}}', 422),
        (b"[" * 100_000, 400),
    ],
    ids=range(7),
)
def test_signed_nonsense_is_refused(body: bytes, status: int, billed: Club, clock: FixedClock) -> None:
    assert send(billed, clock, body).status_code == status


@on_sqlite
@pytest.mark.parametrize("wrong", [{"plan": "gold"}, {"plan": [1]}, {"extra_seats": -1}, {"extra_seats": True}])
def test_an_event_that_makes_no_sense_leaves_nothing_behind(
    wrong: dict[str, Any], billed: Club, clock: FixedClock
) -> None:
    assert send(billed, clock, event(billed, clock, **wrong)).status_code == 422
    assert recorded(billed) == 0


@on_sqlite
def test_only_the_configured_provider_is_there_and_bodies_have_an_end(billed: Club, clock: FixedClock) -> None:
    assert send(billed, clock, b" " * (BODY_BYTES_MAX + 1)).status_code == 413
    for billing in (Billing(), Billing(provider="other", secrets=(NEW,)), Billing(provider="clerk")):
        billed.app.state.billing = billing
        assert send(billed, clock, event(billed, clock)).status_code == 404
    billed.app.state.billing = Billing(secrets=(NEW,))
    assert send(billed, clock, event(billed, clock), path="/webhooks/billing/manual").status_code == 404
    assert Plan(plan_of(billed)["plan"]) is Plan.TEAM
