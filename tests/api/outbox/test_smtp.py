"""Sending over SMTP, against a real server."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.outbox.queue import Mail, MailKind
from tests.api.outbox.conftest import MAIL, Office
from tests.api.outbox.mail_servers import Postbox, smtp_server
from tests.conftest import on_sqlite

pytestmark = on_sqlite


def url(postbox: Postbox, scheme: str = "smtp", user: str = "") -> str:
    return f"{scheme}://{user}127.0.0.1:{postbox.port}"


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return found.get_content()


def test_a_message_arrives_with_text_and_html(office: Office, postbox: Postbox) -> None:
    message_id = office.queue()
    office.send(url(postbox))
    (taken,) = postbox.taken
    assert postbox.envelopes == [("meter@halton.example", ["ada@example.org"])]
    assert taken["From"] == "Halton Meter <meter@halton.example>"
    assert taken["To"] == "ada@example.org"
    assert taken["Subject"] == "Sign in"
    assert taken["Message-ID"] == f"<{message_id}@halton.example>"
    assert taken["Date"] == "Wed, 01 Jul 2026 12:00:00 +0000"
    assert taken["Auto-Submitted"] == "auto-generated"
    assert part(taken, "plain").replace("\r\n", "\n") == MAIL.text
    assert part(taken, "html").strip() == MAIL.html
    assert office.state(message_id) == "sent"


@pytest.mark.parametrize(
    "text",
    ["Grüße aus Köln 🎉\n" + "long " * 400 + "\n", ".\n..\n.dot\n", "a=b\n" + "x" * 5_000 + "\n", "no line end"],
)
def test_every_text_arrives_as_it_was_written(text: str, office: Office, postbox: Postbox) -> None:
    office.queue(Mail(MailKind.INVITATION, "ada@example.org", "Ünïcode — " * 20, text, f"<p>{text}</p>"))
    office.send(url(postbox))
    (taken,) = postbox.taken
    assert part(taken, "plain").replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
    assert part(taken, "html").replace("\r\n", "\n").rstrip("\n") == f"<p>{text}</p>".rstrip("\n")
    assert str(taken["Subject"]).startswith("Ünïcode — Ünïcode")


@pytest.mark.parametrize(
    ("recipient", "subject"),
    [
        ("ada@example.org\nBcc: eve@example.net", "Sign in"),
        ("ada@example.org\r\nBcc: eve@example.net", "Sign in"),
        ("ada@example.org, eve@example.net", "Sign in"),
        ("ada@example.org>\r\nRCPT TO:<eve@example.net", "Sign in"),
        ("Eve <eve@example.net>, <ada@example.org>", "Sign in"),
        ("no address", "Sign in"),
        ("@", "Sign in"),
    ],
)
def test_no_recipient_becomes_two_or_a_header(recipient: str, subject: str, office: Office, postbox: Postbox) -> None:
    message_id = office.queue(Mail(MailKind.INVITATION, recipient, subject, "text"))
    office.send(url(postbox))
    assert postbox.taken == []
    assert office.state(message_id) == "failed"
    assert (office.message(message_id).last_failure or "").startswith("the address or the subject is not usable")


@pytest.mark.parametrize("breaking", ["\n", "\r", "\r\n", "\u2028", "\x85", "\x0b", "\x00"])
def test_no_subject_becomes_a_header(breaking: str, office: Office, postbox: Postbox) -> None:
    office.queue(Mail(MailKind.INVITATION, "ada@example.org", f"Hi{breaking}Bcc: eve@example.net", "text"))
    office.send(url(postbox))
    (taken,) = postbox.taken
    assert taken["Bcc"] is None
    assert "Bcc: eve@example.net" in str(taken["Subject"])
    assert postbox.envelopes[0][1] == ["ada@example.org"]


@pytest.mark.parametrize(("moods", "where"), [(["451 greylisted"], "rcpt_moods"), (["452 full"], "data_moods")])
def test_a_temporary_refusal_is_tried_again(moods: list[str], where: str, office: Office, postbox: Postbox) -> None:
    setattr(postbox, where, list(moods))
    message_id = office.queue()
    office.send(url(postbox))
    waiting = office.message(message_id)
    assert (waiting.state, waiting.last_failure) == ("queued", f"the mail server says {moods[0]}")
    office.wait(seconds=30)
    office.send(url(postbox))
    assert office.state(message_id) == "sent"
    assert len(postbox.taken) == 1


@pytest.mark.parametrize(("mood", "where"), [("550 no such user", "rcpt_moods"), ("554 spam", "data_moods")])
def test_a_permanent_refusal_is_final(mood: str, where: str, office: Office, postbox: Postbox) -> None:
    setattr(postbox, where, [mood])
    message_id = office.queue()
    office.send(url(postbox))
    office.wait(days=1)
    assert office.send(url(postbox)) == 0
    failed = office.message(message_id)
    assert (failed.state, failed.last_failure) == ("failed", f"the mail server says {mood}")


def test_a_connection_lost_after_the_message_leaves_it_in_doubt(office: Office, postbox: Postbox) -> None:
    postbox.data_moods = ["drop"]
    message_id = office.queue()
    office.send(url(postbox))
    office.wait(days=1)
    office.send(url(postbox))
    assert len(postbox.taken) == 1, "the server had taken it; a second one would be a duplicate"
    doubtful = office.message(message_id)
    assert doubtful.state == "uncertain"
    assert (doubtful.last_failure or "").startswith("it may have been sent: no answer after")


def test_a_connection_lost_before_the_message_is_tried_again(office: Office, postbox: Postbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf_url = f"smtp://127.0.0.1:{deaf.getsockname()[1]}"
    message_id = office.queue()
    office.send(deaf_url)  # nobody listens there any more
    assert office.state(message_id) == "queued"
    assert "cannot be reached" in (office.message(message_id).last_failure or "")
    office.wait(seconds=30)
    office.send(url(postbox))
    assert office.state(message_id) == "sent"


class Users:
    """Lets one user in."""

    def __call__(self, server: object, session: object, envelope: object, mechanism: str, given: object) -> AuthResult:
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (b"halton", b"pass/word@")
        return AuthResult(success=right, handled=right)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    from ipaddress import ip_address

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    begins = datetime.now(UTC) - timedelta(days=1)  # noqa: TID251 - TLS asks the machine's clock
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.fixture
def starttls(certificate: tuple[Path, Path]) -> Iterator[Postbox]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with smtp_server(
        Postbox(), tls_context=context, require_starttls=True, authenticator=Users(), auth_required=True
    ) as served:
        yield served


def test_starttls_and_log_in(
    office: Office, starttls: Postbox, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    message_id = office.queue()
    office.send(url(starttls, "smtp+starttls", "halton:wrong@"))
    refused = office.message(message_id)
    assert (refused.state, refused.last_failure) == ("queued", "the mail server refuses the user or password (535)")
    office.wait(seconds=30)
    office.send(url(starttls, "smtp+starttls", "halton:pass%2Fword%40@"))
    assert office.state(message_id) == "sent"
    assert len(starttls.taken) == 1


def test_a_server_nobody_vouches_for_gets_no_password_and_no_message(office: Office, starttls: Postbox) -> None:
    message_id = office.queue()
    office.send(url(starttls, "smtp+starttls", "halton:pass%2Fword%40@"))
    waiting = office.message(message_id)
    assert waiting.state == "queued"
    assert "certificate verify failed" in (waiting.last_failure or "").lower()
    assert starttls.taken == []


def test_starttls_is_required_not_tried(office: Office, postbox: Postbox) -> None:
    message_id = office.queue()
    office.send(url(postbox, "smtp+starttls"))
    assert office.state(message_id) == "queued"
    assert postbox.taken == []


def test_an_address_beyond_ascii_needs_a_server_that_takes_it(office: Office, postbox: Postbox) -> None:
    message_id = office.queue(Mail(MailKind.INVITATION, "jürgen@köln.example", "Hi", "text"))
    office.send(url(postbox))
    assert office.message(message_id).last_failure == "the mail server takes no addresses beyond ASCII"
    with smtp_server(Postbox(), enable_SMTPUTF8=True) as modern:
        other = office.queue(Mail(MailKind.INVITATION, "jürgen@köln.example", "Hi", "text"))
        office.send(url(modern))
        assert office.state(other) == "sent"
        assert modern.envelopes[0][1] == ["jürgen@xn--kln-sna.example"]
