"""Turning messages into bytes: what the standard library and our checks keep out."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address

import pytest

from api.outbox.composing import compose, read_address
from api.outbox.transports.port import Never, Outgoing

SENDER = Address("Halton Meter", addr_spec="meter@halton.example")
WRITTEN_AT = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize("breaking", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("place", ["recipient", "subject"])
def test_a_line_break_is_refused_whoever_forgot_to_check(breaking: str, place: str) -> None:
    given = {"recipient": "ada@example.org", "subject": "Hi"}
    given[place] += f"{breaking}Bcc: eve@example.net"
    with pytest.raises(Never, match="not usable"):
        compose(Outgoing("id", given["recipient"], given["subject"], "text", None, WRITTEN_AT), SENDER)


def test_the_same_message_is_the_same_at_every_attempt_but_for_its_boundary() -> None:
    outgoing = Outgoing("id", "ada@example.org", "Hi", "text", None, WRITTEN_AT)
    assert compose(outgoing, SENDER).as_bytes() == compose(outgoing, SENDER).as_bytes()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a@b.example", "a@b.example"),
        ("A B <a@b.example>", "A B <a@b.example>"),
        ("a@köln.example", "a@xn--kln-sna.example"),
    ],
)
def test_addresses(text: str, shown: str) -> None:
    assert str(read_address(text, named=True)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "<a@b",
        "a@b>, <c@d",
        "x <a@b> y",
        "a@b\u202e",
        "\u202ex <a@b>",
        "a@-\u00f6" * 40,
    ],
)
def test_what_is_not_one_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|domain"):
        read_address(text, named=True)
