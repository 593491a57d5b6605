"""Turning a message into bytes of an e-mail.

Belongs here: headers, parts and addresses. Does not belong here: what it says (`letters`), sending (`transports`).

Nothing a person typed can become a header: the standard library refuses line breaks in headers, addresses are checked
and set as addresses, and everything beyond ASCII is encoded.
"""

from __future__ import annotations

import re
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

import idna

from api.outbox.transports.port import Never, Outgoing

_ADDRESS: Final = re.compile(r"[^@\s,;:<>()\[\]\"\\\x00-\x1f\x7f]{1,64}@[^@\s,;:<>()\[\]\"\\\x00-\x1f\x7f]{1,255}")
_NAMED: Final = re.compile(r"([^<>,;@]*)<([^<>]+)>")
_LINE_LENGTH_MAX: Final = 990


def read_address(text: str, *, named: bool = False) -> Address:
    """Return an address as it goes on the wire: a domain beyond ASCII in its ASCII form.

    Args:
        text: `name@example.org`.
        named: whether it may also be `Name <name@example.org>`.

    Raises:
        ValueError: it is not one address.
    """
    # Not the standard library's parser: it finds an address in almost anything.
    match = _NAMED.fullmatch(text) if named else None
    name, spec = (match[1].strip().strip('"'), match[2]) if match else ("", text)
    if not _ADDRESS.fullmatch(spec) or not spec.isprintable() or not name.isprintable():
        raise ValueError("it is not one e-mail address")
    local, _, domain = spec.partition("@")
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain).decode("ascii")
    except UnicodeError:
        raise ValueError("its domain is not usable") from None
    return Address(display_name=name, username=local, domain=ascii_domain)


def compose(outgoing: Outgoing, sender: Address) -> EmailMessage:
    """Return the message with its headers, a text part and, if there is one, an HTML part.

    Raises:
        Never: the recipient or the subject cannot stand in a header.
    """
    message = EmailMessage(policy=policy.SMTP)
    try:
        recipient = read_address(outgoing.recipient)
        if not recipient.username.isascii():
            message = EmailMessage(policy=policy.SMTPUTF8)
        message["From"] = sender
        message["To"] = recipient
        message["Subject"] = outgoing.subject
    except ValueError as error:
        raise Never(f"the address or the subject is not usable: {error}") from None
    message["Date"] = format_datetime(outgoing.written_at)
    message["Message-ID"] = f"<{outgoing.id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(outgoing.text, cte=_encoding(outgoing.text))
    if outgoing.html is not None:
        message.add_alternative(outgoing.html, subtype="html", cte=_encoding(outgoing.html))
    return message


def _encoding(text: str) -> str:
    """Return the plainest transfer encoding that every server passes on unchanged."""
    plain = text.isascii() and all(len(line) <= _LINE_LENGTH_MAX for line in text.splitlines())
    return "7bit" if plain else "quoted-printable"
