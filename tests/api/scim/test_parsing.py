"""SCIM's words: filters and patches as Okta, Entra and hostile callers write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import Refused
from api.scim.filters import Equals, read_filter
from api.scim.patches import Patch, read_patch
from api.scim.resources import PATCH_SCHEMA, USER_SCHEMA, wanted_user

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, None),
        ("", None),
        ('userName eq "vk@acme.co"', Equals("user_name", "vk@acme.co")),
        (' USERNAME   EQ  "vk@acme.co" ', Equals("user_name", "vk@acme.co")),
        ('externalId eq "00u1\\"x"', Equals("external_id", '00u1"x')),
        ('emails[type eq "work"].value eq "vk@acme.co"', Equals("user_name", "vk@acme.co")),
        (f'{USER_SCHEMA}:userName eq "a@b.co"', Equals("user_name", "a@b.co")),
    ],
)
def test_filters_that_directories_send(text: str | None, wanted: Equals | None) -> None:
    assert read_filter(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "userName",
        'userName eq "a" or userName eq "b"',
        'userName co "a"',
        "userName eq vk",
        'password eq "x"',
        'userName eq "a\\q"',
        'userName eq "' + "x" * 2_000 + '"',
        'not (userName eq "a")',
        'userName eq "a"; drop table users',
    ],
)
def test_other_filters_are_refused_as_the_rfc_says(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_filter(text)
    assert (refused.value.status, refused.value.code) == (400, "invalid_filter")


@pytest.mark.parametrize(
    ("operations", "wanted"),
    [
        ([{"op": "replace", "value": {"active": False}}], Patch(active=False)),
        ([{"op": "Replace", "path": "active", "value": "False"}], Patch(active=False)),
        ([{"op": "Add", "path": "active", "value": "True"}], Patch(active=True)),
        ([{"op": "replace", "path": f"{USER_SCHEMA}:active", "value": True}], Patch(active=True)),
        ([{"op": "replace", "value": {"id": "x", "active": True, "externalId": "e"}}], Patch(True, "e")),
        ([{"op": "remove", "path": "externalId"}], Patch(external_id="")),
        ([{"op": "replace", "path": 'emails[type eq "work"].value', "value": "x"}], Patch()),
        ([{"op": "add", "path": "name.givenName", "value": "V"}, {"op": "replace", "path": "active", "value": False}],
         Patch(active=False)),
    ],
)  # fmt: skip
def test_patches_of_okta_and_entra(operations: list[Any], wanted: Patch) -> None:
    assert read_patch({"schemas": [PATCH_SCHEMA], "Operations": operations}) == wanted


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_syntax"),
        ({"schemas": 5, "Operations": [{"op": "add", "value": {}}]}, "invalid_syntax"),
        ({"schemas": PATCH_SCHEMA, "Operations": [{"op": "add", "value": {}}]}, "invalid_syntax"),
        ({"Operations": []}, "invalid_value"),
        ({"Operations": [1]}, "invalid_syntax"),
        ({"schemas": ["other"], "Operations": [{"op": "replace", "value": {}}]}, "invalid_syntax"),
        ({"Operations": [{"op": "move", "path": "active"}]}, "invalid_syntax"),
        ({"Operations": [{"op": "remove"}]}, "invalid_path"),
        ({"Operations": [{"op": "remove", "path": "active"}]}, "mutability"),
        ({"Operations": [{"op": "replace", "path": "active", "value": "maybe"}]}, "invalid_value"),
        ({"Operations": [{"op": "replace", "path": "active", "value": 0}]}, "invalid_value"),
        ({"Operations": [{"op": "replace", "value": "x"}]}, "invalid_value"),
        ({"Operations": [{"op": "replace", "path": ["active"], "value": True}]}, "invalid_path"),
        ({"Operations": [{"op": "replace", "value": {}}] * 101}, "invalid_value"),
    ],
)
def test_other_patches_are_refused(body: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        read_patch(body)
    assert (refused.value.status, refused.value.code) == (400, code)


@given(st.dictionaries(st.sampled_from(["userName", "active", "externalId", "name", "Operations", "schemas"]), JSON))
def test_whatever_json_comes_it_is_read_or_refused(body: dict[str, Any]) -> None:
    for read in (read_patch, wanted_user):
        try:
            read(body)
        except Refused as refused:
            assert refused.status == 400  # noqa: PT017 - most bodies are refused, and some are not
