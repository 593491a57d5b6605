"""The life of a queued message, on both databases: sent once, tried again, given up, in doubt."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta

import pytest

from api.audit import OPERATOR
from api.db.session import reading, transaction
from api.errors import Refused
from api.outbox.delivery import ATTEMPTS_MAX, CLAIM_LASTS, Claim, claim, due_messages, forget_ended, settle_sent
from api.outbox.overview import count_by_state, resend_message
from api.outbox.queue import Body, Mail, MailKind, Seal
from api.outbox.transports.port import Never, NotYet, Outgoing, Unsure
from pipelines.lake.paths import Home
from tests.api.outbox.conftest import MAIL, Office, RecordingTransport
from tests.conftest import on_sqlite


def test_a_message_is_sent_once_and_its_body_is_erased(office: Office, recording: RecordingTransport) -> None:
    message_id = office.queue()
    assert office.sender(recording).send_due() == 1
    assert office.sender(recording).send_due() == 0
    assert [(one.id, one.recipient, one.text, one.html) for one in recording.taken] == [
        (message_id, MAIL.recipient, MAIL.text, MAIL.html)
    ]
    sent = office.message(message_id)
    assert (sent.state, sent.attempts, sent.sealed_body, sent.last_failure) == ("sent", 1, None, None)
    assert sent.ended_at_us is not None


def test_two_senders_at_once_send_each_message_once(office: Office) -> None:
    taken: list[str] = []
    together = threading.Barrier(4)

    class Meeting(RecordingTransport):
        def send(self, outgoing: Outgoing) -> None:
            taken.append(outgoing.id)

    def work() -> None:
        together.wait()
        office.sender(Meeting()).send_due()

    wanted = {office.queue() for _ in range(12)}
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(taken) == dict.fromkeys(wanted, 1)
    with reading(office.engine) as session:
        assert count_by_state(session) == {"sent": 12}


def test_of_two_who_saw_the_same_message_one_gets_it(office: Office) -> None:
    office.queue()
    (seen,) = due_messages(office.engine, office.clock.now())
    at = office.clock.now()
    claims = [claim(office.engine, office.seal, seen, repeat_within=timedelta(0), at=at) for _ in range(2)]
    assert claims[0] is not None
    assert claims[1] is None


def test_a_look_from_before_an_attempt_claims_nothing(office: Office, recording: RecordingTransport) -> None:
    message_id = office.queue()
    (seen,) = due_messages(office.engine, office.clock.now())
    recording.failures = [NotYet("busy")]
    office.sender(recording).send_due()
    assert office.state(message_id) == "queued"
    assert claim(office.engine, office.seal, seen, repeat_within=timedelta(0), at=office.clock.now()) is None


def test_a_message_not_taken_is_tried_again_later_and_later(office: Office, recording: RecordingTransport) -> None:
    message_id = office.queue()
    sender = office.sender(recording)
    for seconds in (30, 60, 120, 240):
        recording.failures = [NotYet("greylisted")]
        assert sender.send_due() == 1
        assert (office.state(message_id), office.message(message_id).last_failure) == ("queued", "greylisted")
        office.wait(seconds=seconds - 1)
        assert sender.send_due() == 0
        office.wait(seconds=1)
    assert sender.send_due() == 1
    assert office.state(message_id) == "sent"
    assert office.message(message_id).attempts == 5


def test_it_is_given_up_after_twelve_attempts_and_says_so(office: Office, recording: RecordingTransport) -> None:
    message_id = office.queue()
    recording.failures = [NotYet("greylisted") for _ in range(50)]
    for _ in range(50):
        office.sender(recording).send_due()
        office.wait(hours=1)
    given_up = office.message(message_id)
    assert (given_up.state, given_up.attempts) == ("failed", ATTEMPTS_MAX)
    assert given_up.last_failure == "given up after 12 attempts: greylisted"
    assert given_up.sealed_body is None
    assert len(recording.failures) == 50 - ATTEMPTS_MAX


def test_the_other_side_may_say_when_to_come_back(office: Office, recording: RecordingTransport) -> None:
    first, second = office.queue(), office.queue()
    recording.failures = [NotYet("busy", retry_after=timedelta(seconds=7))]
    sender = office.sender(recording)
    assert sender.send_due() == 1, "the others wait as well"
    assert Counter([office.state(first), office.state(second)]) == {"queued": 2}
    office.wait(seconds=7)
    assert sender.send_due() == 2
    assert office.state(first) == office.state(second) == "sent"


def test_what_is_refused_for_good_is_not_tried_again(office: Office, recording: RecordingTransport) -> None:
    message_id = office.queue()
    recording.failures = [Never("no such mailbox")]
    office.sender(recording).send_due()
    office.wait(days=1)
    assert office.sender(recording).send_due() == 0
    failed = office.message(message_id)
    assert (failed.state, failed.last_failure, failed.sealed_body) == ("failed", "no such mailbox", None)


def test_an_expired_message_is_not_sent(office: Office, recording: RecordingTransport) -> None:
    message_id = office.queue(expires_at=office.clock.now() + timedelta(minutes=10))
    recording.failures = [NotYet("busy")]
    office.sender(recording).send_due()
    office.wait(minutes=10)
    assert office.sender(recording).send_due() == 0
    assert recording.taken == []
    expired = office.message(message_id)
    assert (expired.state, expired.sealed_body) == ("failed", None)
    assert expired.last_failure == "it expired before it could be sent"


def test_without_an_answer_a_server_that_keeps_no_account_is_not_asked_again(
    office: Office, recording: RecordingTransport
) -> None:
    message_id = office.queue()
    recording.failures = [Unsure("connection lost")]
    office.sender(recording).send_due()
    office.wait(days=1)
    assert office.sender(recording).send_due() == 0
    doubtful = office.message(message_id)
    assert (doubtful.state, doubtful.last_failure) == ("uncertain", "it may have been sent: connection lost")
    assert doubtful.sealed_body is not None, "a person may send it again"


def test_without_an_answer_one_that_keeps_account_is_asked_again(office: Office, recording: RecordingTransport) -> None:
    recording.repeat_within = timedelta(hours=23)
    message_id = office.queue()
    recording.failures = [Unsure("no answer"), Unsure("no answer")]
    office.sender(recording).send_due()
    assert office.state(message_id) == "sending", "it is not new any more"
    office.wait(seconds=30)
    office.sender(recording).send_due()
    office.wait(seconds=60)
    assert office.sender(recording).send_due() == 1
    assert office.state(message_id) == "sent"


def test_what_may_have_been_taken_is_not_repeated_once_the_account_is_forgotten(
    office: Office, recording: RecordingTransport
) -> None:
    recording.repeat_within = timedelta(hours=23)
    message_id = office.queue()
    recording.failures = [Unsure("no answer")]
    office.sender(recording).send_due()
    office.wait(hours=23)
    assert office.sender(recording).send_due() == 0
    assert office.state(message_id) == "uncertain"
    assert recording.taken == []


@pytest.mark.parametrize(("repeat_within", "ends", "taken"), [(0, "uncertain", 0), (23, "sent", 1)])
def test_a_claim_of_a_server_that_is_gone_lapses(
    office: Office, recording: RecordingTransport, repeat_within: int, ends: str, taken: int
) -> None:
    recording.repeat_within = timedelta(hours=repeat_within)
    message_id = office.queue()
    (seen,) = due_messages(office.engine, office.clock.now())
    claim(office.engine, office.seal, seen, repeat_within=recording.repeat_within, at=office.clock.now())
    office.wait(minutes=9, seconds=59)
    assert office.sender(recording).send_due() == 0
    assert office.state(message_id) == "sending"
    office.wait(seconds=1)
    office.sender(recording).send_due()
    assert office.state(message_id) == ends
    assert len(recording.taken) == taken


def test_word_that_comes_late_is_believed(office: Office, recording: RecordingTransport) -> None:
    message_id = office.queue()
    at = office.clock.now()
    (seen,) = due_messages(office.engine, at)
    slow = claim(office.engine, office.seal, seen, repeat_within=timedelta(0), at=at)
    assert slow is not None
    office.wait(minutes=11)
    office.sender(recording).send_due()
    assert office.state(message_id) == "uncertain"
    settle_sent(office.engine, slow, at=at, now=office.clock.now())
    assert office.state(message_id) == "sent"


def test_word_of_a_lapsed_claim_says_nothing_of_the_one_after(office: Office) -> None:
    message_id = office.queue()
    asked_again = timedelta(hours=1)
    at: list[datetime] = []
    claims: list[Claim | None] = []
    for _ in range(2):
        (seen,) = due_messages(office.engine, office.clock.now())
        at.append(office.clock.now())
        claims.append(claim(office.engine, office.seal, seen, repeat_within=asked_again, at=at[-1]))
        office.clock.advance(CLAIM_LASTS)
    assert claims[0] is not None
    assert claims[1] is not None
    settle_sent(office.engine, claims[0], at=at[0], now=office.clock.now())
    assert office.state(message_id) == "sending"
    settle_sent(office.engine, claims[1], at=at[1], now=office.clock.now())
    assert office.state(message_id) == "sent"


def test_a_person_sends_a_doubtful_message_again(office: Office, recording: RecordingTransport) -> None:
    message_id = office.queue()
    recording.failures = [Unsure("connection lost")]
    office.sender(recording).send_due()
    with transaction(office.engine) as session:
        resend_message(session, message_id, actor=OPERATOR, at=office.clock.now())
    assert office.sender(recording).send_due() == 1
    assert [one.id for one in recording.taken] == [message_id], "the same id, and so the same Message-ID"
    with pytest.raises(Refused, match="sent or given up"), transaction(office.engine) as session:
        resend_message(session, message_id, actor=OPERATOR, at=office.clock.now())
    with pytest.raises(Refused, match="No such message"), transaction(office.engine) as session:
        resend_message(session, "00000000-0000-4000-8000-000000000000", actor=OPERATOR, at=office.clock.now())


def test_a_message_on_its_way_is_not_sent_a_second_time(office: Office) -> None:
    message_id = office.queue()
    (seen,) = due_messages(office.engine, office.clock.now())
    claim(office.engine, office.seal, seen, repeat_within=timedelta(0), at=office.clock.now())
    with pytest.raises(Refused, match="on its way"), transaction(office.engine) as session:
        resend_message(session, message_id, actor=OPERATOR, at=office.clock.now())


def test_bodies_in_doubt_are_erased_in_time_and_ended_messages_forgotten(
    office: Office, recording: RecordingTransport
) -> None:
    doubtful = office.queue()
    expiring = office.queue(expires_at=office.clock.now() + timedelta(hours=1))
    recording.failures = [Unsure("lost"), Unsure("lost")]
    office.sender(recording).send_due()
    waiting = office.queue()
    office.wait(hours=2)
    forget_ended(office.engine, office.clock.now())
    assert office.message(expiring).sealed_body is None
    assert office.message(doubtful).sealed_body is not None
    office.wait(days=7)
    forget_ended(office.engine, office.clock.now())
    assert office.message(doubtful).sealed_body is None
    office.wait(days=24)
    forget_ended(office.engine, office.clock.now())
    with reading(office.engine) as session:
        assert count_by_state(session) == {"queued": 1}
    assert office.message(waiting).sealed_body is not None


@on_sqlite
def test_a_body_sealed_with_a_lost_key_fails_and_stops_nobody(
    office: Office, recording: RecordingTransport, home: Home
) -> None:
    lost = office.queue()
    (home.secrets / "outbox.key").unlink()
    office.seal = Seal(home)
    fine = office.queue()
    office.sender(recording).send_due()
    assert (office.state(lost), office.state(fine)) == ("failed", "sent")
    assert office.message(lost).last_failure == "its body was sealed with another key"


@on_sqlite
def test_the_database_alone_tells_no_link(office: Office, home: Home) -> None:
    message_id = office.queue()
    sealed = office.message(message_id).sealed_body
    assert sealed is not None
    assert b"meter.example" not in sealed
    assert office.seal.open(sealed) == Body(MAIL.text, MAIL.html)
    assert (home.secrets / "outbox.key").stat().st_mode & 0o777 == 0o600


@on_sqlite
def test_a_change_that_fails_owes_no_message(office: Office) -> None:
    from api.outbox.queue import queue_mail

    def fail() -> None:
        with transaction(office.engine) as session:
            queue_mail(session, office.seal, Mail(MailKind.INVITATION, "x@y.z", "s", "t"), at=office.clock.now())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert due_messages(office.engine, office.clock.now()) == []
