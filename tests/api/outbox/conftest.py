"""Fixtures of the outbox: queueing, sending, and the two servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from api.db.models import OutboxMessage
from api.db.session import reading, transaction
from api.outbox.configuration import MAIL_FROM_VARIABLE, MAIL_URL_VARIABLE, chosen_transport
from api.outbox.queue import Mail, MailKind, Seal, queue_mail
from api.outbox.sender import Sender
from api.outbox.transports.port import Outgoing, Transport
from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home
from tests.api.outbox.mail_servers import FakeResend, Postbox, resend_api, smtp_server

MAIL = Mail(MailKind.SIGN_IN, "ada@example.org", "Sign in", "Open this:\n\nhttps://meter.example/s?t=1\n", "<p>Hi</p>")


@dataclass
class Office:
    """Queues messages and sends what is due, by whichever way the test chose."""

    engine: Engine
    home: Home
    clock: FixedClock
    seal: Seal

    def queue(self, mail: Mail = MAIL, **options: Any) -> str:
        with transaction(self.engine) as session:
            return queue_mail(session, self.seal, mail, at=self.clock.now(), **options)

    def transport(self, url: str) -> Transport:
        environment = {MAIL_URL_VARIABLE: url, MAIL_FROM_VARIABLE: "Halton Meter <meter@halton.example>"}
        return chosen_transport(environment, self.home)

    def sender(self, transport: Transport) -> Sender:
        return Sender(self.engine, self.seal, transport, self.clock)

    def send(self, url: str) -> int:
        """Send what is due and return how many messages were handed over."""
        return self.sender(self.transport(url)).send_due()

    def message(self, message_id: str) -> OutboxMessage:
        with reading(self.engine) as session:
            return session.scalars(select(OutboxMessage).where(OutboxMessage.id == message_id)).one()

    def state(self, message_id: str) -> str:
        return self.message(message_id).state

    def wait(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))


@dataclass
class RecordingTransport:
    """Takes everything, or raises what the test wants next."""

    repeat_within: timedelta = timedelta(0)
    taken: list[Outgoing] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    at: list[datetime] = field(default_factory=list)

    def send(self, outgoing: Outgoing) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(outgoing)


@pytest.fixture
def office(engine: Engine, home: Home, clock: FixedClock) -> Office:
    return Office(engine, home, clock, Seal(home))


@pytest.fixture
def recording() -> RecordingTransport:
    return RecordingTransport()


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    """A running SMTP server without TLS."""
    with smtp_server(Postbox()) as served:
        yield served


@pytest.fixture
def resend() -> Iterator[FakeResend]:
    """A running imitation of Resend."""
    with resend_api(FakeResend()) as served:
        yield served
