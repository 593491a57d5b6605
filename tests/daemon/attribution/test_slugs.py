from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.attribution.chain import slug_of

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@given(st.text(max_size=300) | st.text(alphabet="aB3 -_/.éßŁ\u202e\0\ud800", max_size=300))
def test_a_slug_is_safe_and_is_its_own_slug(text: str) -> None:
    slug = slug_of(text)
    if slug is None:
        assert not re.search("[A-Za-z0-9]", text)
    else:
        assert SLUG.fullmatch(slug)
        assert len(slug) <= 64
        assert slug_of(slug) == slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("acme-api", "acme-api"),
        ("Acme API", "acme-api"),
        ("acme_api.v2", "acme-api-v2"),
        ("  --x--  ", "x"),
        ("Café Zoë", "cafe-zoe"),
        ("straße", "strasse"),
        ("../../etc/passwd", "etc-passwd"),
        ("\x1b[31mred", "31mred"),
        ("проект", None),
        ("", None),
        ("---", None),
        ("a" * 63 + "-b", "a" * 63),
        ("a" * 100_000, "a" * 64),
    ],
)
def test_names_become_slugs(text: str, slug: str | None) -> None:
    assert slug_of(text) == slug
