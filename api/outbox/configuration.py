"""Choosing how e-mails leave the server, from the environment.

Belongs here: reading `HALTON_MAIL_URL` and `HALTON_MAIL_FROM`. Does not belong here: sending.

    (not set)                               files in the home's mail folder
    smtps://user:password@host[:465]        SMTP, TLS from the first byte
    smtp+starttls://user:password@host[:587]  SMTP, TLS by STARTTLS, which is then required
    smtp://host[:25]                        SMTP without TLS; a password only to this machine itself
    resend://API_KEY@api.resend.com         Resend's HTTP API
    resend+http://API_KEY@127.0.0.1:8025    the same without TLS, to this machine itself: for trying things out

Special characters of user, password and key are percent-encoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.headerregistry import Address
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from api.outbox.composing import read_address
from api.outbox.transports.folder import FolderTransport
from api.outbox.transports.port import Transport
from api.outbox.transports.resend import ResendTransport
from api.outbox.transports.smtp import SmtpServer, SmtpTransport, Tls
from pipelines.lake.paths import Home

MAIL_URL_VARIABLE: Final = "HALTON_MAIL_URL"
MAIL_FROM_VARIABLE: Final = "HALTON_MAIL_FROM"
_NOBODY: Final = "Halton Meter <no-reply@localhost>"
_SMTP: Final = {"smtp": (Tls.NONE, 25), "smtp+starttls": (Tls.STARTTLS, 587), "smtps": (Tls.IMPLICIT, 465)}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class MailSettingsError(ValueError):
    """The environment asks for a way of sending that does not exist or is not safe; the text repeats no password."""


def chosen_transport(environment: Mapping[str, str], home: Home) -> Transport:
    """Return the transport the environment asks for, the home's mail folder when it asks for none.

    Raises:
        MailSettingsError: a variable is not usable.
    """
    url = environment.get(MAIL_URL_VARIABLE, "").strip()
    if not url:
        return FolderTransport(home.mail, _sender(environment.get(MAIL_FROM_VARIABLE) or _NOBODY))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _unusable("is not a URL") from None
    if not parts.hostname:
        raise _unusable("names no host")
    if parts.scheme in _SMTP:
        return SmtpTransport(_smtp_server(parts, port), _sender(environment.get(MAIL_FROM_VARIABLE, "")))
    if parts.scheme in {"resend", "resend+http"}:
        return _resend(parts, port, _sender(environment.get(MAIL_FROM_VARIABLE, "")))
    raise _unusable("must begin with smtps://, smtp+starttls://, smtp://, resend:// or resend+http://")


def _smtp_server(parts: SplitResult, port: int | None) -> SmtpServer:
    tls, usual_port = _SMTP[parts.scheme]
    host = parts.hostname or ""
    user = unquote(parts.username) if parts.username else None
    if tls is Tls.NONE and user is not None and host not in _LOOPBACK:
        raise _unusable("would send a password without TLS; use smtps:// or smtp+starttls://")
    return SmtpServer(host, port or usual_port, tls, user, unquote(parts.password or ""))


def _resend(parts: SplitResult, port: int | None, sender: Address) -> ResendTransport:
    host = parts.hostname or ""
    key = unquote(parts.username or "")
    if not key or not key.isascii() or not key.isprintable():
        raise _unusable("names no API key; write resend://API_KEY@api.resend.com")
    if parts.scheme == "resend+http" and host not in _LOOPBACK:
        raise _unusable("would send the API key without TLS; use resend://")
    scheme = "http" if parts.scheme == "resend+http" else "https"
    shown_host = f"[{host}]" if ":" in host else host
    return ResendTransport(f"{scheme}://{shown_host}{f':{port}' if port else ''}{parts.path}", key, sender)


def _sender(text: str) -> Address:
    try:
        sender = read_address(text.strip(), named=True)
    except ValueError as error:
        raise MailSettingsError(f"{MAIL_FROM_VARIABLE} is not usable: {error}") from None
    if not sender.username.isascii():
        raise MailSettingsError(f"{MAIL_FROM_VARIABLE} must have an ASCII address")
    return sender


def _unusable(why: str) -> MailSettingsError:
    return MailSettingsError(f"{MAIL_URL_VARIABLE} {why}")
