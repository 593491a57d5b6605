"""The sender's thread: woken by a commit, finding what others queued, and not dying."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from api.app import create_app
from api.db.session import transaction
from api.outbox import sender as sender_module
from api.outbox.configuration import MAIL_URL_VARIABLE, MailSettingsError
from api.outbox.queue import queue_mail
from api.outbox.sender import Sender
from api.outbox.transports.port import Outgoing
from pipelines.lake.database import open_database
from tests.api.outbox.conftest import MAIL, Office, RecordingTransport
from tests.conftest import on_sqlite

pytestmark = on_sqlite


class Bell(RecordingTransport):
    """Tells when something was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.rung = threading.Event()

    def send(self, outgoing: Outgoing) -> None:
        super().send(outgoing)
        self.rung.set()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def start(office: Office, bell: Bell) -> Iterator[Callable[[], Sender]]:
    """Start a sender and stop it at the end."""
    started: list[Sender] = []

    def begin() -> Sender:
        started.append(office.sender(bell))
        started[0].start()
        return started[0]

    yield begin
    started[0].stop()
    assert not any(thread.name == "mail-sender" for thread in threading.enumerate())


def pauses(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(sender_module, "SHORTEST_PAUSE_SECONDS", seconds)
    monkeypatch.setattr(sender_module, "LONGEST_PAUSE_SECONDS", seconds)


def test_a_commit_wakes_it(
    office: Office, bell: Bell, start: Callable[[], Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses(monkeypatch, 3_600)
    start()
    office.queue()
    assert bell.rung.wait(30)
    bell.rung.clear()
    with transaction(office.engine) as session:
        with session.begin_nested():  # its end is no commit yet
            queue_mail(session, office.seal, MAIL, at=office.clock.now())
        assert not bell.rung.wait(0.05)
    assert bell.rung.wait(30)


def test_it_finds_what_another_process_queued(
    office: Office, bell: Bell, start: Callable[[], Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses(monkeypatch, 0.01)
    start()
    elsewhere = open_database(str(office.engine.url))
    with Session(elsewhere) as session:
        queue_mail(session, office.seal, MAIL, at=office.clock.now())
        session.commit()
    elsewhere.dispose()
    assert bell.rung.wait(30)


def test_a_fault_of_ours_does_not_end_it(
    office: Office, bell: Bell, start: Callable[[], Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses(monkeypatch, 0.01)
    bell.failures = [RuntimeError("a bug")]
    broken = office.queue()
    start()
    fine = office.queue()
    assert bell.rung.wait(30)
    assert [one.id for one in bell.taken] == [fine] or broken in {one.id for one in bell.taken}


def test_a_database_that_is_away_for_a_moment_costs_no_second_message(
    office: Office, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    real, failures = sender_module.settle_sent, [OperationalError("", {}, Exception()) for _ in range(3)]

    def sometimes(*arguments: object, **named: object) -> None:
        if failures:
            raise failures.pop()
        real(*arguments, **named)  # pyright: ignore[reportArgumentType]

    pauses(monkeypatch, 0.001)
    monkeypatch.setattr(sender_module, "settle_sent", sometimes)
    message_id = office.queue()
    office.sender(bell).send_due()
    assert office.state(message_id) == "sent"
    assert len(bell.taken) == 1


def test_a_server_sends_while_it_runs(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MAIL_URL_VARIABLE, raising=False)
    app: FastAPI = create_app(office.home, engine=office.engine, clock=office.clock)
    sent = threading.Event()
    monkeypatch.setattr(sender_module, "settle_sent", lambda *_, **__: sent.set())
    for _ in range(2):  # it can be started again
        with TestClient(app):
            office.queue()
            assert sent.wait(30)
        sent.clear()
        office.wait(days=1)
    assert list(office.home.mail.glob("*.eml"))
    assert not any(thread.name == "mail-sender" for thread in threading.enumerate())


def test_a_server_does_not_start_with_unusable_mail_settings(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAIL_URL_VARIABLE, "telegram://x")
    with pytest.raises(MailSettingsError, match="HALTON_MAIL_URL must begin with"):
        create_app(office.home, engine=office.engine, clock=office.clock)


def test_stopping_does_not_wait_for_what_comes_later(
    office: Office, bell: Bell, start: Callable[[], Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses(monkeypatch, 3_600)
    office.queue()
    running = start()
    assert bell.rung.wait(30)
    running.stop()
    bell.rung.clear()
    late = office.queue()
    assert not bell.rung.wait(0.05)
    assert office.state(late) == "queued"
