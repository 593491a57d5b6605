"""Choosing how e-mails leave: what the environment may say, and the folder that takes them when it says nothing."""

from __future__ import annotations

import logging
from email import message_from_bytes, policy

import pytest

from api.outbox.configuration import MAIL_FROM_VARIABLE, MAIL_URL_VARIABLE, MailSettingsError, chosen_transport
from api.outbox.transports.folder import FolderTransport
from api.outbox.transports.resend import ResendTransport
from api.outbox.transports.smtp import SmtpServer, SmtpTransport, Tls
from pipelines.lake.paths import Home
from tests.api.outbox.conftest import Office
from tests.conftest import on_sqlite

FROM = {MAIL_FROM_VARIABLE: "Halton <meter@halton.example>"}


def test_without_a_word_mail_goes_to_the_folder(home: Home) -> None:
    assert isinstance(chosen_transport({}, home), FolderTransport)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://mail.example", SmtpServer("mail.example", 465, Tls.IMPLICIT)),
        ("smtp+starttls://u:p%40@mail.example", SmtpServer("mail.example", 587, Tls.STARTTLS, "u", "p@")),
        ("smtp://mail.example:2525", SmtpServer("mail.example", 2525, Tls.NONE)),
        ("smtp://u:p@127.0.0.1", SmtpServer("127.0.0.1", 25, Tls.NONE, "u", "p")),
    ],
)
def test_smtp_servers(url: str, server: SmtpServer, home: Home) -> None:
    transport = chosen_transport({MAIL_URL_VARIABLE: url, **FROM}, home)
    assert isinstance(transport, SmtpTransport)
    assert transport._server == server


def test_resend_is_called_over_tls(home: Home) -> None:
    transport = chosen_transport({MAIL_URL_VARIABLE: "resend://re_k@api.resend.com", **FROM}, home)
    assert isinstance(transport, ResendTransport)
    assert transport._url == "https://api.resend.com/emails"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("smtp://user:geheim@mail.example", "would send a password without TLS"),
        ("resend+http://geheim@mail.example", "would send the API key without TLS"),
        ("resend://api.resend.com", "names no API key"),
        ("resend://gehe%0Aim@api.resend.com", "names no API key"),
        ("https://geheim@api.resend.com", "must begin with"),
        ("smtps://u:geheim@", "names no host"),
        ("smtps://u:geheim@host:port", "is not a URL"),
    ],
)
def test_unsafe_or_unknown_ways_are_refused_without_telling_the_secret(url: str, why: str, home: Home) -> None:
    with pytest.raises(MailSettingsError, match=why) as refusal:
        chosen_transport({MAIL_URL_VARIABLE: url, **FROM}, home)
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize("sender", ["", "nobody", "a@b.example\nBcc: c@d.example", "a@b.example, c@d.example"])
def test_a_mail_server_needs_a_sender(sender: str, home: Home) -> None:
    with pytest.raises(MailSettingsError, match="HALTON_MAIL_FROM"):
        chosen_transport({MAIL_URL_VARIABLE: "smtps://mail.example", MAIL_FROM_VARIABLE: sender}, home)


@on_sqlite
def test_the_folder_holds_the_mail_and_the_log_its_link(
    office: Office, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    message_id = office.queue()
    with caplog.at_level(logging.INFO, "api.outbox"):
        office.send("")
    (path,) = home.mail.iterdir()
    assert path.name == f"20260701T120000Z-{message_id}.eml"
    assert (path.stat().st_mode & 0o777, home.mail.stat().st_mode & 0o777) == (0o600, 0o700)
    read = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = read.get_body(("plain",))
    assert body is not None
    assert "https://meter.example/s?t=1" in body.get_content()
    assert "link: https://meter.example/s?t=1, file: " in caplog.text
    assert office.state(message_id) == "sent"


@on_sqlite
def test_a_folder_that_cannot_be_written_is_tried_again(office: Office, home: Home) -> None:
    home.mail.write_text("in the way")
    message_id = office.queue()
    office.send("")
    assert office.state(message_id) == "queued"
    home.mail.unlink()
    office.wait(seconds=30)
    office.send("")
    assert office.state(message_id) == "sent"
