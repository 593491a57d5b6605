"""Sending through Resend's HTTP API, against an imitation of it."""

from __future__ import annotations

import pytest

from api.outbox.queue import Mail, MailKind
from tests.api.outbox.conftest import MAIL, Office
from tests.api.outbox.mail_servers import Answer, FakeResend
from tests.conftest import on_sqlite

pytestmark = on_sqlite


def test_a_message_is_handed_over_as_documented(office: Office, resend: FakeResend) -> None:
    message_id = office.queue()
    office.send(resend.url)
    ((headers, message),) = resend.calls
    assert headers["authorization"] == "Bearer re_test_key"
    assert headers["idempotency-key"] == message_id
    assert headers["content-type"] == "application/json"
    assert message == {
        "from": "Halton Meter <meter@halton.example>",
        "to": ["ada@example.org"],
        "subject": "Sign in",
        "text": MAIL.text,
        "html": MAIL.html,
    }
    assert office.state(message_id) == "sent"


def test_too_many_requests_wait_as_long_as_asked(office: Office, resend: FakeResend) -> None:
    resend.answers = [Answer(429, {"name": "rate_limit_exceeded"}, {"Retry-After": "3"})]
    message_id = office.queue()
    office.send(resend.url)
    assert office.state(message_id) == "queued"
    office.wait(seconds=2)
    assert office.send(resend.url) == 0
    office.wait(seconds=1)
    assert office.send(resend.url) == 1
    assert office.state(message_id) == "sent"


@pytest.mark.parametrize(
    "lost", [Answer(500, after_taking=True), Answer(200, after_taking=True, hang_up=True), Answer(502)]
)
def test_a_lost_answer_is_asked_for_again_and_nobody_gets_two(lost: Answer, office: Office, resend: FakeResend) -> None:
    resend.answers = [lost]
    message_id = office.queue()
    office.send(resend.url)
    assert office.state(message_id) == "sending"
    office.wait(seconds=30)
    office.send(resend.url)
    assert office.state(message_id) == "sent"
    assert len(resend.calls) == 2
    assert resend.calls[0] == resend.calls[1], "the same key with the same message"
    assert list(resend.taken) == [message_id]


def test_a_wrong_key_is_not_the_messages_fault(office: Office, resend: FakeResend) -> None:
    message_id = office.queue()
    office.send(resend.url.replace("re_test_key", "re_other"))
    waiting = office.message(message_id)
    assert (waiting.state, waiting.last_failure) == ("queued", "Resend says 403 invalid_api_key API key is invalid")
    office.wait(seconds=30)
    office.send(resend.url)
    assert office.state(message_id) == "sent"


def test_what_resend_refuses_is_final(office: Office, resend: FakeResend) -> None:
    resend.answers = [Answer(422, {"name": "validation_error", "message": "Invalid `to` field."})]
    message_id = office.queue()
    office.send(resend.url)
    failed = office.message(message_id)
    assert (failed.state, failed.last_failure) == ("failed", "Resend says 422 validation_error Invalid `to` field.")


def test_a_key_used_with_another_text_ends_in_doubt(office: Office, resend: FakeResend) -> None:
    message_id = office.queue()
    resend.taken[message_id] = {"another": "message"}
    sender = office.sender(office.transport(resend.url))
    for _ in range(12):
        sender.send_due()
        office.wait(hours=1)
    assert office.state(message_id) == "uncertain"


def test_an_answer_that_is_no_json_is_understood_by_its_status(office: Office, resend: FakeResend) -> None:
    resend.answers = [Answer(302, headers={"Location": "http://127.0.0.1:1/"})]
    message_id = office.queue()
    office.send(resend.url)
    assert office.state(message_id) == "queued"
    assert len(resend.calls) == 1, "redirects are not followed: they would carry the key elsewhere"


@pytest.mark.parametrize("recipient", ["a@b.example\r\nX: y", "a@b.example, c@d.example", "nobody"])
def test_hostile_recipients_never_reach_the_api(recipient: str, office: Office, resend: FakeResend) -> None:
    message_id = office.queue(Mail(MailKind.INVITATION, recipient, "Hi", "text"))
    office.send(resend.url)
    assert resend.calls == []
    assert office.state(message_id) == "failed"
