"""Settings, webhook and history over HTTP, and the thread that looks by itself."""

from __future__ import annotations

from typing import Any

import pytest

from api.alerts.keeper import AlertKeeper, Sources
from api.alerts.settings import MailTo, WhoIsTold, change_settings, recipients, who_is_told
from api.audit import OPERATOR
from api.budgets.budgets import set_budget
from api.db.models import Alert, AuditRecord, OutboxMessage, Role
from api.db.session import reading, transaction
from api.errors import Refused
from tests.api.alerts.conftest import Desk, reached
from tests.api.conftest import Browser, People
from tests.conftest import on_sqlite

pytestmark = on_sqlite
PATH = "/v1/acme-co/alerts"


@pytest.fixture
def admin(people: People, workspace_id: str) -> Browser:
    return people.member(workspace_id, "ada@acme.co", Role.ADMIN)


def test_settings_are_shown_changed_and_audited(admin: Browser, desk: Desk) -> None:
    before = admin.json("GET", f"{PATH}/settings").json()
    assert before == {"mail_to": "owners_and_admins", "addresses": [], "tells_anomalies": True, "webhook": None}
    wanted = {"mail_to": "addresses", "addresses": ["Finance@Acme.co", "finance@acme.co"], "tells_anomalies": False}
    answer = admin.json("PUT", f"{PATH}/settings", wanted)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {**before, **wanted, "addresses": ["finance@acme.co"]}
    assert admin.json("PUT", f"{PATH}/settings", wanted).json() == answer.json()
    recorded = [row.event for row in desk.rows(AuditRecord) if row.event.startswith("alert.")]
    assert recorded == ["alert.settings_changed"], "the same again is no change"


@pytest.mark.parametrize(
    "message",
    [
        {"mail_to": "addresses"},
        {"mail_to": "nobody", "addresses": ["a@b.co"]},
        {"mail_to": "addresses", "addresses": ["no address"]},
        {"mail_to": "addresses", "addresses": ["a@b.co, c@d.co"]},
        {"mail_to": "addresses", "addresses": [f"a{n}@b.co" for n in range(21)]},
        {"mail_to": "everybody"},
        {"mail_to": "nobody", "more": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(admin: Browser, message: dict[str, Any]) -> None:
    assert admin.json("PUT", f"{PATH}/settings", message).status_code == 422


def test_who_gets_mails(desk: Desk, people: People) -> None:
    people.member(desk.workspace_id, "ada@acme.co", Role.ADMIN)
    people.member(desk.workspace_id, "bob@acme.co", Role.MEMBER)
    expected = {
        MailTo.OWNERS_AND_ADMINS: ["ada@acme.co", "vk@acme.co"], MailTo.NOBODY: [], MailTo.ADDRESSES: ["cfo@acme.co"],
    }  # fmt: skip
    for number, (mail_to, addresses) in enumerate(expected.items()):
        with transaction(desk.engine) as session:
            given = ("cfo@acme.co",) if mail_to is MailTo.ADDRESSES else ()
            told = WhoIsTold(mail_to, given, tells_anomalies=False)
            change_settings(session, desk.workspace_id, told, actor=OPERATOR, at=desk.clock.now())
        with reading(desk.engine) as session:
            told = who_is_told(session, desk.workspace_id)
            assert recipients(session, desk.workspace_id, told) == addresses
        already = len(desk.rows(OutboxMessage))
        desk.tell(reached(10 + number), desk.anomaly(number))
        assert len(desk.rows(OutboxMessage)) - already == len(addresses)
    # Anomalies are written down though nobody is told of them.
    assert sorted(row.is_told for row in desk.rows(Alert) if row.kind == "anomaly") == [False] * 3


def test_the_webhooks_secret_is_shown_once(admin: Browser, desk: Desk) -> None:
    answer = admin.json("POST", f"{PATH}/webhook", {"url": "https://hooks.example/s/123"})
    assert answer.status_code == 201, answer.text
    secret = answer.json()["secret"]
    assert answer.json()["webhook"]["created_by"] == "ada@acme.co"
    shown = admin.json("GET", f"{PATH}/settings")
    assert shown.json()["webhook"]["url"] == "https://hooks.example/s/123"
    assert secret not in shown.text
    assert admin.json("POST", f"{PATH}/webhook", {"url": "https://hooks.example/"}).json()["secret"] != secret
    events = {row.event: row.details for row in desk.rows(AuditRecord) if row.event.startswith("alert.")}
    assert events["alert.webhook_set"] == '{"host":"hooks.example"}'
    desk.tell(reached(80))
    assert admin.json("DELETE", f"{PATH}/webhook").json() == {"webhook": None}
    assert admin.json("DELETE", f"{PATH}/webhook").status_code == 404
    (call,) = [one["webhook_call"] for one in admin.json("GET", PATH).json()["alerts"]]
    assert call == {"state": "failed", "attempts": 0, "last_failure": "the webhook was removed"}


@pytest.mark.parametrize("url", ["http://hooks.example/", "https://169.254.169.254/", "https://localhost:8080/"])
def test_a_webhook_never_leads_within(admin: Browser, url: str) -> None:
    answer = admin.json("POST", f"{PATH}/webhook", {"url": url})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "webhook_url")


def test_the_list_shows_what_was_told(admin: Browser, desk: Desk) -> None:
    desk.tell(reached(50), reached(80), desk.anomaly())
    shown = admin.json("GET", PATH).json()["alerts"]
    assert {(one["kind"], one["percent"], one["is_told"], one["mails"]) for one in shown} == {
        ("budget", 50, False, 0),
        ("budget", 80, True, 2),
        ("anomaly", None, True, 2),
    }
    (anomaly,) = [one for one in shown if one["kind"] == "anomaly"]
    assert (anomaly["spent_usd"], anomaly["expected_usd"]) == ("50.00000", "1.00000")
    assert anomaly["hour_starts_at"] == "2026-07-01T11:00:00Z"


def test_addresses_are_checked_by_the_service_too(desk: Desk) -> None:
    told = WhoIsTold(MailTo.ADDRESSES, ("x\ny@acme.co",))
    with transaction(desk.engine) as session, pytest.raises(Refused):
        change_settings(session, desk.workspace_id, told, actor=OPERATOR, at=desk.clock.now())


def test_without_marts_the_keeper_sees_nothing(desk: Desk, app: Any) -> None:
    with transaction(desk.engine) as session:
        set_budget(session, desk.workspace_id, 0, alert_percents=[1], actor=OPERATOR, at=desk.clock.now())
    sources = Sources(desk.engine, app.state.snapshots, app.state.analyses)
    keeper = AlertKeeper(sources, desk.telling, None, desk.clock)  # pyright: ignore[reportArgumentType]
    assert keeper.look() == 0
    assert desk.counts()[0] == 0
