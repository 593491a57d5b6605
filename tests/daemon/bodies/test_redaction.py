from __future__ import annotations

import html
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.bodies.redaction import redact, without_last_word
from daemon.bodies.secrets import is_card_number
from daemon.bodies.views import views
from tests.daemon.bodies.secrets_samples import JWT, PEM, SECRETS


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(one):04x}" for one in text)


WRITTEN = {
    "plain": str,
    "in JSON": json.dumps,
    "in JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "as unicode escapes": _escaped,
    "as unicode escapes in JSON": lambda text: json.dumps(_escaped(text)),
    "every other letter escaped": lambda text: "".join(
        _escaped(one) if place % 2 else json.dumps(one)[1:-1] for place, one in enumerate(text)
    ),
    "as hexadecimal escapes": lambda text: "".join(f"\\x{ord(one):02X}" for one in text),
    "in an address": lambda text: quote(text, safe=""),
    "in HTML": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "in JSON in HTML": lambda text: html.escape(json.dumps(text)),
    "with invisible letters": "\u200b\ufeff".join,
    "with control characters": "\x00".join,
    "in wide letters": lambda text: "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text),
}


@pytest.mark.parametrize("way", WRITTEN)
@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:12])
def test_a_secret_is_found_however_it_is_written(secret: str, way: str) -> None:
    written = WRITTEN[way](secret)
    redacted = redact(f"before {written} after")
    assert redacted.text.startswith("before ")
    assert redacted.text.endswith(" after")
    assert f"[removed: {SECRETS[secret]}]" in redacted.text
    assert redacted.removed == (f"{SECRETS[secret]}: 1",)
    for view in views(redacted.text):
        for start in range(0, len(secret) - 6, 6):
            assert secret[start : start + 6] not in view.text or secret[start : start + 6] == "-----B"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc123def456ghi", "Authorization: Bearer [removed: token]"),
        ('{"Authorization": "Basic YWRhOnNlY3JldA=="}', '{"Authorization": "Basic [removed: password]"}'),
        ("postgres://ada:hunter2@db/x", "postgres://ada:[removed: password]@db/x"),
        ("DB_PASSWORD=hunter22!", "DB_PASSWORD=[removed: password]"),
        ('{"client_secret": "abcdef99"}', '{"client_secret": "[removed: password]"}'),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPx", "aws_secret_access_key = [removed: password]"),
        ("key " + "A" * 300 + "==", "key [removed: base64]"),
        ("data:image/png;base64," + "iVBOR/w0" * 50, "data:image/png;base64,[removed: base64]"),
        (f"{PEM[:60]}", "[removed: private key]"),
    ],
)
def test_values_of_secrets_go_and_their_names_stay(text: str, expected: str) -> None:
    assert redact(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "The bearer understands the responsibilities of basic understanding.",
        "token = read_token_from_keychain(name)",
        '{"max_tokens": 4096, "input_tokens": 123456789, "token": 1234567}',
        "commit 9e3c641a4c0d8a0f6882ee0de90479aa4c0d8a0f",
        "at 1763892000123456 and 4111 1111 1111 1112",
        "6f9d7c1e-0000-4000-8000-000000000001",
        "a sk- prefix, an eyJ prefix, AKIA, mail@host",
        "https://example.com/a:b@c",
        "Größe, 価格, 🎉 and \\u00e9",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == (text, ())


def test_json_stays_json() -> None:
    body = {"messages": [{"content": f"use {secret} please"} for secret in SECRETS if secret != PEM]}
    kept = json.loads(redact(json.dumps(body)).text)
    assert len(kept["messages"]) == len(body["messages"])
    assert all("[removed: " in message["content"] for message in kept["messages"])


pieces = st.lists(
    st.sampled_from(
        [*SECRETS, "password=", '"', "\\u0073", "\\", "%41", "&#65;", "\u200b", " ", "sk-", "@", "[removed: x]"]
    )
    | st.text(max_size=12),
    max_size=12,
)


@given(pieces)
def test_what_was_redacted_is_not_redacted_again(parts: list[str]) -> None:
    once = redact("".join(parts))
    assert redact(once.text) == (once.text, ())


@given(st.text(alphabet='ab\\u0061"x%4&#;\u200b\uff53\n', max_size=80))
def test_every_view_leads_back_into_the_text_in_order(text: str) -> None:
    for view in views(text):
        places = [view.origin(place) for place in range(len(view.text) + 1)]
        assert places == sorted(places)
        assert all(0 <= place <= len(text) for place in places)
        assert places[-1] == len(text)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a",
            "sk-",
            "eyJ",
            "eyJa.",
            "4",
            "4 ",
            "password",
            "password=",
            "://",
            "://:",
            "a@",
            "@a.",
            "bearer ",
            "bearer 1",
        ),
        *("\\u0061", "\\\\u0061", "%25", "&amp;", "\u00e9", "\u200b", "[removed: ", "-----BEGIN PRIVATE KEY-----"),
        "A" * 61 + "\n",
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    before = time.process_time()
    redact(text)
    assert time.process_time() - before < 3


def test_secrets_that_overlap_go_as_one() -> None:
    text = "Bearer sk-ant-api03-Zm9vYmFyYmF6cXV4.tail1/tail2"
    assert redact(text) == ("Bearer [removed: token]", ("token: 1",))
    text = f"token=x-{JWT}"
    assert "NryP4J3jVmNHl0w5N" not in redact(text).text


def test_the_last_word_of_a_text_that_was_cut_off_goes() -> None:
    assert without_last_word("use sk-ant-ap") == "use "
    assert without_last_word('{"a": "sk-ant-ap') == '{"a": "'
    assert without_last_word("x" * 10_000) == "x" * (10_000 - 4096)
    assert without_last_word("done. ") == "done. "
    assert without_last_word("") == ""


def test_card_numbers_are_checked() -> None:
    assert is_card_number("4111 1111 1111 1111")
    assert not is_card_number("4111 1111 1111 1112")
    assert not is_card_number("42")
    assert JWT in SECRETS
