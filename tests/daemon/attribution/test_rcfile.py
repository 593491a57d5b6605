from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.attribution.rcfile import project_in


@pytest.mark.parametrize(
    ("content", "project"),
    [
        (b'project = "acme-api"', "acme-api"),
        (b'\xef\xbb\xbfproject = "acme-api"\r\n', "acme-api"),
        (b'# ours\nproject = "Acme API"\nother = 1\n', "acme-api"),
        (b"acme-api\n", "acme-api"),
        (b"\n# ours\n  acme-api   # yes\n", "acme-api"),
        (b"project: acme-api", "acme-api"),
        (b"project = acme-api", "acme-api"),
        (b"'acme-api'", "acme-api"),
        (b"project = 7", None),
        (b"project = ['a']", None),
        (b"other = 'x'", None),
        (b"secret: hunter2", None),
        (b"AWS_SECRET=hunter2", None),
        (b"{json: 1}", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"a = " + b"[" * 16_000, None),
    ],
    ids=str,
)
def test_a_project_is_read_from_a_table_or_a_bare_line(content: bytes, project: str | None) -> None:
    assert project_in(content) == project


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_no_content_makes_it_fail(content: bytes) -> None:
    project = project_in(content)
    assert project is None or re.fullmatch("[a-z0-9-]{1,64}", project)
