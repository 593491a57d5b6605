"""A terminal shows what strangers wrote, and never obeys it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cli.plain_text import printable


@given(st.text(st.characters()))
def test_any_text_becomes_one_line_without_controls(text: str):
    assert printable(text).isprintable()


@given(st.text(st.characters()), st.integers(0, 50))
def test_no_more_characters_than_asked_for(text: str, longest: int):
    assert len(printable(text, longest=longest)) <= longest


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays_as_it_is(text: str):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "�[31mred�[0m"),
        ("\x9b2J", "�2J"),
        ("a\r\nb\tc", "a  b c"),
        ("a\u202eb\u2066c", "a�b�c"),
        ("a\u200bb\ufeff", "a�b�"),
        ("a\u00a0b\u2028c", "a b c"),
        ("\ud800", "�"),
        ("\ue000", "�"),
        ("Ünïcode 日本語 \N{ROCKET}", "Ünïcode 日本語 \N{ROCKET}"),
        ("Tiê\u0301ng", "Tiê\u0301ng"),
        ("z" + "\u0301" * 50, "z" + "\u0301" * 4),
        ("\u2764\ufe0f", "\u2764"),
    ],
)
def test_what_becomes_of_characters(text: str, shown: str):
    assert printable(text) == shown


def test_a_cut_is_shown():
    assert printable("abcdef", longest=4) == "abc…"
    assert printable("\x1b" * 10**6, longest=3) == "��…"
