"""E-mails over SMTP.

Belongs here: one conversation per message and what its answers mean. Does not belong here: composing (`composing`),
when to try again (`api.outbox.delivery`).

    before the last line of the message has left    certainly not taken: another attempt
    after it, and no answer                          unsure: SMTP keeps no account, so it is not sent again by itself
    4xx                                              not yet
    5xx about the recipient or the message           never
    5xx about us (greeting, TLS, log-in, sender)     not yet: the configuration is at fault, not the message
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from api.access.text import clipped
from api.outbox.composing import compose
from api.outbox.transports.port import Never, NotSent, NotYet, Outgoing, Unsure

TIMEOUT_SECONDS: Final = 30.0
_GO_AHEAD: Final = 354
_FAULTS: Final = (OSError, smtplib.SMTPException)
_LEADING_DOT: Final = re.compile(rb"^\.", re.MULTILINE)


class Tls(StrEnum):
    """How the conversation is encrypted."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where to hand messages over.

    Attributes:
        host: name or address; its certificate must be for it.
        port: TCP port.
        tls: how it is encrypted; STARTTLS is required, not tried.
        user: for logging in, None without.
        password: belongs to the user.
    """

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str = ""


class SmtpTransport:
    """Hands each message to one SMTP server in a conversation of its own."""

    repeat_within = timedelta(0)

    def __init__(self, server: SmtpServer, sender: Address, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._server = server
        self._sender = sender
        self._timeout_seconds = timeout_seconds

    def send(self, outgoing: Outgoing) -> None:
        """Hand one message over.

        Raises:
            NotSent: as the module's docstring says.
        """
        message = compose(outgoing, self._sender)
        recipient = message["To"].addresses[0]
        body = _LEADING_DOT.sub(b"..", message.as_bytes())
        if not body.endswith(b"\r\n"):
            body += b"\r\n"
        with self._conversation() as smtp:
            try:
                self._envelope(smtp, recipient.addr_spec)
                _expect(smtp.docmd("DATA"), _GO_AHEAD)
                smtp.send(body)
            except _FAULTS as error:
                raise NotYet(_reason(error)) from error
            try:
                smtp.send(b".\r\n")
                answer = smtp.getreply()
            except _FAULTS as error:
                raise Unsure(f"no answer after the message was handed over: {_reason(error)}") from error
            _expect(answer)

    @contextmanager
    def _conversation(self) -> Generator[smtplib.SMTP]:
        server = self._server
        us, patience = self._sender.domain, self._timeout_seconds
        try:
            if server.tls is Tls.IMPLICIT:
                context = ssl.create_default_context()
                smtp = smtplib.SMTP_SSL(server.host, server.port, us, timeout=patience, context=context)
            else:
                smtp = smtplib.SMTP(server.host, server.port, us, timeout=patience)
        except _FAULTS as error:
            raise NotYet(f"the mail server cannot be reached: {_reason(error)}") from error
        try:
            self._log_in(smtp)
            yield smtp
            with suppress(*_FAULTS):
                smtp.quit()
        finally:
            smtp.close()

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        server = self._server
        try:
            if server.tls is Tls.STARTTLS:
                smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
            if server.user is not None:
                smtp.login(server.user, server.password)
        except smtplib.SMTPAuthenticationError as error:
            raise NotYet(f"the mail server refuses the user or password ({error.smtp_code})") from None
        except _FAULTS as error:
            raise NotYet(f"the mail server cannot be used: {_reason(error)}") from error

    def _envelope(self, smtp: smtplib.SMTP, recipient: str) -> None:
        options: list[str] = []
        if not recipient.isascii():
            if not smtp.has_extn("smtputf8"):
                raise Never("the mail server takes no addresses beyond ASCII")
            smtp.command_encoding = "utf-8"
            options = ["SMTPUTF8", "BODY=8BITMIME"]
        code, text = smtp.mail(self._sender.addr_spec, options)
        if code >= HTTPStatus.BAD_REQUEST:
            raise NotYet(f"the mail server refuses the sender: {_said(code, text)}")
        _expect(smtp.rcpt(recipient))


def _expect(answer: tuple[int, bytes], wanted: int | None = None) -> None:
    code, text = answer
    if code == wanted or (wanted is None and HTTPStatus.OK <= code < HTTPStatus.MULTIPLE_CHOICES):
        return
    failure: type[NotSent] = Never if code >= HTTPStatus.INTERNAL_SERVER_ERROR else NotYet
    raise failure(f"the mail server says {_said(code, text)}")


def _said(code: int, text: bytes) -> str:
    return clipped(f"{code} {text.decode('utf-8', 'replace')}", 160)


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return _said(error.smtp_code, text if isinstance(text, bytes) else str(text).encode())
    return clipped(str(error) or type(error).__name__, 160)
